/** What the function is told: one property for each variable of its environment that can be set from outside. */
import { orAbsent, type Setting } from './setting.ts';

export interface BackupOptions {
  /**
   * Only keys below this prefix are backed up.
   * @default - all keys
   */
  readonly sourcePrefix?: Setting;
  /**
   * Put before each key in the backup bucket; `{source_bucket}` is replaced by the name of the primary bucket.
   * @default - the key stays as it is
   */
  readonly destinationPrefix?: Setting;
  /**
   * Globs over keys, comma separated.
   * @default - all keys
   */
  readonly include?: Setting;
  /**
   * Globs over keys, comma separated; exclude wins over include.
   * @default - none
   */
  readonly exclude?: Setting;
  /**
   * `name=value` pairs, comma separated: only objects with all of these tags are backed up.
   * @default - all objects
   */
  readonly includeTags?: Setting;
  /**
   * Storage class of the copies, or `source` to keep the class of each object.
   * @default - STANDARD
   */
  readonly storageClass?: Setting;
  /**
   * Objects of more bytes are copied in parts: `5 MiB` to `5 GiB`.
   * @default - 1 GiB
   */
  readonly multipartThreshold?: Setting;
  /**
   * Objects whose website redirect is looked up, because S3 does not copy it: `empty` or `all`.
   * @default - empty
   */
  readonly websiteRedirects?: Setting;
  /**
   * Encryption header of each write: `AES256`, `aws:kms` or `aws:kms:dsse`.
   * @default - as the keys say
   */
  readonly serverSideEncryption?: Setting;
  /**
   * `requester` where the caller pays for requests to the primary bucket.
   * @default - its owner pays
   */
  readonly requestPayer?: Setting;
  /**
   * `incremental`, or `full` to copy everything again.
   * @default - incremental
   */
  readonly mode?: Setting;
  /**
   * A run with more deletions is held until it is confirmed, but never with ten or fewer.
   * @default - 100
   */
  readonly maxDeletions?: Setting;
  /**
   * A run that deletes more of the backup, in percent, is held until it is confirmed, but never with ten or fewer.
   * @default - 10
   */
  readonly maxDeletionsPercent?: Setting;
  /**
   * The answer to an unusual share of changed objects: `warn`, or `hold` before anything is copied.
   * @default - warn
   */
  readonly unusual?: Setting;
  /**
   * Changes of so many of the known objects, in percent, are never unusual.
   * @default - 20
   */
  readonly unusualChangePercent?: Setting;
  /**
   * Days for which runs stay restore points; what no run names any more of the program's own objects expires after that. 0 keeps all.
   * @default - 365
   */
  readonly historyDays?: Setting;
  /**
   * Dollars that a run may spend on copies; what is left is for the next one.
   * @default - as many as it takes
   */
  readonly maxCostUsd?: Setting;
  /**
   * Objects of more bytes are left to the run by events: bytes, or `512 MiB`.
   * @default - 5 GiB
   */
  readonly eventMaxSize?: Setting;
  /**
   * What events do when only tags have changed: `copy` or `ignore`.
   * @default - copy
   */
  readonly eventTags?: Setting;
  /**
   * Upper bound of copies in flight.
   * @default - derived from the memory of the function
   */
  readonly maxConcurrency?: Setting;
}

const VARIABLES: Record<keyof BackupOptions, string> = {
  sourcePrefix: 'BACKUP_SOURCE_PREFIX',
  destinationPrefix: 'BACKUP_DESTINATION_PREFIX',
  include: 'BACKUP_INCLUDE',
  exclude: 'BACKUP_EXCLUDE',
  includeTags: 'BACKUP_INCLUDE_TAGS',
  storageClass: 'BACKUP_STORAGE_CLASS',
  multipartThreshold: 'BACKUP_MULTIPART_THRESHOLD',
  websiteRedirects: 'BACKUP_WEBSITE_REDIRECTS',
  serverSideEncryption: 'BACKUP_SSE',
  requestPayer: 'BACKUP_REQUEST_PAYER',
  mode: 'BACKUP_MODE',
  maxDeletions: 'BACKUP_MAX_DELETIONS',
  maxDeletionsPercent: 'BACKUP_MAX_DELETIONS_PERCENT',
  unusual: 'BACKUP_UNUSUAL',
  unusualChangePercent: 'BACKUP_UNUSUAL_CHANGE_PERCENT',
  historyDays: 'BACKUP_HISTORY_DAYS',
  maxCostUsd: 'BACKUP_MAX_COST_USD',
  eventMaxSize: 'BACKUP_EVENT_MAX_SIZE',
  eventTags: 'BACKUP_EVENT_TAGS',
  maxConcurrency: 'BACKUP_MAX_CONCURRENCY',
};

/** The options as variables. A variable that is not set is absent: the function treats an empty value as a mistake. */
export function optionVariables(options: BackupOptions): Record<string, string> {
  return present(Object.fromEntries(
    Object.entries(VARIABLES).map(([option, variable]) => [variable, orAbsent(options[option as keyof BackupOptions])]),
  ));
}

/** Drops variables without a value. */
export function present(variables: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
