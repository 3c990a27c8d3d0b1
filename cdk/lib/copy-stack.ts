/** The stack of a second backup bucket, in another region or account, into which the roles of the backup are let in. */
import { type CfnParameterProps, CfnOutput, Fn, Validations } from 'aws-cdk-lib';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { AccessLogBucket } from './access-log-bucket.ts';
import { BackupBucket } from './backup-bucket.ts';
import { BackupKey, TWO_KEYS } from './backup-key.ts';
import { bucketStatements, type CopyRoles, keyStatements } from './copy-policy.ts';
import { PARAMETERS, RETENTION, ROLE_ARNS, ROLE_ARNS_OR_EMPTY } from './parameters.ts';
import { isGiven, type ParameterGroup, ParameterStack } from './parameter-stack.ts';
import { COMPLIANCE_UNCONFIRMED, NO_BREAK_GLASS_ROLE } from './protection.ts';

const DESCRIPTION = 'A second bucket for the backups of s3-backup, in another region or account.';

const role = (description: string): CfnParameterProps => ({ type: 'String', default: '', description, ...ROLE_ARNS_OR_EMPTY });

const ROLES = {
  BackupRoleArn: {
    type: 'String', description: 'ARN of the role that makes the backup: output BackupRoleArn of the stack of the backup. Many sources: those of all, comma separated.', ...ROLE_ARNS,
  },
  WatchRoleArn: role('ARN of the role that looks how old the backup is: output WatchRoleArn of the stack of the backup.'),
  RestoreRoleArn: role('ARN of the role that restores: output RestoreRoleArn of the stack of the backup. Empty: none.'),
  EventsRoleArn: role('ARN of the role that answers events: output EventsRoleArn of the stack of the backup. Empty: none.'),
  WebRoleArn: role('ARN of the role of the page: output WebRoleArn of the stack of the backup. Empty: none.'),
  Deletions: {
    ...PARAMETERS.Deletions, description: '"mark" lets the backup put a delete marker for what is gone from the source. Its versions stay.',
  },
} satisfies Record<string, CfnParameterProps>;

const { BackupBucket: BucketName, CreateKmsKey, KmsKeyArn, ObjectLock, ObjectLockDays, ObjectLockConfirm, ProtectBackups, BreakGlassRoleArn } = PARAMETERS;
const BUCKET = {
  BackupBucket: BucketName,
  CreateKmsKey,
  KmsKeyArn: {
    ...KmsKeyArn, description: 'ARN of the KMS key that encrypts the backups; its policy must let the roles in. Empty: keys that Amazon S3 manages.',
  },
};
const LOCKS = { ObjectLock, ObjectLockDays, ObjectLockConfirm, ProtectBackups, BreakGlassRoleArn };

export const COPY_GROUPS: readonly ParameterGroup[] = [
  { label: 'Roles that are let in', parameters: ROLES },
  { label: 'Bucket and key', parameters: BUCKET },
  { label: 'Retention', parameters: RETENTION },
  { label: 'Locks', parameters: LOCKS },
];

type Name = keyof typeof ROLES | keyof typeof BUCKET | keyof typeof RETENTION | keyof typeof LOCKS;

export class CopyStack extends ParameterStack<Name> {
  constructor(scope: Construct, id: string) {
    super(scope, id, DESCRIPTION, COPY_GROUPS);
    const { parameters } = this;
    const roles: CopyRoles = {
      backup: parameters.BackupRoleArn.valueAsString,
      restore: this.optional('RestoreRoleArn'),
      watch: this.optional('WatchRoleArn'),
      events: this.optional('EventsRoleArn'),
      web: this.optional('WebRoleArn'),
      marks: this.has('Deletions', 'mark'),
    };
    const key = new BackupKey(this, 'Key', {
      given: this.optional('KmsKeyArn'), create: this.has('CreateKmsKey', 'yes'), statements: keyStatements(roles),
    });
    const accessLogs = new AccessLogBucket(this, 'AccessLogs');
    const bucket = new BackupBucket(this, 'Copy', {
      bucketName: this.optional('BackupBucket'),
      kmsKeyArn: key.setting,
      accessLogs,
      retention: this.retention(),
      objectLock: {
        exists: this.when('ObjectLockIsGiven', Fn.conditionNot(Fn.conditionEquals(parameters.ObjectLock, 'no'))),
        isCompliance: this.has('ObjectLock', 'compliance'),
        days: parameters.ObjectLockDays.valueAsNumber,
      },
      protection: { exists: this.has('ProtectBackups', 'yes'), breakGlassRoleArn: parameters.BreakGlassRoleArn.valueAsString },
      statements: (arn) => bucketStatements(arn, roles),
    });
    accessLogs.accept(bucket.bucketArn);
    this.addRules();
    this.addOutputs(bucket, key);
    Validations.of(this).acknowledge({
      id: 'CloudFormation-Validate::W1001',
      reason: 'The output names the new key only under the condition that creates it.',
    }, {
      id: 'CloudFormation-Validate::W9052',
      reason: 'The validator goes through combinations of parameters and stops early; scripts/lint looks at the template as well.',
    }, {
      id: 'CloudFormation-Validate::W1030',
      reason: 'What is empty is not used: it stands under the condition that it is given.',
    });
  }

  private addRules(): void {
    const { CreateKmsKey: creates, KmsKeyArn: given, ObjectLock: lock, ObjectLockConfirm: confirm, ProtectBackups: protects, BreakGlassRoleArn: breakGlass } =
      this.parameters;
    this.refuse('OneKey', Fn.conditionEquals(creates, 'yes'), [Fn.conditionEquals(given, ''), TWO_KEYS]);
    this.refuse('ComplianceIsConfirmed', Fn.conditionEquals(lock, 'compliance'), [Fn.conditionEquals(confirm, 'yes'), COMPLIANCE_UNCONFIRMED]);
    this.refuse('ProtectionHasARole', Fn.conditionEquals(protects, 'yes'), [isGiven(breakGlass), NO_BREAK_GLASS_ROLE]);
  }

  /** What the stack of the backup wants to know. */
  private addOutputs(bucket: s3.Bucket, key: BackupKey): void {
    new CfnOutput(this, 'BackupBucketName', { description: 'SecondBackupBucket of the stack of the backup.', value: bucket.bucketName });
    new CfnOutput(this, 'BackupAccount', { description: 'SecondBackupAccount of the stack of the backup.', value: this.account });
    const setting = key.setting;
    if (typeof setting === 'object') {
      new CfnOutput(this, 'BackupKeyArn', { description: 'SecondKmsKeyArn of the stack of the backup.', value: setting.value, condition: setting.given });
    }
  }
}
