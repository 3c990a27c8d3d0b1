/** The function that makes the backup, with its role and its log. */
import { Aws, type CfnCondition, Duration, Fn, RemovalPolicy, Token } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { BackupBucket } from './backup-bucket.ts';
import { BackupRole } from './backup-role.ts';
import { type Choice, either } from './choice.ts';
import { type BackupOptions, optionVariables, present } from './options.ts';
import type { PrimaryBucket } from './primary-bucket.ts';
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
   * Address of a local AWS.
   * @default - AWS itself
   */
  readonly endpointUrl?: Setting;
  /**
   * What is backed up, and how.
   * @default - everything, incrementally
   */
  readonly options?: BackupOptions;
}

export interface BackupFunctionProps extends FunctionSettings {
  readonly source: PrimaryBucket;
  readonly destination: BackupBucket;
  /** Gets the error of a scheduled run that failed. */
  readonly topic: ITopic;
}

export class BackupFunction extends Construct {
  readonly function: lambda.Function;

  constructor(scope: Construct, id: string, props: BackupFunctionProps) {
    super(scope, id);
    const logGroup = new logs.LogGroup(this, 'Log', {
      retention: props.logRetentionDays ?? logs.RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const { role } = new BackupRole(this, 'Access', {
      ...props, sourceArn: props.source.bucketArn, destinationArn: props.destination.bucketArn, logGroup,
    });
    this.function = new lambda.Function(this, 'Function', {
      description: 'Copies what is new or changed in the primary bucket into the backup bucket.',
      code: props.code,
      runtime: lambda.Runtime.PROVIDED_AL2023,
      handler: 'bootstrap',
      architecture: props.architecture ?? lambda.Architecture.X86_64,
      memorySize: props.memorySize ?? 512,
      timeout: Duration.minutes(15),
      reservedConcurrentExecutions: reservation(props.oneRunAtATime ?? true),
      environment: environment(props),
      role: role.withoutPolicyUpdates(),
      logGroup,
      loggingFormat: lambda.LoggingFormat.JSON,
      // A run that failed is tried again by the next schedule, not at once and twice. An event that had to wait for
      // another run for more than an hour is dropped: the run that it waited for has done its work.
      retryAttempts: 0,
      maxEventAge: Duration.hours(1),
      // Not a ready-made destination: that one would add a grant, and the role is complete as it is.
      onFailure: { bind: () => ({ destination: props.topic.topicArn }) },
    });
  }
}

function environment(props: BackupFunctionProps): Record<string, string> {
  return {
    SOURCE_BUCKET: props.source.bucketName,
    DESTINATION_BUCKET: props.destination.bucketName,
    BACKUP_EXPECTED_OWNER: Aws.ACCOUNT_ID,
    RUST_LOG: 'info',
    ...present({
      BACKUP_KMS_KEY_ID: orAbsent(props.kmsKeyArn),
      AWS_ENDPOINT_URL: orAbsent(props.endpointUrl),
      BACKUP_DELETIONS: marking(props.markDeletions ?? false),
    }),
    ...optionVariables(props.options ?? {}),
  };
}

/** The variable that asks for markers, or nothing at all. */
function marking(markDeletions: Choice): string | undefined {
  return markDeletions === false ? undefined : either(markDeletions, 'mark', Aws.NO_VALUE);
}

/** One reserved execution, none, or what the condition says on deployment. */
function reservation(oneRunAtATime: boolean | CfnCondition): number | undefined {
  if (typeof oneRunAtATime === 'boolean') {
    return oneRunAtATime ? 1 : undefined;
  }
  return Token.asNumber(Fn.conditionIf(oneRunAtATime.logicalId, 1, Aws.NO_VALUE));
}
