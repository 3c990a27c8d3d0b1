/**
 * Every action that a role is granted, and the call that needs it. The first lists are those of the backup role.
 *
 * Deliberately absent, because they can destroy a backup or the rules that keep it: s3:DeleteObjectVersion,
 * s3:PutLifecycleConfiguration, s3:PutBucketVersioning, s3:BypassGovernanceRetention.
 */

/** Actions on the primary bucket. */
export const SOURCE_BUCKET_ACTIONS = [
  's3:ListBucket', // ListObjectsV2; HeadBucket; HeadObject, which answers 403 instead of 404 without it.
] as const;

/** Actions on the objects of the primary bucket. */
export const SOURCE_OBJECT_ACTIONS = [
  's3:GetObject', // CopyObject and UploadPartCopy read the source with it; HeadObject.
  's3:GetObjectTagging', // CopyObject of an object with tags, which travel with it; GetObjectTagging.
] as const;

/** Actions on the backup bucket. */
export const DESTINATION_BUCKET_ACTIONS = [
  's3:ListBucket', // ListObjectsV2; HeadBucket.
  's3:GetBucketVersioning', // GetBucketVersioning: nothing is copied into a bucket that does not keep versions.
] as const;

/** Actions on the backup bucket with which a run warns of settings that would take backups away. */
export const DESTINATION_SETTING_ACTIONS = [
  's3:GetEncryptionConfiguration', // GetBucketEncryption.
  's3:GetLifecycleConfiguration', // GetBucketLifecycleConfiguration.
  's3:GetBucketObjectLockConfiguration', // GetObjectLockConfiguration.
  's3:GetBucketPublicAccessBlock', // GetPublicAccessBlock.
  's3:GetReplicationConfiguration', // GetBucketReplication.
] as const;

/** Actions on the objects of the backup bucket. */
export const DESTINATION_OBJECT_ACTIONS = [
  's3:GetObject', // HeadObject after a call whose answer was lost; GetObject and PutObject of the program's own objects.
  's3:GetObjectTagging', // GetObjectTagging of a deep verification.
  's3:PutObject', // CopyObject, the calls of a multi-part copy, PutObject of the program's own objects.
  's3:PutObjectTagging', // CopyObject and CreateMultipartUpload of an object with tags; PutObjectTagging of old state.
  's3:AbortMultipartUpload', // AbortMultipartUpload, when a multi-part copy cannot be finished.
] as const;

/**
 * Actions on the objects of the backup bucket if deletions are marked there. A marker hides what is below it; without
 * s3:DeleteObjectVersion nothing can be taken away.
 */
export const MARKING_ACTIONS = [
  's3:DeleteObject', // DeleteObject, never with a version.
] as const;

/** Actions on the key that encrypts the backups, if there is one. */
export const DESTINATION_KEY_ACTIONS = [
  'kms:GenerateDataKey', // CopyObject and PutObject encrypt with it.
  'kms:Decrypt', // Multi-part copies and reads of what was written.
] as const;

/** Actions of the account on the key that the stack makes: all but to encrypt, decrypt and grant. */
export const KEY_ADMINISTRATION_ACTIONS = [
  'kms:CancelKeyDeletion', 'kms:CreateAlias', 'kms:DeleteAlias', 'kms:DescribeKey', 'kms:DisableKey', 'kms:DisableKeyRotation', 'kms:EnableKey',
  'kms:EnableKeyRotation', 'kms:GetKeyPolicy', 'kms:GetKeyRotationStatus', 'kms:ListAliases', 'kms:ListGrants', 'kms:ListKeyPolicies',
  'kms:ListKeyRotations', 'kms:ListResourceTags', 'kms:PutKeyPolicy', 'kms:RevokeGrant', 'kms:RotateKeyOnDemand', 'kms:ScheduleKeyDeletion',
  'kms:TagResource', 'kms:UntagResource', 'kms:UpdateAlias', 'kms:UpdateKeyDescription',
] as const;

/** Actions on the keys that encrypted the backups before, if there are any. */
export const FORMER_KEY_ACTIONS = [
  'kms:Decrypt', // HeadObject and GetObject of what was written under them, the program's own objects among it.
] as const;

/** Actions on the key that encrypts the primary bucket, if there is one. */
export const SOURCE_KEY_ACTIONS = [
  'kms:Decrypt', // CopyObject and UploadPartCopy read the source.
] as const;

/** Actions of a restore on the backup bucket. */
export const RESTORE_SOURCE_BUCKET_ACTIONS = [
  's3:ListBucket', // ListObjectsV2 of the program's own objects; HeadBucket; 404 instead of 403 for what is not there.
  's3:ListBucketVersions', // ListObjectVersions: which version it was, and whether archived ones can be read.
  's3:GetBucketVersioning', // GetBucketVersioning.
] as const;

/** Actions of a restore on the objects of the backup bucket. Each names its version. */
export const RESTORE_SOURCE_OBJECT_ACTIONS = [
  's3:GetObjectVersion', // CopyObject and UploadPartCopy of a version; HeadObject of it.
  's3:GetObjectVersionTagging', // CopyObject of a version with tags; GetObjectTagging of it.
  's3:RestoreObject', // RestoreObject: archived versions are made readable for some days.
] as const;

/** Actions of a restore on the program's own objects in the backup bucket. */
export const RESTORE_STATE_READ_ACTIONS = [
  's3:GetObject', // GetObject of snapshots and of the state of restores; HeadObject after a call whose answer was lost.
  's3:GetObjectTagging', // CopyObject of what was put aside and has tags.
] as const;

/** Actions of a restore on its state in the backup bucket: plans, progress, and what it has put aside. */
export const RESTORE_STATE_WRITE_ACTIONS = [
  's3:PutObject', // PutObject; CopyObject and the calls of a multi-part copy of what is put aside.
  's3:PutObjectTagging', // CopyObject and CreateMultipartUpload of what is put aside and has tags.
  's3:AbortMultipartUpload', // AbortMultipartUpload, when a multi-part copy cannot be finished.
] as const;

/** Actions of a restore on the bucket that it writes into. */
export const RESTORE_TARGET_BUCKET_ACTIONS = [
  's3:ListBucket', // ListObjectsV2: what is there now; HeadBucket.
  's3:ListBucketVersions', // ListObjectVersions: an undo brings back the version that was replaced.
  's3:GetBucketVersioning', // GetBucketVersioning: what would be overwritten for good is put aside.
] as const;

/** Actions of a restore on the objects of the bucket that it writes into. */
export const RESTORE_TARGET_OBJECT_ACTIONS = [
  's3:GetObject', // HeadObject; CopyObject of what is put aside.
  's3:GetObjectTagging', // CopyObject of what is put aside and has tags.
  's3:GetObjectVersion', // CopyObject of a version that an undo brings back; HeadObject of it.
  's3:GetObjectVersionTagging', // The same of one with tags.
  's3:PutObject', // CopyObject and the calls of a multi-part copy.
  's3:PutObjectTagging', // CopyObject and CreateMultipartUpload of an object with tags.
  's3:AbortMultipartUpload', // AbortMultipartUpload, when a multi-part copy cannot be finished.
] as const;

/** Actions of a drill on what it leaves in the backup bucket: what it has found. */
export const DRILL_ACTIONS = [
  's3:PutObject', // PutObject.
] as const;

/** Actions of a restore on the keys of both buckets, if there are any. */
export const RESTORE_KEY_ACTIONS = [
  'kms:Decrypt', // CopyObject and UploadPartCopy read with it; multi-part copies.
  'kms:GenerateDataKey', // CopyObject and PutObject encrypt with it.
] as const;

/** Actions of the watch on the backup bucket. */
export const WATCH_BUCKET_ACTIONS = [
  's3:ListBucket', // HeadBucket; ListObjectsV2 of the leases of restores; 404 instead of 403 for what is not there.
] as const;

/** Actions of the watch on the program's own objects in the backup bucket. */
export const WATCH_OBJECT_ACTIONS = [
  's3:GetObject', // GetObject of the last snapshot's name and index, and of what names open restores.
] as const;

/** Actions of the page on the backup bucket. */
export const WEB_BACKUP_ACTIONS = [
  's3:ListBucket', // HeadBucket; ListObjectsV2 of restores; 404 instead of 403 for what is not there.
  's3:ListBucketVersions', // ListObjectVersions: the history of a file.
] as const;

/** Actions of the page on the objects of the backup bucket. */
export const WEB_VERSION_ACTIONS = [
  's3:GetObjectVersion', // GetObject of a version: previews, and the links of downloads.
] as const;

/** Actions of the functions on the key that encrypts the topic, if there is one. */
export const TOPIC_KEY_ACTIONS = [
  'kms:GenerateDataKey', // Publish encrypts with it.
  'kms:Decrypt', // Publish.
] as const;

/** Actions that the function for events is denied on the program's own objects in the backup bucket. */
export const STATE_WRITE_ACTIONS = [
  's3:PutObject', // It takes no lease and writes no snapshot.
] as const;

/** Actions of the function for events on its queue, with which Lambda reads it. */
export const QUEUE_ACTIONS = [
  'sqs:ReceiveMessage', // Lambda, for each batch.
  'sqs:DeleteMessage', // Lambda, for each message that was answered.
  'sqs:GetQueueAttributes', // Lambda, to know how much waits.
] as const;

/** Actions on the log group of the function. */
export const LOG_ACTIONS = [
  'logs:CreateLogStream', // Lambda, once per execution environment.
  'logs:PutLogEvents', // Lambda, for each batch of log lines.
] as const;

/** Actions on the topic. */
export const TOPIC_ACTIONS = [
  'sns:Publish', // Publish of a message of each run; Lambda, with the role of the function, for one that failed.
] as const;

/** Actions of the state machine on the function. */
export const FUNCTION_ACTIONS = [
  'lambda:InvokeFunction', // The task that runs and continues a backup; the schedule of a time zone.
] as const;

/** Actions of the state machine of a distributed run on the requests for its pieces. */
export const PIECES_READ_ACTIONS = [
  's3:GetObject', // The Map reads its items.
] as const;

/** Actions of that state machine on itself. */
export const PIECES_START_ACTIONS = [
  'states:StartExecution', // Each piece is an execution of its own.
] as const;

/** Actions of that state machine on its executions. */
export const PIECES_FOLLOW_ACTIONS = [
  'states:DescribeExecution', // Whether a piece is done.
  'states:StopExecution', // The other pieces, when one has failed.
] as const;

/** Actions of the state machine that deliver its log. AWS takes them on "*" only. */
export const LOG_DELIVERY_ACTIONS = [
  'logs:CreateLogDelivery', // Creating the state machine, for this one and all below.
  'logs:GetLogDelivery',
  'logs:UpdateLogDelivery',
  'logs:DeleteLogDelivery',
  'logs:ListLogDeliveries',
  'logs:PutResourcePolicy', // Lets the delivery service write into the log group.
  'logs:DescribeResourcePolicies',
  'logs:DescribeLogGroups',
] as const;

/** Actions of the state machine that trace its executions. AWS takes them on "*" only. */
export const TRACING_ACTIONS = [
  'xray:PutTraceSegments', // Each execution.
  'xray:PutTelemetryRecords',
  'xray:GetSamplingRules', // Whether an execution is traced.
  'xray:GetSamplingTargets',
] as const;

/** Actions of the schedule on the state machine. */
export const STATE_MACHINE_ACTIONS = [
  'states:StartExecution', // EventBridge, when it is time.
] as const;
