/** What can be set with `cdk deploy -c name=value`, checked and turned into the properties of the stack. */
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type { BackupProps } from './backup.ts';
import { packagedCode } from './package.ts';

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
    schedule: text(context, 'schedule'),
    memorySize: number(context, 'memorySize'),
    architecture: choice(context, 'architecture', ARCHITECTURES),
    oneRunAtATime: choice(context, 'oneRunAtATime', { yes: true, no: false }),
    continuation: choice(context, 'continuation', { yes: true, no: false }),
    logRetentionDays: number(context, 'logRetentionDays'),
    notificationEmail: text(context, 'notificationEmail'),
    notify: text(context, 'notify'),
    heartbeatUrl: text(context, 'heartbeatUrl'),
    maxHoursWithoutBackup: number(context, 'maxHoursWithoutBackup'),
    dashboard: choice(context, 'dashboard', { yes: true, no: false }),
    operationsKmsKeyArn: text(context, 'operationsKmsKeyArn'),
    timeZone: text(context, 'timeZone'),
    sourceKmsKeyArn: text(context, 'sourceKmsKeyArn'),
    kmsKeyArn: text(context, 'kmsKeyArn'),
    formerKmsKeyArns: text(context, 'formerKmsKeyArns'),
    markDeletions: choice(context, 'deletions', { keep: false, mark: true }),
    restore: choice(context, 'restore', { yes: true, no: false }),
    restoreMarks: choice(context, 'restoreMarks', { yes: true, no: false }),
    drillSchedule: text(context, 'drillSchedule'),
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
      mode: text(context, 'mode'),
      maxDeletions: text(context, 'maxDeletions'),
      maxDeletionsPercent: text(context, 'maxDeletionsPercent'),
      unusual: text(context, 'unusual'),
      unusualChangePercent: text(context, 'unusualChangePercent'),
      maxCostUsd: text(context, 'maxCostUsd'),
      eventMaxSize: text(context, 'eventMaxSize'),
      eventTags: text(context, 'eventTags'),
      maxConcurrency: text(context, 'maxConcurrency'),
    },
  };
}

/** An empty text counts as not set. */
function text(context: Context, name: string): string | undefined {
  const value = context(name) ?? '';
  return value === '' ? undefined : String(value);
}

function number(context: Context, name: string): number | undefined {
  const value = text(context, name);
  if (value !== undefined && !/^[1-9][0-9]*$/.test(value)) {
    throw new Error(`-c ${name}=${value}: expected a whole number above zero`);
  }
  return value === undefined ? undefined : Number(value);
}

function choice<T>(context: Context, name: string, choices: Record<string, T>): T | undefined {
  const value = text(context, name);
  if (value !== undefined && !Object.hasOwn(choices, value)) {
    throw new Error(`-c ${name}=${value}: expected one of ${Object.keys(choices).join(', ')}`);
  }
  return value === undefined ? undefined : choices[value];
}
