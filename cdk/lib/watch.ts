/**
 * The dead-man's switch: a function of its own looks every hour how old the last complete run is, of the job of this stack or
 * of each job in the backup bucket. Its alarm goes off when backups fail, when none ever worked, and when the function
 * itself is gone. A stack whose job another stack looks at has the alarms alone.
 */
import { Aws, Duration, Validations } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { both, type Choice, decidedLater, either, onlyIf } from './choice.ts';
import { FailureAlarm } from './failure-alarm.ts';
import { wildcardIn } from './findings.ts';
import { seen } from './metrics.ts';
import * as permissions from './permissions.ts';
import { ProblemAlarm } from './problem-alarm.ts';
import { functionName, type ProgramProps, programLog, programProps, programVariables } from './program-function.ts';
import { SecondAccess } from './second-backup.ts';
import { conditionOf, listOf, type Setting, valueOf } from './setting.ts';
import { allow } from './statement.ts';

/** Once a day, and two hours for a run that takes long. */
export const DEFAULT_MAX_HOURS = 26;

/** A restore waits for archives for at most two days. */
const HOURS_OF_A_RESTORE = 72;

export interface WatchProps extends ProgramProps {
  /** Whether there is a function: the watch of another stack may look at this job. */
  readonly exists: Choice;
  /**
   * Whether it looks at each job in the backup bucket.
   * @default false
   */
  readonly watchJobs?: Choice;
  /**
   * Hours without a complete run after which somebody is told.
   * @default DEFAULT_MAX_HOURS
   */
  readonly maxHoursWithoutBackup?: number;
}

export class Watch extends Construct {
  /** The role of the function, if there can be one. */
  readonly role: iam.Role | undefined;
  readonly alarms: ProblemAlarm[];

  constructor(scope: Construct, id: string, props: WatchProps) {
    super(scope, id);
    const { maxHoursWithoutBackup = DEFAULT_MAX_HOURS } = props;
    this.alarms = [];
    if (props.exists !== false) {
      const looks = this.newFunction(props);
      this.role = looks.role;
      this.alarms.push(looks.failed);
    }
    this.alarms.push(
      new ProblemAlarm(this, 'NoBackup', {
        what: 'No run was complete for too long, or nobody looks any more.',
        section: 'no-backup',
        metric: seen('HoursSinceComplete'),
        above: maxHoursWithoutBackup,
        periods: 2,
        orNothing: true,
      }),
      new ProblemAlarm(this, 'RestoreWaits', {
        what: 'A restore has something left since three days.',
        section: 'restore-waits',
        metric: seen('RestoreOpenHours'),
        above: HOURS_OF_A_RESTORE,
      }),
    );
  }

  /** The function, which is started every hour, its role, and the alarm that tells of its failures. */
  private newFunction(props: WatchProps): { role: iam.Role; failed: ProblemAlarm } {
    const logGroup = programLog(this, 'watch', props);
    const role = this.newRole(props, logGroup.logGroupArn);
    const { sourcePrefix, destinationPrefix } = props.options ?? {};
    const { onFailure, retryAttempts, ...program } = programProps(props);
    const watch = new lambda.Function(this, 'Function', {
      ...program,
      functionName: functionName('watch'),
      description: 'Looks how old the last complete backup is.',
      handler: 'watch',
      memorySize: 128,
      timeout: Duration.minutes(1),
      environment: programVariables(props, { sourcePrefix, destinationPrefix }, { BACKUP_WATCH_JOBS: jobs(props.watchJobs ?? false) }),
      role: role.withoutPolicyUpdates(),
      logGroup,
    });
    new events.Rule(this, 'Schedule', {
      description: 'Looks how old the last complete backup is.',
      schedule: events.Schedule.rate(Duration.hours(1)),
      targets: [new targets.LambdaFunction(watch)],
    });
    const failed = new FailureAlarm(this, 'Failed', { function: watch, what: 'watch' });
    onlyIf(props.exists, this);
    this.allowSecond(role, props);
    this.allowKeys(role, props.exists, 'BackupKey', props.kmsKeyArn, (key) => [valueOf(key)]);
    this.allowKeys(role, props.exists, 'FormerBackupKeys', props.formerKmsKeyArns, listOf);
    return { role, failed };
  }

  /** It reads the program's own objects in the backup bucket, and nothing else. */
  private newRole(props: WatchProps, logGroupArn: string): iam.Role {
    const state = `${props.destination.bucketArn}/.s3-backup/*`;
    const role = new iam.Role(this, 'Role', {
      description: 'Reads what the S3 backup has written down of its runs.',
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      inlinePolicies: {
        Watch: new iam.PolicyDocument({
          statements: [
            allow('ListBackup', permissions.WATCH_BUCKET_ACTIONS, props.destination.bucketArn),
            allow('ReadState', permissions.WATCH_OBJECT_ACTIONS, state),
            allow('WriteLog', permissions.LOG_ACTIONS, logGroupArn),
          ],
        }),
      },
    });
    Validations.of(role).acknowledge({ id: wildcardIn(state, this), reason: 'The records of all runs of the job.' });
    return role;
  }

  /** Policies of their own, because they exist only if the bucket or the key is given. */
  private allowSecond(role: iam.Role, { second, exists }: WatchProps): void {
    if (second !== undefined) {
      new SecondAccess(this, 'Second', {
        role, second, name: 'Watch', exists, keyActions: permissions.FORMER_KEY_ACTIONS,
        rights: [['ListSecondBackup', permissions.WATCH_BUCKET_ACTIONS], ['ReadSecondState', permissions.WATCH_OBJECT_ACTIONS, '.s3-backup/']],
      });
    }
  }

  private allowKeys(role: iam.Role, exists: Choice, id: string, keys: Setting | undefined, values: (keys: Setting) => string[]): void {
    if (keys !== undefined) {
      const policy = new iam.Policy(this, id, {
        roles: [role], statements: [allow(id, permissions.FORMER_KEY_ACTIONS, ...values(keys))],
      });
      const withKeys = both(exists, conditionOf(keys) ?? true, this, `WatchAnd${id}`);
      (policy.node.defaultChild as iam.CfnPolicy).cfnOptions.condition = decidedLater(withKeys);
    }
  }
}

/** What the function is told of the jobs that it looks at; nothing for its own. */
function jobs(all: Choice): string | undefined {
  return all === false ? undefined : either(all, 'all', Aws.NO_VALUE);
}
