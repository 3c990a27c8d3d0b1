/** What can be set with `cdk deploy -c name=value`, checked and turned into the properties of the stack. */
import type { CfnParameterProps } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type { BackupProps } from './backup.ts';
import { packagedCode } from './package.ts';
import { EXISTING_CHANGES_NOTHING } from './backup-place.ts';
import { TWO_KEYS } from './backup-key.ts';
import { objection, PARAMETERS } from './parameters.ts';
import { COMPLIANCE_UNCONFIRMED, DEFAULT_LOCK_DAYS, NO_BREAK_GLASS_ROLE, type ObjectLock, type Protection } from './protection.ts';
import { type Retention, retentionProblem, usualRetention } from './retention.ts';
import { ONE_PROCESS } from './distributed.ts';
import { TOPIC_OF_ANOTHER_STACK } from './problem-topic.ts';
import { NO_SECOND_BUCKET, type SecondBackup } from './second-backup.ts';
import { readSources, type Source } from './sources.ts';
import type { WebSettings } from './web.ts';

/** Looks up one value of the context. */
export type Context = (name: string) => unknown;

const ARCHITECTURES: Record<string, lambda.Architecture> = {
  x86_64: lambda.Architecture.X86_64,
  arm64: lambda.Architecture.ARM_64,
};

export function backupProps(context: Context): BackupProps {
  return {
    code: packagedCode(text(context, 'code')),
    sourceBucketName: text(context, 'sourceBucket'),
    backupBucketName: text(context, 'backupBucket'),
    existingBackupBucketName: existingBackupBucket(context),
    schedule: text(context, 'schedule'),
    memorySize: number(context, 'memorySize'),
    architecture: choice(context, 'architecture', ARCHITECTURES),
    oneRunAtATime: choice(context, 'oneRunAtATime', { yes: true, no: false }),
    continuation: choice(context, 'continuation', { yes: true, no: false }),
    distributed: distributed(context),
    logRetentionDays: number(context, 'logRetentionDays'),
    ...topic(context),
    notify: text(context, 'notify'),
    heartbeatUrl: text(context, 'heartbeatUrl'),
    maxHoursWithoutBackup: number(context, 'maxHoursWithoutBackup'),
    maxDaysWithoutDrill: number(context, 'maxDaysWithoutDrill'),
    dashboard: choice(context, 'dashboard', { yes: true, no: false }),
    operationsKmsKeyArn: text(context, 'operationsKmsKeyArn'),
    timeZone: text(context, 'timeZone'),
    sourceKmsKeyArn: text(context, 'sourceKmsKeyArn'),
    kmsKeyArn: text(context, 'kmsKeyArn'),
    createKmsKey: createKmsKey(context),
    formerKmsKeyArns: text(context, 'formerKmsKeyArns'),
    second: secondBackup(context),
    retention: retention(context),
    objectLock: objectLock(context),
    protection: protection(context),
    markDeletions: choice(context, 'deletions', { keep: false, mark: true }),
    restore: choice(context, 'restore', { yes: true, no: false }),
    restoreMarks: choice(context, 'restoreMarks', { yes: true, no: false }),
    drillSchedule: text(context, 'drillSchedule'),
    web: choice(context, 'web', { no: false, cognito: true, oidc: true }),
    webSettings: webSettings(context),
    events: choice(context, 'events', { yes: true, no: false }),
    options: {
      sourcePrefix: text(context, 'sourcePrefix'),
      destinationPrefix: text(context, 'destinationPrefix'),
      include: text(context, 'include'),
      exclude: text(context, 'exclude'),
      includeTags: text(context, 'includeTags'),
      storageClass: text(context, 'storageClass'),
      multipartThreshold: text(context, 'multipartThreshold'),
      websiteRedirects: text(context, 'websiteRedirects'),
      serverSideEncryption: text(context, 'serverSideEncryption'),
      requestPayer: text(context, 'requestPayer'),
      mode: text(context, 'mode'),
      maxDeletions: text(context, 'maxDeletions'),
      maxDeletionsPercent: text(context, 'maxDeletionsPercent'),
      unusual: text(context, 'unusual'),
      unusualChangePercent: text(context, 'unusualChangePercent'),
      historyDays: text(context, 'historyDays'),
      maxCostUsd: text(context, 'maxCostUsd'),
      eventMaxSize: text(context, 'eventMaxSize'),
      eventTags: text(context, 'eventTags'),
      maxConcurrency: text(context, 'maxConcurrency'),
    },
  };
}

/** The sources, where there are several; then nothing else names one. */
export function sourcesOf(context: Context): Source[] | undefined {
  const sources = readSources(context('sources'));
  const names = ['sourceBucket', 'sourcePrefix', 'destinationPrefix', 'sourceKmsKeyArn'];
  const other = sources && names.find((name) => raw(context, name) !== undefined);
  if (other !== undefined) {
    throw new Error(`-c ${other}: it is of one source; name it in sources`);
  }
  return sources;
}

function webSettings(context: Context): WebSettings {
  const web = raw(context, 'web') ?? 'no';
  if (web !== 'no' && raw(context, 'restore') !== 'yes') {
    throw new Error(`-c web=${web}: needs -c restore=yes`);
  }
  if (web === 'oidc' && (raw(context, 'webIssuer') === undefined || raw(context, 'webClientId') === undefined)) {
    throw new Error('-c web=oidc: needs -c webIssuer=<address> and -c webClientId=<id>');
  }
  return {
    cognito: choice(context, 'web', { no: false, cognito: true, oidc: false }) ?? false,
    issuer: text(context, 'webIssuer'),
    clientId: text(context, 'webClientId'),
    access: text(context, 'webAccess'),
    maxObjects: text(context, 'webMaxObjects'),
    maxBytes: text(context, 'webMaxBytes'),
    maxCost: text(context, 'webMaxCost'),
  };
}

function existingBackupBucket(context: Context): string | undefined {
  const name = text(context, 'existingBackupBucket');
  const days = Object.keys(usualRetention());
  const changes = ['backupBucket', ...days, 'objectLock', 'protectBackups', 'createKmsKey'].filter((other) => !['', 'no'].includes(String(context(other) ?? '')));
  if (name !== undefined && changes.length > 0) {
    throw new Error(`-c existingBackupBucket=${name} -c ${changes[0]}: ${EXISTING_CHANGES_NOTHING}`);
  }
  return name;
}

function topic(context: Context): Pick<BackupProps, 'existingTopicArn' | 'notificationEmail' | 'watchJobs'> {
  const existingTopicArn = text(context, 'existingTopicArn');
  const notificationEmail = text(context, 'notificationEmail');
  const watchJobs = choice(context, 'watchJobs', { own: false, all: true });
  const isAlone = text(context, 'existingBackupBucket') === undefined;
  if (existingTopicArn !== undefined && (isAlone || notificationEmail !== undefined || watchJobs === true)) {
    throw new Error(`-c existingTopicArn=${existingTopicArn}: ${TOPIC_OF_ANOTHER_STACK}`);
  }
  return { existingTopicArn, notificationEmail, watchJobs };
}

function secondBackup(context: Context): SecondBackup | undefined {
  const bucketName = text(context, 'secondBackupBucket');
  const more = { accountId: text(context, 'secondBackupAccount'), kmsKeyArn: text(context, 'secondKmsKeyArn') };
  if (bucketName !== undefined) {
    return { bucketName, ...more };
  }
  if (more.accountId !== undefined || more.kmsKeyArn !== undefined) {
    throw new Error(`-c secondBackupBucket is missing: ${NO_SECOND_BUCKET}`);
  }
  return undefined;
}

function distributed(context: Context): boolean | undefined {
  const isWanted = choice(context, 'distributed', { yes: true, no: false });
  const alone = ['secondBackupBucket', 'maxCostUsd'].filter((name) => text(context, name) !== undefined);
  if (isWanted === true && (alone.length > 0 || text(context, 'unusual') === 'hold')) {
    throw new Error(`-c distributed=yes: ${ONE_PROCESS}`);
  }
  return isWanted;
}

function createKmsKey(context: Context): boolean | undefined {
  const isWanted = choice(context, 'createKmsKey', { yes: true, no: false });
  if (isWanted === true && text(context, 'kmsKeyArn') !== undefined) {
    throw new Error(`-c createKmsKey=yes: ${TWO_KEYS}`);
  }
  return isWanted;
}

function retention(context: Context): Retention {
  const days = {
    noncurrentDays: number(context, 'noncurrentDays'),
    standardIaDays: number(context, 'standardIaDays'),
    glacierIrDays: number(context, 'glacierIrDays'),
    replacedGlacierDays: number(context, 'replacedGlacierDays'),
    replacedDeepArchiveDays: number(context, 'replacedDeepArchiveDays'),
  };
  const given = Object.entries(days).filter(([, value]) => value !== undefined);
  const problem = retentionProblem(Object.fromEntries(given));
  if (problem !== undefined) {
    throw new Error(`${given.map(([name, value]) => `-c ${name}=${value}`).join(' ')}: ${problem}`);
  }
  return Object.fromEntries(given);
}

/** Each name is looked up, so that it is known. */
function objectLock(context: Context): ObjectLock | undefined {
  const mode = choice(context, 'objectLock', { no: 'no', governance: 'governance', compliance: 'compliance' } as const) ?? 'no';
  const days = number(context, 'objectLockDays') ?? DEFAULT_LOCK_DAYS;
  const tooLong = mode === 'no' ? undefined : retentionProblem(retention(context), days);
  if (tooLong !== undefined) {
    throw new Error(`-c objectLockDays=${days}: ${tooLong}`);
  }
  const isConfirmed = choice(context, 'objectLockConfirm', { yes: true, no: false }) ?? false;
  if (mode === 'compliance' && !isConfirmed) {
    throw new Error(`-c objectLock=compliance: ${COMPLIANCE_UNCONFIRMED}`);
  }
  return mode === 'no' ? undefined : { exists: true, isCompliance: mode === 'compliance', days };
}

function protection(context: Context): Protection | undefined {
  const isWanted = choice(context, 'protectBackups', { yes: true, no: false }) ?? false;
  const breakGlassRoleArn = text(context, 'breakGlassRoleArn');
  if (isWanted && breakGlassRoleArn === undefined) {
    throw new Error(`-c protectBackups=yes: ${NO_BREAK_GLASS_ROLE}`);
  }
  return isWanted ? { exists: true, breakGlassRoleArn: breakGlassRoleArn ?? '' } : undefined;
}

/** Names that are the CDK's own. */
const FOREIGN = /^@|:|^cli-|^aws-cdk|^availability-zones/;

/**
 * Refuses names of the context that nobody asked for: with a misspelt `sourceBucket` the stack would make a new, empty
 * bucket and back that up.
 */
export function refuseUnknown(given: Iterable<string>, known: ReadonlySet<string>): void {
  const unknown = [...given].filter((name) => !known.has(name) && !FOREIGN.test(name));
  if (unknown.length > 0) {
    const names = unknown.map((name) => `-c ${name}`).join(', ');
    throw new Error(`${names}: unknown; known are ${[...known].sort().join(', ')}`);
  }
}

/** An empty text counts as not set; any other must be one that the parameter of the portable template takes. */
function text(context: Context, name: string): string | undefined {
  const value = String(context(name) ?? '');
  if (value === '') {
    return undefined;
  }
  const parameters: Record<string, CfnParameterProps> = PARAMETERS;
  const problem = objection(parameters[name.charAt(0).toUpperCase() + name.slice(1)] ?? {}, value);
  if (problem !== undefined) {
    throw new Error(`-c ${name}=${value}: ${problem}`);
  }
  return value;
}

function raw(context: Context, name: string): string | undefined {
  const value = String(context(name) ?? '');
  return value === '' ? undefined : value;
}

function number(context: Context, name: string): number | undefined {
  const value = raw(context, name);
  if (value !== undefined && !/^[1-9][0-9]*$/.test(value)) {
    throw new Error(`-c ${name}=${value}: expected a whole number above zero`);
  }
  return value === undefined ? undefined : Number(text(context, name));
}

function choice<T>(context: Context, name: string, choices: Record<string, T>): T | undefined {
  const value = raw(context, name);
  if (value !== undefined && !Object.hasOwn(choices, value)) {
    throw new Error(`-c ${name}=${value}: expected one of ${Object.keys(choices).join(', ')}`);
  }
  return value === undefined ? undefined : choices[value];
}
