/** The settings that the functions of the stack share. */
import { Aws, type CfnCondition, Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { BackupPlace } from './backup-place.ts';
import type { Choice } from './choice.ts';
import { JOB_NAME } from './metrics.ts';
import { type BackupOptions, optionVariables, present } from './options.ts';
import type { PrimaryBucket } from './primary-bucket.ts';
import type { TopicPlace } from './problem-topic.ts';
import { destinationVariables, type SecondBackup } from './second-backup.ts';
import { orAbsent, type Setting } from './setting.ts';

/** How the function runs; the same settings for each way to deploy it. */
export interface FunctionSettings {
  /** Zip with the executable `bootstrap`. */
  readonly code: lambda.Code;
  /**
   * Memory in MB. The processor comes with it: 1,769 MB is one whole vCPU.
   * @default 512
   */
  readonly memorySize?: number;
  /**
   * Processor that the executable was built for.
   * @default - x86_64
   */
  readonly architecture?: lambda.Architecture;
  /**
   * Whether the account reserves one concurrent execution, so that two runs never overlap. Accounts with a very low
   * limit of concurrent executions cannot do that.
   * @default true
   */
  readonly oneRunAtATime?: boolean | CfnCondition;
  /**
   * How long the log is kept, in days.
   * @default 90
   */
  readonly logRetentionDays?: number;
  /**
   * Key of the primary bucket, which the function must be allowed to use.
   * @default - keys that Amazon S3 manages
   */
  readonly sourceKmsKeyArn?: Setting;
  /**
   * Key that encrypts the backups.
   * @default - keys that Amazon S3 manages
   */
  readonly kmsKeyArn?: Setting;
  /**
   * A second backup bucket, made by another stack in another region or account.
   * @default - none
   */
  readonly second?: SecondBackup;
  /**
   * Keys that encrypted the backups before, comma separated: what was written under them must be readable still.
   * @default - none
   */
  readonly formerKmsKeyArns?: Setting;
  /**
   * Whether what is gone from the primary bucket gets a delete marker in the backup bucket. Its versions stay.
   * @default false
   */
  readonly markDeletions?: Choice;
  /**
   * Which runs the topic is told of: `always`, `problems` or `never`.
   * @default - always
   */
  readonly notify?: Setting;
  /**
   * Address of a monitor that is asked for after each complete backup.
   * @default - none
   */
  readonly heartbeatUrl?: Setting;
  /**
   * Key that encrypts the topic and the logs, whose policy must let CloudWatch use it.
   * @default - AWS encrypts them with keys of its own
   */
  readonly operationsKmsKeyArn?: Setting;
  /**
   * Address of a local AWS.
   * @default - AWS itself
   */
  readonly endpointUrl?: Setting;
  /**
   * Options of the backup.
   * @default - everything, incrementally
   */
  readonly options?: BackupOptions;
}

export interface ProgramProps extends FunctionSettings {
  readonly source: PrimaryBucket;
  readonly destination: BackupPlace;
  /** Gets the error of an asynchronous invocation that failed. */
  readonly topic: TopicPlace;
}

/** The functions of the stack. */
export type ProgramName = 'backup' | 'events' | 'restore' | 'watch' | 'web' | 'worker';

/** The name of a function of the stack. */
export function functionName(which: ProgramName): string {
  return `${Aws.STACK_NAME}-${which}`;
}

/** The log of a function, where people look for it. */
export function programLog(scope: Construct, which: ProgramName, settings: FunctionSettings): logs.LogGroup {
  const log = new logs.LogGroup(scope, 'Log', {
    logGroupName: `/aws/lambda/${functionName(which)}`,
    retention: settings.logRetentionDays ?? logs.RetentionDays.THREE_MONTHS,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  (log.node.defaultChild as logs.CfnLogGroup).kmsKeyId = orAbsent(settings.operationsKmsKeyArn);
  return log;
}

/** Package, processor, memory and failure destination of a function. */
export function programProps(props: ProgramProps) {
  return {
    code: props.code,
    runtime: lambda.Runtime.PROVIDED_AL2023,
    architecture: props.architecture ?? lambda.Architecture.X86_64,
    memorySize: props.memorySize ?? 512,
    timeout: Duration.minutes(15),
    loggingFormat: lambda.LoggingFormat.JSON,
    // A second one does no harm: the lease lets one run at a time begin.
    retryAttempts: 1,
    // Not a ready-made destination: that one would add a grant, and the role is complete as it is.
    onFailure: { bind: () => ({ destination: props.topic.topicArn }) },
  } satisfies Partial<lambda.FunctionProps>;
}

/** The variables of a function with those options, and with more of its own. */
export function programVariables(
  props: ProgramProps, options: BackupOptions, more: Record<string, string | undefined> = {},
): Record<string, string> {
  return {
    SOURCE_BUCKET: props.source.bucketName,
    BACKUP_JOB_NAME: JOB_NAME,
    RUST_LOG: 'info',
    ...present({
      ...destinationVariables(props.destination, props.kmsKeyArn, props.second),
      AWS_ENDPOINT_URL: orAbsent(props.endpointUrl),
      ...more,
    }),
    ...optionVariables(options),
  };
}

/** The variables that name the topic for the messages of runs. */
export function notifications(props: ProgramProps): Record<string, string | undefined> {
  return {
    BACKUP_SNS_TOPIC_ARN: props.topic.topicArn,
    BACKUP_NOTIFY: orAbsent(props.notify),
    BACKUP_HEARTBEAT_URL: orAbsent(props.heartbeatUrl),
  };
}
