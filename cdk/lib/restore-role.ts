/** The role of restores: reads any version of the backup, writes into the primary bucket, and can destroy nothing. */
import { Validations } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { both, type Choice, decidedLater } from './choice.ts';
import { wildcardIn } from './findings.ts';
import * as permissions from './permissions.ts';
import type { TopicPlace } from './problem-topic.ts';
import { SecondAccess, type SecondBackup } from './second-backup.ts';
import { conditionOf, listOf, type Setting, valueOf } from './setting.ts';
import { allow } from './statement.ts';

export interface RestoreRoleProps {
  /** ARN of the primary bucket, into which objects are restored. */
  readonly targetArn: string;
  /** ARN of the backup bucket. */
  readonly backupArn: string;
  /** Log group of the function. */
  readonly logGroup: ILogGroup;
  /** Topic for problems. */
  readonly topic: TopicPlace;
  /** Whether there are restores. */
  readonly restore: Choice;
  /** Whether a restore may place delete markers in the primary bucket. */
  readonly restoreMarks: Choice;
  readonly sourceKmsKeyArn?: Setting;
  readonly kmsKeyArn?: Setting;
  readonly formerKmsKeyArns?: Setting;
  readonly operationsKmsKeyArn?: Setting;
  readonly second?: SecondBackup;
}

export class RestoreRole extends Construct {
  readonly role: iam.Role;
  private readonly restore: Choice;

  constructor(scope: Construct, id: string, props: RestoreRoleProps) {
    super(scope, id);
    this.restore = props.restore;
    const targetObjects = `${props.targetArn}/*`;
    const backupObjects = `${props.backupArn}/*`;
    const programObjects = `${props.backupArn}/.s3-backup/*`;
    const restoreObjects = `${props.backupArn}/.s3-backup/*/restores/*`;
    this.role = new iam.Role(this, 'Role', {
      description: 'Reads the backup, adds to the primary bucket. Cannot delete a version, or change a backup.',
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      inlinePolicies: {
        Restore: new iam.PolicyDocument({
          statements: [
            allow('ListBackup', permissions.RESTORE_SOURCE_BUCKET_ACTIONS, props.backupArn),
            allow('ReadBackup', permissions.RESTORE_SOURCE_OBJECT_ACTIONS, backupObjects),
            allow('ReadState', permissions.RESTORE_STATE_READ_ACTIONS, programObjects),
            allow('WriteState', permissions.RESTORE_STATE_WRITE_ACTIONS, restoreObjects),
            allow('ListTarget', permissions.RESTORE_TARGET_BUCKET_ACTIONS, props.targetArn),
            allow('AddToTarget', permissions.RESTORE_TARGET_OBJECT_ACTIONS, targetObjects),
            allow('WriteLog', permissions.LOG_ACTIONS, props.logGroup.logGroupArn),
            allow('TellOfRuns', permissions.TOPIC_ACTIONS, props.topic.topicArn),
          ],
        }),
      },
    });
    Validations.of(this.role).acknowledge(
      { id: wildcardIn(targetObjects, this), reason: 'A restore writes any object of this one bucket.' },
      { id: wildcardIn(backupObjects, this), reason: 'A restore reads any object of this one bucket.' },
      { id: wildcardIn(programObjects, this), reason: 'Snapshots and states of restores of all jobs in this bucket.' },
      { id: wildcardIn(restoreObjects, this), reason: 'The states of restores of all jobs in this bucket.' },
    );
    this.allowMarking(targetObjects, props.restoreMarks);
    this.allowSecond(props.second);
    this.allowKey('TargetKey', permissions.RESTORE_KEY_ACTIONS, props.sourceKmsKeyArn, valueOf);
    this.allowKey('BackupKey', permissions.RESTORE_KEY_ACTIONS, props.kmsKeyArn, valueOf);
    this.allowKey('TopicKey', permissions.TOPIC_KEY_ACTIONS, props.operationsKmsKeyArn, valueOf);
    this.allowKey('FormerBackupKeys', permissions.FORMER_KEY_ACTIONS, props.formerKmsKeyArns, listOf);
  }

  /** The same in the second backup bucket. */
  private allowSecond(second: SecondBackup | undefined): void {
    if (second === undefined) {
      return;
    }
    new SecondAccess(this, 'Second', {
      role: this.role, second, name: 'Restore', exists: this.restore, keyActions: permissions.RESTORE_KEY_ACTIONS,
      rights: [
        ['ListSecondBackup', permissions.RESTORE_SOURCE_BUCKET_ACTIONS],
        ['ReadSecondBackup', permissions.RESTORE_SOURCE_OBJECT_ACTIONS, ''],
        ['ReadSecondState', permissions.RESTORE_STATE_READ_ACTIONS, '.s3-backup/'],
        ['WriteSecondState', permissions.RESTORE_STATE_WRITE_ACTIONS, '.s3-backup/*/restores/'],
      ],
    });
  }

  /** A policy of its own, because it exists only if it is asked for. */
  private allowMarking(objects: string, marks: Choice): void {
    if (marks === false) {
      return;
    }
    const policy = this.policy('MarkInTarget', permissions.MARKING_ACTIONS, [objects], both(this.restore, marks, this, 'RestoreAndMarks'));
    Validations.of(policy).acknowledge(
      { id: wildcardIn(objects, this), reason: 'A restore hides any object of this one bucket that it has created.' },
    );
  }

  /** A policy of its own, because it exists only if the key is given. */
  private allowKey(
    id: string, actions: readonly string[], keys: Setting | undefined, values: (setting: Setting) => string | string[],
  ): void {
    if (keys !== undefined) {
      this.policy(id, actions, [values(keys)].flat(), both(this.restore, conditionOf(keys) ?? true, this, `RestoreAnd${id}`));
    }
  }

  private policy(id: string, actions: readonly string[], resources: string[], exists: Choice): iam.Policy {
    const policy = new iam.Policy(this, id, { roles: [this.role], statements: [allow(id, actions, ...resources)] });
    (policy.node.defaultChild as iam.CfnPolicy).cfnOptions.condition = decidedLater(exists);
    return policy;
  }
}
