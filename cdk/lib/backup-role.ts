/** The role of the function: the actions of permissions.ts on exactly the resources that they are for. */
import { Validations } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { type Choice, decidedLater } from './choice.ts';
import { wildcardIn } from './findings.ts';
import * as permissions from './permissions.ts';
import type { TopicPlace } from './problem-topic.ts';
import { SecondAccess, type SecondBackup } from './second-backup.ts';
import { conditionOf, listOf, type Setting, valueOf } from './setting.ts';
import { allow } from './statement.ts';

export interface BackupRoleProps {
  /** ARN of the primary bucket. */
  readonly sourceArn: string;
  /** ARN of the backup bucket. */
  readonly destinationArn: string;
  /** Log group of the function. */
  readonly logGroup: ILogGroup;
  /**
   * Whether what is gone from the primary bucket is marked as deleted in the backup bucket.
   * @default false
   */
  readonly markDeletions?: Choice;
  /** Topic for messages of runs. */
  readonly topic: TopicPlace;
  /**
   * Key of the topic.
   * @default - a key of AWS, which needs no permission
   */
  readonly operationsKmsKeyArn?: Setting;
  /**
   * Key of the primary bucket.
   * @default - keys that Amazon S3 manages, which need no permission
   */
  readonly sourceKmsKeyArn?: Setting;
  /**
   * Key of the backups.
   * @default - keys that Amazon S3 manages, which need no permission
   */
  readonly kmsKeyArn?: Setting;
  /**
   * Keys that encrypted the backups before, comma separated.
   * @default - none
   */
  readonly formerKmsKeyArns?: Setting;
  /**
   * A second backup bucket.
   * @default - none
   */
  readonly second?: SecondBackup;
}

export class BackupRole extends Construct {
  readonly role: iam.Role;

  constructor(scope: Construct, id: string, props: BackupRoleProps) {
    super(scope, id);
    const sourceObjects = `${props.sourceArn}/*`;
    const destinationObjects = `${props.destinationArn}/*`;
    this.role = new iam.Role(this, 'Role', {
      description: 'Reads the primary bucket, adds to the backup bucket. Cannot delete a version or change a rule.',
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      inlinePolicies: {
        Backup: new iam.PolicyDocument({
          statements: [
            allow('ListSource', permissions.SOURCE_BUCKET_ACTIONS, props.sourceArn),
            allow('ReadSource', permissions.SOURCE_OBJECT_ACTIONS, sourceObjects),
            allow('ListBackup', permissions.DESTINATION_BUCKET_ACTIONS, props.destinationArn),
            allow('LookAtBackup', permissions.DESTINATION_SETTING_ACTIONS, props.destinationArn),
            allow('AddToBackup', permissions.DESTINATION_OBJECT_ACTIONS, destinationObjects),
            allow('WriteLog', permissions.LOG_ACTIONS, props.logGroup.logGroupArn),
            allow('TellOfRuns', permissions.TOPIC_ACTIONS, props.topic.topicArn),
          ],
        }),
      },
    });
    Validations.of(this.role).acknowledge(
      { id: wildcardIn(sourceObjects, this), reason: 'A backup reads any object of this one bucket.' },
      { id: wildcardIn(destinationObjects, this), reason: 'A backup adds any object to this one bucket.' },
    );
    this.allowMarking(destinationObjects, props.markDeletions ?? false);
    this.allowSecond(props.second, props.markDeletions ?? false);
    this.allowKey('SourceKey', permissions.SOURCE_KEY_ACTIONS, props.sourceKmsKeyArn);
    this.allowKey('BackupKey', permissions.DESTINATION_KEY_ACTIONS, props.kmsKeyArn);
    this.allowKey('TopicKey', permissions.TOPIC_KEY_ACTIONS, props.operationsKmsKeyArn);
    this.allowKeys('FormerBackupKeys', permissions.FORMER_KEY_ACTIONS, props.formerKmsKeyArns);
  }

  /** The same in the second backup bucket. */
  private allowSecond(second: SecondBackup | undefined, marks: Choice): void {
    if (second === undefined) {
      return;
    }
    const access = { role: this.role, second, keyActions: permissions.DESTINATION_KEY_ACTIONS };
    new SecondAccess(this, 'Second', {
      ...access, name: 'Backup', exists: true,
      rights: [
        ['ListSecondBackup', permissions.DESTINATION_BUCKET_ACTIONS],
        ['LookAtSecondBackup', permissions.DESTINATION_SETTING_ACTIONS],
        ['AddToSecondBackup', permissions.DESTINATION_OBJECT_ACTIONS, ''],
      ],
    });
    if (marks !== false) {
      new SecondAccess(this, 'SecondMarks', {
        ...access, second: { bucketName: second.bucketName }, name: 'DeletionsIsMark', exists: marks,
        rights: [['MarkInSecondBackup', permissions.MARKING_ACTIONS, '']],
      });
    }
  }

  /** A policy of its own, because it exists only if deletions are marked. */
  private allowMarking(objects: string, marks: Choice): void {
    if (marks === false) {
      return;
    }
    const id = 'MarkInBackup';
    const policy = new iam.Policy(this, id, {
      roles: [this.role],
      statements: [allow(id, permissions.MARKING_ACTIONS, objects)],
    });
    (policy.node.defaultChild as iam.CfnPolicy).cfnOptions.condition = decidedLater(marks);
    Validations.of(policy).acknowledge(
      { id: wildcardIn(objects, this), reason: 'A backup marks any object of this one bucket.' },
    );
  }

  /** A policy of its own, because it exists only if the key is given. */
  private allowKey(id: string, actions: readonly string[], keyArn: Setting | undefined): void {
    if (keyArn !== undefined) {
      this.allowOnly(id, keyArn, allow(id, actions, valueOf(keyArn)));
    }
  }

  /** The same for several keys, comma separated. */
  private allowKeys(id: string, actions: readonly string[], keyArns: Setting | undefined): void {
    if (keyArns !== undefined) {
      this.allowOnly(id, keyArns, allow(id, actions, ...listOf(keyArns)));
    }
  }

  private allowOnly(id: string, setting: Setting, statement: iam.PolicyStatement): void {
    const policy = new iam.Policy(this, id, { roles: [this.role], statements: [statement] });
    (policy.node.defaultChild as iam.CfnPolicy).cfnOptions.condition = conditionOf(setting);
  }
}
