/**
 * Every action the backup role is granted, and the call that needs it.
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

/** Actions on the objects of the backup bucket. */
export const DESTINATION_OBJECT_ACTIONS = [
  's3:GetObject', // HeadObject after a copy whose answer was lost.
  's3:PutObject', // CopyObject, PutObject and the calls of a multi-part copy.
  's3:PutObjectTagging', // CopyObject and CreateMultipartUpload of an object with tags.
  's3:AbortMultipartUpload', // AbortMultipartUpload, when a multi-part copy cannot be finished.
] as const;

/** Actions on the key that encrypts the backups, if there is one. */
export const DESTINATION_KEY_ACTIONS = [
  'kms:GenerateDataKey', // CopyObject and PutObject encrypt with it.
  'kms:Decrypt', // Multi-part copies and reads of what was written.
] as const;

/** Actions on the key that encrypts the primary bucket, if there is one. */
export const SOURCE_KEY_ACTIONS = [
  'kms:Decrypt', // CopyObject and UploadPartCopy read the source.
] as const;

/** Actions on the log group of the function. */
export const LOG_ACTIONS = [
  'logs:CreateLogStream', // Lambda, once per execution environment.
  'logs:PutLogEvents', // Lambda, for each batch of log lines.
] as const;

/** Actions on the topic for problems. */
export const TOPIC_ACTIONS = [
  'sns:Publish', // Lambda, with the role of the function, for a scheduled run that failed.
] as const;
