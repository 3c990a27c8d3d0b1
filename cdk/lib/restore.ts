/** Restores: the same package as the backup in a function of its own, with a role that the backup has not. */
import { CfnResource, Duration } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import type * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { type Choice, onlyIf } from './choice.ts';
import { FailureAlarm } from './failure-alarm.ts';
import { counted } from './metrics.ts';
import type { BackupOptions } from './options.ts';
import { ProblemAlarm } from './problem-alarm.ts';
import { functionName, notifications, type ProgramProps, programLog, programProps, programVariables } from './program-function.ts';
import { RestoreRole } from './restore-role.ts';

/** How often restores go on that wait for archives, or that were stopped: with nothing to do that is one request. */
const GOES_ON_EVERY = Duration.minutes(15);

/** Goes on with all restores that have something left. */
const CONTINUE_ALL = { operation: 'restore', continue: 'all' };

export interface RestoreProps extends ProgramProps {
  /** Whether there are restores. */
  readonly restore: Choice;
  /** Whether a restore may place delete markers in the primary bucket. */
  readonly restoreMarks: Choice;
}

export class Restore extends Construct {
  readonly function: lambda.Function;
  readonly role: iam.Role;
  readonly alarms: ProblemAlarm[];

  constructor(scope: Construct, id: string, props: RestoreProps) {
    super(scope, id);
    const logGroup = programLog(this, 'restore', props);
    const access = new RestoreRole(this, 'Access', {
      ...props, targetArn: props.source.bucketArn, backupArn: props.destination.bucketArn, logGroup,
    });
    this.role = access.role;
    this.function = new lambda.Function(this, 'Function', {
      ...programProps(props),
      functionName: functionName('restore'),
      description: 'Restores objects from the backup bucket into the primary bucket.',
      handler: 'restore',
      environment: programVariables(props, optionsOf(props.options ?? {}), notifications(props)),
      role: access.role.withoutPolicyUpdates(),
      logGroup,
      // The next schedule goes on.
      maxEventAge: GOES_ON_EVERY,
    });
    new events.Rule(this, 'Schedule', {
      description: 'Goes on with restores.',
      schedule: events.Schedule.rate(GOES_ON_EVERY),
      targets: [new targets.LambdaFunction(this.function, {
        maxEventAge: GOES_ON_EVERY, event: events.RuleTargetInput.fromObject(CONTINUE_ALL),
      })],
    });
    this.alarms = [
      new FailureAlarm(this, 'Failed', { function: this.function, what: 'restore' }),
      new ProblemAlarm(this, 'Errors', {
        what: 'Objects could not be restored.', section: 'restore-errors', metric: counted('RestoreErrors'),
      }),
    ];
    this.onlyIf(props.restore);
  }

  /** All of it depends on the choice; what depends on more has its condition already. */
  private onlyIf(restore: Choice): void {
    const more = new Map(this.node.findAll().filter(hasCondition).map((part) => [part, part.cfnOptions.condition]));
    onlyIf(restore, this);
    for (const [part, condition] of more) {
      part.cfnOptions.condition = condition;
    }
  }
}

function hasCondition(part: unknown): part is CfnResource {
  return CfnResource.isCfnResource(part as Construct) && (part as CfnResource).cfnOptions.condition !== undefined;
}

/** Those of the backup's options that a restore reads. */
function optionsOf(options: BackupOptions): BackupOptions {
  const { sourcePrefix, destinationPrefix, storageClass, multipartThreshold, serverSideEncryption, requestPayer, maxConcurrency } = options;
  return { sourcePrefix, destinationPrefix, storageClass, multipartThreshold, serverSideEncryption, requestPayer, maxConcurrency };
}
