/** The parameters of the portable template, grouped as the console shows them. An empty default means: may be left out. */
import type { CfnParameterProps } from 'aws-cdk-lib';
import { DEFAULT_LOCK_DAYS } from './protection.ts';
import { LOCK_DAYS, MOST_DAYS, NONCURRENT_DAYS, usualRetention } from './retention.ts';
import { DEFAULT_SCHEDULE } from './schedule.ts';
import { DEFAULT_MAX_HOURS } from './watch.ts';
import { DEFAULT_MAX_DAYS } from './drill.ts';

const NEW_BUCKET_NAME_OR_EMPTY = '^$|^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$';
/** Buckets of us-east-1 older than 2018 have upper case, underscores and up to 255 characters. */
const EXISTING_BUCKET_NAME_OR_EMPTY = '^$|^[A-Za-z0-9._-]{3,255}$';
const KEY_ARNS_OR_EMPTY = '^$|^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[^,]+(,arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[^,]+)*$';
const KEY_ARN_OR_EMPTY = '^$|^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$';

/** What a value must look like, in words: the console shows them when it refuses one. */
const CONSTRAINTS: Record<string, string> = {
  [NEW_BUCKET_NAME_OR_EMPTY]: '3 to 63 lower case letters, digits, dots and hyphens, or empty',
  [EXISTING_BUCKET_NAME_OR_EMPTY]: 'the name of a bucket, without s3:// and without a prefix, or empty',
  [KEY_ARNS_OR_EMPTY]: 'ARNs such as arn:aws:kms:eu-west-1:111122223333:key/..., comma separated, without blanks, or empty',
  [KEY_ARN_OR_EMPTY]: 'an ARN such as arn:aws:kms:eu-west-1:111122223333:key/..., not an alias, or empty',
};
const PREFIX = { allowedPattern: '^[^\\r\\n]{0,1024}$', constraintDescription: 'at most 1,024 characters, in one line' };
const GLOBS = { allowedPattern: '^[^\\r\\n]*$', constraintDescription: 'globs such as photos/*,*.pdf, comma separated, in one line' };
const COUNT = { allowedPattern: '^[0-9]{0,18}$', constraintDescription: 'a whole number, or empty' };
const PERCENT = { allowedPattern: '^$|^[0-9]{1,2}$|^100$', constraintDescription: 'a whole number from 0 to 100, or empty' };

/** What Amazon CloudWatch Logs allows. */
const RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
].map(String);

const STORAGE_CLASSES = [
  'STANDARD', 'STANDARD_IA', 'ONEZONE_IA', 'INTELLIGENT_TIERING', 'GLACIER_IR', 'GLACIER', 'DEEP_ARCHIVE',
];

const ROLE_WORDS = 'an ARN such as arn:aws:iam::111122223333:role/name';
/** A role of IAM, by its ARN. */
export const ROLE_ARN = { allowedPattern: '^arn:[a-z-]+:iam::[0-9]{12}:role/.+$', constraintDescription: ROLE_WORDS };
const ROLES = '^arn:[a-z-]+:iam::[0-9]{12}:role/[^,\\s]+(,arn:[a-z-]+:iam::[0-9]{12}:role/[^,\\s]+)*$';
const ROLES_WORDS = `${ROLE_WORDS}, or several, comma separated, without blanks`;
/** Roles of IAM, by their ARNs. */
export const ROLE_ARNS = { allowedPattern: ROLES, constraintDescription: ROLES_WORDS };
export const ROLE_ARNS_OR_EMPTY = { allowedPattern: `^$|${ROLES}`, constraintDescription: `${ROLES_WORDS}, or empty` };
export const ROLE_ARN_OR_EMPTY = { allowedPattern: `^$|${ROLE_ARN.allowedPattern}`, constraintDescription: `${ROLE_WORDS}, or empty` };

function optional(description: string, more: CfnParameterProps = {}): CfnParameterProps {
  const constraintDescription = CONSTRAINTS[more.allowedPattern ?? ''];
  return { type: 'String', default: '', description, ...(constraintDescription && { constraintDescription }), ...more };
}

const CODE = {
  CodeBucket: {
    type: 'String', description: 'Bucket in the region of this stack that holds the package of the function.',
    allowedPattern: '^[A-Za-z0-9._-]{3,255}$', constraintDescription: 'the name of a bucket, without s3:// and without a key',
  },
  CodeKey: {
    type: 'String', description: 'Key of the package, for example bootstrap.zip.',
    allowedPattern: '^.{1,1024}$', constraintDescription: 'the key of the package in its bucket, such as bootstrap.zip',
  },
  CodeVersion: optional('Version of the package in a versioned bucket: a new version under the same key deploys. Empty: the latest.', {
    allowedPattern: '^[^\\s]{0,1024}$', constraintDescription: 'a version id, without blanks, or empty',
  }),
};

const BUCKETS = {
  SourceBucket: optional('Existing bucket to back up. Empty: a new one is created.', {
    allowedPattern: EXISTING_BUCKET_NAME_OR_EMPTY,
  }),
  BackupBucket: optional('Name of the new bucket for the backups. Empty: generated.', {
    allowedPattern: NEW_BUCKET_NAME_OR_EMPTY,
  }),
  ExistingBackupBucket: optional('Existing versioned bucket for the backups, of another source or a deleted stack. Nothing about it is changed.', {
    allowedPattern: EXISTING_BUCKET_NAME_OR_EMPTY,
  }),
  SourceKmsKeyArn: optional('ARN of the KMS key that encrypts the bucket to back up, if there is one.', {
    allowedPattern: KEY_ARN_OR_EMPTY,
  }),
  KmsKeyArn: optional('ARN of the KMS key that encrypts the backups. Empty: keys that Amazon S3 manages.', {
    allowedPattern: KEY_ARN_OR_EMPTY,
  }),
  CreateKmsKey: {
    type: 'String', default: 'no', allowedValues: ['no', 'yes'],
    description: 'Make a KMS key that encrypts the backups, in the place of KmsKeyArn. It stays when the stack is deleted.',
  },
  FormerKmsKeyArns: optional('ARNs of the KMS keys that encrypted the backups before, comma separated, without blanks.', {
    allowedPattern: KEY_ARNS_OR_EMPTY,
  }),
};

const SECOND = {
  SecondBackupBucket: optional('Second bucket for the backups, in another region or account, made by s3-backup-copy.template.json. Empty: none.', {
    allowedPattern: NEW_BUCKET_NAME_OR_EMPTY,
  }),
  SecondBackupAccount: optional('Account that must own SecondBackupBucket. Empty: the account of this stack.', {
    allowedPattern: '^$|^[0-9]{12}$', constraintDescription: 'an account id of 12 digits, or empty',
  }),
  SecondKmsKeyArn: optional('ARN of the KMS key that encrypts the backups in SecondBackupBucket. Empty: keys that Amazon S3 manages.', {
    allowedPattern: KEY_ARN_OR_EMPTY,
  }),
};

const USUAL = usualRetention();

/** Days until versions move to a class. S3 takes no earlier move than after so many. */
function move(days: number, description: string, minValue = 1): CfnParameterProps {
  return { type: 'Number', default: days, minValue, maxValue: MOST_DAYS, description };
}

export const RETENTION = {
  NoncurrentDays: {
    type: 'Number', default: String(USUAL.noncurrentDays), allowedValues: NONCURRENT_DAYS.map(String),
    description: 'Days after which replaced versions expire. The version on top never does.',
  },
  StandardIaDays: move(USUAL.standardIaDays, 'Days after which current backups above 128 KiB move to STANDARD_IA; 36500 is never.', 30),
  GlacierIrDays: move(USUAL.glacierIrDays, 'Days after which current backups above 128 KiB move to GLACIER_IR; 36500 is never.', 60),
  ReplacedGlacierDays: move(USUAL.replacedGlacierDays, 'Days after which replaced versions above 128 KiB move to GLACIER; 36500 is never.'),
  ReplacedDeepArchiveDays: move(USUAL.replacedDeepArchiveDays, 'Days after which replaced versions above 128 KiB move to DEEP_ARCHIVE; 36500 is never.'),
};

const PROTECTION = {
  ObjectLock: {
    type: 'String', default: 'no', allowedValues: ['no', 'governance', 'compliance'],
    description: 'Keep each version for ObjectLockDays, whoever deletes it. Only when the stack is made: it cannot be changed later.',
  },
  ObjectLockDays: {
    type: 'Number', default: String(DEFAULT_LOCK_DAYS), allowedValues: LOCK_DAYS.map(String),
    description: 'Days for which a version is locked; not more than NoncurrentDays.',
  },
  ObjectLockConfirm: {
    type: 'String', default: 'no', allowedValues: ['no', 'yes'],
    description: '"yes" is demanded for compliance: nobody can take such a lock back, and what is locked is paid for until it ends.',
  },
  ProtectBackups: {
    type: 'String', default: 'no', allowedValues: ['no', 'yes'],
    description: 'Deny deletions of versions and changes of lifecycle, versioning and policy to everybody but BreakGlassRoleArn.',
  },
  BreakGlassRoleArn: optional('ARN of the role that ProtectBackups does not bind, and that later changes of the backup bucket need.', {
    ...ROLE_ARN_OR_EMPTY,
  }),
};

const OPTIONS = {
  SourcePrefix: optional('Only keys below this prefix are backed up.', PREFIX),
  DestinationPrefix: optional('Put before each key in the backup bucket; {source_bucket} is replaced.', PREFIX),
  Include: optional('Globs over keys, comma separated. Empty: all keys.', GLOBS),
  Exclude: optional('Globs over keys, comma separated; exclude wins.', GLOBS),
  IncludeTags: optional('name=value pairs, comma separated: only objects with all of these tags. Empty: all.', {
    allowedPattern: '^$|^[^=,]+=[^,]*(,[^=,]+=[^,]*)*$', constraintDescription: 'name=value pairs, comma separated, or empty',
  }),
  StorageClass: optional('Storage class of the copies; "source" keeps the class of each object. Empty: STANDARD.', {
    allowedValues: ['', 'source', ...STORAGE_CLASSES],
  }),
  MultipartThreshold: optional('Objects above it are copied in parts: 5 MiB to 5 GiB. Empty: 1 GiB.', {
    allowedPattern: '^$|^[0-9]+ ?([MG]iB)?$', constraintDescription: 'such as 64 MiB or 1 GiB, or a number of bytes, or empty',
  }),
  WebsiteRedirects: optional('Objects whose website redirect is looked up, because S3 does not copy it. Empty: empty ones.', {
    allowedValues: ['', 'empty', 'all'],
  }),
  ServerSideEncryption: optional('Encryption header of each copy and of what the program writes, where a policy demands one. Empty: as the keys say.', {
    allowedValues: ['', 'AES256', 'aws:kms', 'aws:kms:dsse'],
  }),
  RequestPayer: optional('"requester" where the account of this stack pays for requests to the bucket to back up. Empty: its owner.', {
    allowedValues: ['', 'requester'],
  }),
  Mode: optional('"full" copies everything again. Empty: incremental.', { allowedValues: ['', 'incremental', 'full'] }),
  Deletions: {
    type: 'String', default: 'keep', allowedValues: ['keep', 'mark'],
    description: '"mark" puts a delete marker into the backup for what is gone from the source. Its versions stay.',
  },
  MaxDeletions: optional('A run with more deletions is held until it is confirmed, but never with ten or fewer. Empty: 100.', COUNT),
  MaxDeletionsPercent: optional('A run that deletes more of the backup, in percent, is held until it is confirmed. Empty: 10.', PERCENT),
  Unusual: optional('What is done when many more objects have changed than usual: "hold" copies nothing until it is confirmed. Empty: warn.', {
    allowedValues: ['', 'warn', 'hold'],
  }),
  UnusualChangePercent: optional('Changes of so many of the known objects, in percent, are never unusual. Empty: 20.', PERCENT),
  HistoryDays: optional('Days for which runs stay restore points; 0 keeps all of them. Empty: 365.', {
    allowedPattern: '^$|^[0-9]{1,3}$|^[12][0-9]{3}$|^3[0-5][0-9]{2}$|^36[0-4][0-9]$|^3650$', constraintDescription: 'a whole number from 0 to 3650, or empty',
  }),
  MaxCostUsd: optional('Dollars that a run may spend on copies; what is left is for the next one. Empty: as many as it takes.', {
    allowedPattern: '^$|^[0-9]{1,9}([.][0-9]{1,9})?$', constraintDescription: 'dollars such as 2.50, or empty',
  }),
  MaxConcurrency: optional('Upper bound of copies in flight. Empty: derived from the memory.', {
    allowedPattern: '^$|^[1-9][0-9]{0,2}$', constraintDescription: 'a whole number from 1 to 900, or empty',
  }),
};

const RUNNING = {
  Schedule: {
    type: 'String', default: DEFAULT_SCHEDULE, allowedPattern: '^(cron|rate)\\(.+\\)$',
    constraintDescription: 'such as cron(0 2 * * ? *) or rate(12 hours)',
    description: 'When the backup is made, as an EventBridge expression in UTC, or in TimeZone.',
  },
  TimeZone: optional('Time zone of the schedule, such as Europe/Berlin. Empty: UTC.', {
    allowedPattern: '^[A-Za-z0-9_+/-]{0,50}$', constraintDescription: 'a time zone such as Europe/Berlin, or empty',
  }),
  MemorySize: {
    type: 'Number', default: 512, minValue: 128, maxValue: 10240,
    description: 'Memory of the function in MB; 1,769 MB is one whole vCPU.',
  },
  Architecture: {
    type: 'String', default: 'x86_64', allowedValues: ['x86_64', 'arm64'],
    description: 'Processor that the package was built for.',
  },
  OneRunAtATime: {
    type: 'String', default: 'yes', allowedValues: ['yes', 'no'],
    description: 'Reserve one concurrent execution. "no" only where the account has none to spare.',
  },
  Continuation: {
    type: 'String', default: 'no', allowedValues: ['no', 'yes'],
    description: 'Start an AWS Step Functions state machine that continues a backup of more than 15 minutes until it is done.',
  },
  Distributed: {
    type: 'String', default: 'no', allowedValues: ['no', 'yes'],
    description: 'Make a state machine that backs up by 20 functions at once, for a first run over very many objects.',
  },
};

const EVENTS = {
  Events: {
    type: 'String', default: 'no', allowedValues: ['no', 'yes'],
    description: 'Copy each new object within seconds, by events. An existing source: scripts/enable-events.sh afterwards.',
  },
  EventMaxSize: optional('Objects above it are left to the run by events: bytes, MiB or GiB. Empty: 5 GiB.', {
    allowedPattern: '^$|^[0-9]+ ?(MiB|GiB)?$', constraintDescription: 'such as 64 MiB or 1 GiB, or a number of bytes, or empty',
  }),
  EventTags: optional('What events do when only tags have changed. Empty: copy.', { allowedValues: ['', 'copy', 'ignore'] }),
};

const RESTORING = {
  Restore: {
    type: 'String', default: 'no', allowedValues: ['no', 'yes'],
    description: 'Make a function that restores from the backup, with a role of its own.',
  },
  RestoreMarks: {
    type: 'String', default: 'no', allowedValues: ['no', 'yes'],
    description: 'Restores may place delete markers in the source: an undo needs them for objects that a restore created.',
  },
  DrillSchedule: optional('When a restore is rehearsed in a scratch bucket, for example rate(7 days). Only with Restore. Empty: never.', {
    allowedPattern: '^$|^(cron|rate)\\(.+\\)$', constraintDescription: 'such as cron(0 2 * * ? *) or rate(7 days), or empty',
  }),
  MaxDaysWithoutDrill: {
    type: 'Number', default: DEFAULT_MAX_DAYS, minValue: 1, maxValue: 400,
    description: 'Days without a drill that passed after which an alarm goes off. Only with DrillSchedule.',
  },
};

const WEB = {
  Web: {
    type: 'String', default: 'no', allowedValues: ['no', 'cognito', 'oidc'],
    description: 'Make a page where people get files back, with a user pool or with a sign-in of your own. Only with Restore.',
  },
  WebIssuer: optional('Address of the issuer of tokens. Only with Web=oidc.', {
    allowedPattern: '^$|^https://[A-Za-z0-9./_:-]+$', constraintDescription: 'an address that begins with https://, or empty',
  }),
  WebClientId: optional('The page, as the issuer knows it. Only with Web=oidc.', {
    allowedPattern: '^[A-Za-z0-9._:/-]{0,256}$', constraintDescription: 'an id, or empty',
  }),
  WebAccess: optional('What further groups may do on the page, and in which folders: team-a=restorer:team-a/. Empty: none.', {
    allowedPattern: '^$|^[A-Za-z0-9_-]+=(viewer|restorer|admin)(:[^,]*/)?(, ?[A-Za-z0-9_-]+=(viewer|restorer|admin)(:[^,]*/)?)*$',
    constraintDescription: 'pairs such as team-a=restorer:team-a/, separated by commas, or empty',
  }),
  WebMaxObjects: optional('Files that are put back on the page without an administrator. Empty: 10,000.', {
    allowedPattern: '^[0-9]{0,12}$', constraintDescription: 'a whole number, or empty',
  }),
  WebMaxBytes: optional('Bytes that are put back on the page without an administrator. Empty: 100 GiB.', {
    allowedPattern: '^[0-9]{0,15}$', constraintDescription: 'a whole number, or empty',
  }),
  WebMaxCost: optional('US dollars that a restore on the page may cost without an administrator. Empty: 5.', {
    allowedPattern: '^$|^[0-9]+(\\.[0-9]+)?$', constraintDescription: 'a number such as 2.5, or empty',
  }),
};

const WATCHING = {
  WatchJobs: {
    type: 'String', default: 'own', allowedValues: ['own', 'all'],
    description: 'Jobs that the watch and the dashboard show. "all": each that backs up into the bucket, whose stacks name the topic of this one.',
  },
  ExistingTopicArn: optional('Topic of the stack with WatchJobs=all and the same backup bucket. No topic, watch and dashboard are made then.', {
    allowedPattern: '^$|^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$',
    constraintDescription: 'an ARN such as arn:aws:sns:eu-west-1:111122223333:name, or empty',
  }),
  NotificationEmail: optional('Address that gets a mail for each message and alarm. Empty: nobody.', {
    allowedPattern: '^$|^[^@\\s]+@[^@\\s]+$', constraintDescription: 'a mail address, or empty',
  }),
  Notify: optional('Which runs are told of. Empty: always.', { allowedValues: ['', 'always', 'problems', 'never'] }),
  HeartbeatUrl: optional('HTTPS address of a monitor that is asked for after each complete backup. Empty: none.', {
    noEcho: true, allowedPattern: '^$|^https://[^\\s]+$', constraintDescription: 'an address that begins with https://, or empty',
  }),
  MaxHoursWithoutBackup: {
    type: 'Number', default: DEFAULT_MAX_HOURS, minValue: 1, maxValue: 8759,
    description: 'Hours without a complete run after which an alarm goes off.',
  },
  Dashboard: {
    type: 'String', default: 'yes', allowedValues: ['yes', 'no'],
    description: 'Make a dashboard in CloudWatch.',
  },
  OperationsKmsKeyArn: optional('ARN of the KMS key that encrypts the topic and the logs. Empty: keys of AWS.', {
    allowedPattern: KEY_ARN_OR_EMPTY,
  }),
  LogRetentionDays: {
    type: 'Number', default: '90', allowedValues: RETENTION_DAYS,
    description: 'How long the log of the function is kept.',
  },
};

const TESTING = {
  AwsEndpointUrl: optional('Only for a local AWS: address that the function calls. Empty: AWS itself.', {
    allowedPattern: '^$|^https?://.+$', constraintDescription: 'an address such as http://localhost:4566, or empty',
  }),
};

export const GROUPS = [
  { label: 'Package', parameters: CODE },
  { label: 'Buckets and keys', parameters: BUCKETS },
  { label: 'Second backup bucket', parameters: SECOND },
  { label: 'Retention', parameters: RETENTION },
  { label: 'Locks', parameters: PROTECTION },
  { label: 'What is backed up, and how', parameters: OPTIONS },
  { label: 'How the function runs', parameters: RUNNING },
  { label: 'Events', parameters: EVENTS },
  { label: 'Restore', parameters: RESTORING },
  { label: 'Page', parameters: WEB },
  { label: 'Log and notification', parameters: WATCHING },
  { label: 'Testing', parameters: TESTING },
];

export const PARAMETERS = { ...CODE, ...BUCKETS, ...SECOND, ...RETENTION, ...PROTECTION, ...OPTIONS, ...RUNNING, ...EVENTS, ...RESTORING, ...WEB, ...WATCHING, ...TESTING } satisfies
  Record<string, CfnParameterProps>;

export type ParameterName = keyof typeof PARAMETERS;

/** What the console shows beside a field: `SourceKmsKeyArn` is "Source KMS key ARN". */
export function label(name: string): string {
  const words = name.split(/(?=[A-Z])/).map((word, at) => ABBREVIATIONS[word] ?? (at === 0 ? word : word.toLowerCase()));
  return words.join(' ');
}

const ABBREVIATIONS: Record<string, string> = { Ia: 'IA', Ir: 'IR', Kms: 'KMS', Arn: 'ARN', Arns: 'ARNs', Aws: 'AWS', Url: 'URL' };

/** Why a parameter does not take a value; nothing if it does. */
export function objection({ allowedPattern, allowedValues, constraintDescription, minValue, maxValue }: CfnParameterProps, value: string):
  string | undefined {
  if (allowedValues !== undefined && !allowedValues.includes(value)) {
    return `expected one of ${allowedValues.filter((allowed) => allowed !== '').join(', ')}`;
  }
  if (allowedPattern !== undefined && !new RegExp(allowedPattern).test(value)) {
    return `expected ${constraintDescription ?? allowedPattern}`;
  }
  if ((minValue !== undefined && Number(value) < minValue) || (maxValue !== undefined && Number(value) > maxValue)) {
    return `expected ${minValue} to ${maxValue}`;
  }
  return undefined;
}
