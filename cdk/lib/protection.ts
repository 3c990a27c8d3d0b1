/**
 * What keeps backups from people who may do everything else: Object Lock, and a bucket policy that one role gets past.
 *
 * A lock is set when the bucket is made. CloudFormation would replace a bucket that gets one later by a new one.
 */
import { Aws, Fn } from 'aws-cdk-lib';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { type Choice, either } from './choice.ts';
import { type Setting, valueOf } from './setting.ts';

/** Actions on a protected backup bucket and its versions that only the break-glass role has. */
export const PROTECTED_BUCKET_ACTIONS = [
  's3:DeleteBucket',
  's3:DeleteBucketPolicy', // It would end the protection.
  's3:PutBucketPolicy',
  's3:PutBucketObjectLockConfiguration',
  's3:PutBucketPublicAccessBlock',
  's3:PutBucketVersioning',
  's3:PutEncryptionConfiguration', // Under a key that is deleted later, backups are lost.
  's3:PutLifecycleConfiguration', // A rule deletes as well as a person.
  's3:PutReplicationConfiguration',
] as const;

/** The same of its objects. */
export const PROTECTED_OBJECT_ACTIONS = [
  's3:BypassGovernanceRetention',
  's3:DeleteObjectVersion',
  's3:PutObjectLegalHold',
  's3:PutObjectRetention',
] as const;

/** Days of a lock whose length nobody has said. */
export const DEFAULT_LOCK_DAYS = 30;

/** Why a lock is refused. */
export const COMPLIANCE_UNCONFIRMED = 'ObjectLock=compliance cannot be undone by anybody; confirm it with ObjectLockConfirm=yes';

/** Why a protection is refused. */
export const NO_BREAK_GLASS_ROLE = 'ProtectBackups=yes needs BreakGlassRoleArn: without it nobody could change the backup bucket again';

export interface ObjectLock {
  /** Whether there is a lock. */
  readonly exists: Choice;
  /** Whether nobody can shorten it, the account's root user neither. Otherwise who has BypassGovernanceRetention can. */
  readonly isCompliance: Choice;
  /** Days for which each version is kept. */
  readonly days: number;
}

export interface Protection {
  /** Whether the bucket policy denies what would take backups away. */
  readonly exists: Choice;
  /** ARN of the role that may do it all the same. Without it nobody could, and no update of the stack. */
  readonly breakGlassRoleArn: Setting;
}

/** Locks each version that is written to a new bucket. */
export function lock(bucket: s3.CfnBucket, { exists, isCompliance, days }: ObjectLock): void {
  if (exists === false) {
    return;
  }
  const configuration = {
    ObjectLockEnabled: 'Enabled',
    Rule: { DefaultRetention: { Mode: either(isCompliance, 'COMPLIANCE', 'GOVERNANCE'), Days: days } },
  };
  bucket.addPropertyOverride('ObjectLockEnabled', onlyWhen(exists, true));
  bucket.addPropertyOverride('ObjectLockConfiguration', onlyWhen(exists, configuration));
}

/** The statements that deny everybody but one role what would take backups away. */
export function protecting(bucketArn: string, { exists, breakGlassRoleArn }: Protection): unknown[] {
  if (exists === false) {
    return [];
  }
  const deny = (sid: string, actions: readonly string[], resource: string) => ({
    Sid: sid, Effect: 'Deny', Principal: { AWS: '*' }, Action: [...actions], Resource: resource,
    Condition: { ArnNotEquals: { 'aws:PrincipalArn': valueOf(breakGlassRoleArn) } },
  });
  const statements = [
    deny('KeepRules', PROTECTED_BUCKET_ACTIONS, bucketArn),
    deny('KeepVersions', PROTECTED_OBJECT_ACTIONS, `${bucketArn}/*`),
  ];
  return statements.map((statement) => onlyWhen(exists, statement));
}

function onlyWhen(exists: Choice, value: unknown): unknown {
  return typeof exists === 'boolean' ? value : Fn.conditionIf(exists.logicalId, value, Aws.NO_VALUE);
}
