/** The bucket that gets the backups: one that exists, of which nothing is changed, or a new one. */
import { Arn, ArnFormat, CfnCondition, type CfnResource, Fn, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { BackupBucket, type BackupBucketProps } from './backup-bucket.ts';
import type { Setting } from './setting.ts';

export interface BackupPlace {
  readonly bucketName: string;
  readonly bucketArn: string;
}

/** Why an existing bucket is refused. */
export const EXISTING_CHANGES_NOTHING =
  'ExistingBackupBucket changes nothing about that bucket: leave BackupBucket, the days of its lifecycle, ObjectLock, ProtectBackups and CreateKmsKey as they are';

/** A new bucket, unless the name of an existing one is given, now or on deployment. */
export function backupPlace(scope: Construct, id: string, existingName: Setting | undefined, props: BackupBucketProps): BackupPlace {
  if (typeof existingName === 'string') {
    return { bucketName: existingName, bucketArn: bucketArn(scope, existingName) };
  }
  const bucket = new BackupBucket(scope, id, props);
  if (existingName === undefined) {
    return bucket;
  }
  const isNew = new CfnCondition(Stack.of(scope), 'CreateBackupBucket', { expression: Fn.conditionNot(existingName.given) });
  for (const part of [bucket.node.defaultChild, bucket.policy?.node.defaultChild]) {
    (part as CfnResource).cfnOptions.condition = isNew;
  }
  const bucketName = Fn.conditionIf(isNew.logicalId, bucket.bucketName, existingName.value).toString();
  return { bucketName, bucketArn: bucketArn(scope, bucketName) };
}

/** The ARN of a bucket of that name. */
export function bucketArn(scope: Construct, bucketName: string): string {
  return Arn.format(
    { service: 's3', region: '', account: '', resource: bucketName, arnFormat: ArnFormat.NO_RESOURCE_NAME }, Stack.of(scope),
  );
}
