/** The role of the page: it looks, and may ask the function that restores. It writes nothing anywhere. */
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

export interface WebRoleProps {
  /** Whether there is a page. */
  readonly exists: Choice;
  /** ARN of the primary bucket. */
  readonly sourceArn: string;
  /** ARN of the backup bucket. */
  readonly backupArn: string;
  /** ARN of the function that restores. */
  readonly restoresArn: string;
  /** Log group of the function. */
  readonly logGroup: ILogGroup;
  readonly kmsKeyArn?: Setting;
  readonly formerKmsKeyArns?: Setting;
  /** What the page shows while the first bucket cannot be read. */
  readonly second?: SecondBackup;
}

export class WebRole extends Construct {
  readonly role: iam.Role;

  constructor(scope: Construct, id: string, props: WebRoleProps) {
    super(scope, id);
    const objects = `${props.backupArn}/*`;
    const state = `${props.backupArn}/.s3-backup/*`;
    this.role = new iam.Role(this, 'Role', {
      description: 'Reads the backup, lists the primary bucket, and may ask the function that restores. Writes nothing.',
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      inlinePolicies: {
        Web: new iam.PolicyDocument({
          statements: [
            allow('ListBackup', permissions.WEB_BACKUP_ACTIONS, props.backupArn),
            allow('ReadBackup', permissions.WEB_VERSION_ACTIONS, objects),
            allow('ReadState', permissions.WATCH_OBJECT_ACTIONS, state),
            allow('ListSource', permissions.SOURCE_BUCKET_ACTIONS, props.sourceArn),
            allow('Restore', permissions.FUNCTION_ACTIONS, props.restoresArn),
            allow('WriteLog', permissions.LOG_ACTIONS, props.logGroup.logGroupArn),
          ],
        }),
      },
    });
    Validations.of(this.role).acknowledge(
      { id: wildcardIn(objects, this), reason: 'The page shows any version of an object of this one bucket.' },
      { id: wildcardIn(state, this), reason: 'Snapshots and restores of all jobs in this bucket.' },
    );
    this.allowKeys(props.exists, 'BackupKey', props.kmsKeyArn, (key) => [valueOf(key)]);
    this.allowKeys(props.exists, 'FormerBackupKeys', props.formerKmsKeyArns, listOf);
    this.allowSecond(props);
  }

  private allowSecond({ second, exists }: WebRoleProps): void {
    if (second === undefined) {
      return;
    }
    new SecondAccess(this, 'Second', {
      role: this.role, second, name: 'Web', exists, keyActions: permissions.FORMER_KEY_ACTIONS,
      rights: [
        ['ListSecondBackup', permissions.WEB_BACKUP_ACTIONS],
        ['ReadSecondBackup', permissions.WEB_VERSION_ACTIONS, ''],
        ['ReadSecondState', permissions.WATCH_OBJECT_ACTIONS, '.s3-backup/'],
      ],
    });
  }

  /** A policy of its own, because it exists only if there is a page and the key is given. */
  private allowKeys(exists: Choice, id: string, keys: Setting | undefined, values: (keys: Setting) => string[]): void {
    if (keys === undefined) {
      return;
    }
    const statements = [allow(id, permissions.FORMER_KEY_ACTIONS, ...values(keys))];
    const policy = new iam.Policy(this, id, { roles: [this.role], statements });
    const condition = decidedLater(both(exists, conditionOf(keys) ?? true, this, `Web${id}`));
    (policy.node.defaultChild as iam.CfnPolicy).cfnOptions.condition = condition;
  }
}
