/** The role of the function for events: that of the backup, without marking, topic, lease and snapshots. */
import { Validations } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { both, type Choice, decidedLater } from './choice.ts';
import { wildcardIn } from './findings.ts';
import * as permissions from './permissions.ts';
import { SecondAccess, type SecondBackup } from './second-backup.ts';
import { conditionOf, listOf, type Setting, valueOf } from './setting.ts';
import { allow } from './statement.ts';

export interface EventsRoleProps {
  /** Whether events are answered. */
  readonly events: Choice;
  /** ARN of the primary bucket. */
  readonly sourceArn: string;
  /** ARN of the backup bucket. */
  readonly destinationArn: string;
  /** ARN of the queue. */
  readonly queueArn: string;
  /** Log group of the function. */
  readonly logGroup: ILogGroup;
  readonly sourceKmsKeyArn?: Setting;
  readonly kmsKeyArn?: Setting;
  readonly formerKmsKeyArns?: Setting;
  readonly second?: SecondBackup;
}

export class EventsRole extends Construct {
  readonly role: iam.Role;

  constructor(scope: Construct, id: string, props: EventsRoleProps) {
    super(scope, id);
    const sourceObjects = `${props.sourceArn}/*`;
    const destinationObjects = `${props.destinationArn}/*`;
    const state = `${props.destinationArn}/.s3-backup/*`;
    this.role = new iam.Role(this, 'Role', {
      description: 'Reads the primary bucket, adds copies to the backup bucket. Cannot write what the backup keeps of its runs.',
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      inlinePolicies: {
        Events: new iam.PolicyDocument({
          statements: [
            allow('ListSource', permissions.SOURCE_BUCKET_ACTIONS, props.sourceArn),
            allow('ReadSource', permissions.SOURCE_OBJECT_ACTIONS, sourceObjects),
            allow('ListBackup', permissions.DESTINATION_BUCKET_ACTIONS, props.destinationArn),
            allow('AddToBackup', permissions.DESTINATION_OBJECT_ACTIONS, destinationObjects),
            new iam.PolicyStatement({
              sid: 'KeepState', effect: iam.Effect.DENY, actions: [...permissions.STATE_WRITE_ACTIONS], resources: [state],
            }),
            allow('ReceiveEvents', permissions.QUEUE_ACTIONS, props.queueArn),
            allow('WriteLog', permissions.LOG_ACTIONS, props.logGroup.logGroupArn),
          ],
        }),
      },
    });
    Validations.of(this.role).acknowledge(
      { id: wildcardIn(sourceObjects, this), reason: 'A backup reads any object of this one bucket.' },
      { id: wildcardIn(destinationObjects, this), reason: 'A backup adds any object to this one bucket.' },
      { id: wildcardIn(state, this), reason: 'It is denied.' },
    );
    this.allowSecond(props.events, props.second);
    this.allowKeys(props.events, 'SourceKey', permissions.SOURCE_KEY_ACTIONS, props.sourceKmsKeyArn, (key) => [valueOf(key)]);
    this.allowKeys(props.events, 'BackupKey', permissions.DESTINATION_KEY_ACTIONS, props.kmsKeyArn, (key) => [valueOf(key)]);
    this.allowKeys(props.events, 'FormerBackupKeys', permissions.FORMER_KEY_ACTIONS, props.formerKmsKeyArns, listOf);
  }

  /** The same in the second backup bucket. */
  private allowSecond(events: Choice, second: SecondBackup | undefined): void {
    if (second === undefined) {
      return;
    }
    new SecondAccess(this, 'Second', {
      role: this.role, second, name: 'Events', exists: events, keyActions: permissions.DESTINATION_KEY_ACTIONS,
      rights: [
        ['ListSecondBackup', permissions.DESTINATION_BUCKET_ACTIONS],
        ['AddToSecondBackup', permissions.DESTINATION_OBJECT_ACTIONS, ''],
      ],
      denied: [['KeepSecondState', permissions.STATE_WRITE_ACTIONS, '.s3-backup/']],
    });
  }

  /** A policy of its own, because it exists only if there are events and the key is given. */
  private allowKeys(
    events: Choice, id: string, actions: readonly string[], keys: Setting | undefined, values: (keys: Setting) => string[],
  ): void {
    if (keys === undefined) {
      return;
    }
    const policy = new iam.Policy(this, id, { roles: [this.role], statements: [allow(id, actions, ...values(keys))] });
    const given = conditionOf(keys);
    const condition = given === undefined ? decidedLater(events) : decidedLater(both(events, given, this, `Events${id}`));
    (policy.node.defaultChild as iam.CfnPolicy).cfnOptions.condition = condition;
  }
}
