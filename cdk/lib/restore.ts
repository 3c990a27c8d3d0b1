/** Restores: the same package as the backup in a function of its own, with a role that the backup has not. */
import { Aws, CfnResource, Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { BackupBucket } from './backup-bucket.ts';
import type { FunctionSettings } from './backup-function.ts';
import { type Choice, onlyIf } from './choice.ts';
import { FailureAlarm } from './failure-alarm.ts';
import { type BackupOptions, optionVariables, present } from './options.ts';
import type { PrimaryBucket } from './primary-bucket.ts';
import { RestoreRole } from './restore-role.ts';
import { orAbsent } from './setting.ts';

/** How often restores go on that wait for archives, or that were stopped: with nothing to do that is one request. */
const GOES_ON_EVERY = Duration.minutes(15);

/** Goes on with all restores that have something left. */
const CONTINUE_ALL = { operation: 'restore', continue: 'all' };

export interface RestoreProps extends FunctionSettings {
  readonly source: PrimaryBucket;
  readonly destination: BackupBucket;
  /** Gets the error of a restore that failed. */
  readonly topic: ITopic;
  /** Whether there are restores. */
  readonly restore: Choice;
  /** Whether a restore may place delete markers in the primary bucket. */
  readonly restoreMarks: Choice;
}

export class Restore extends Construct {
  readonly function: lambda.Function;
  readonly failed: FailureAlarm;

  constructor(scope: Construct, id: string, props: RestoreProps) {
    super(scope, id);
    const logGroup = new logs.LogGroup(this, 'Log', {
      retention: props.logRetentionDays ?? logs.RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const access = new RestoreRole(this, 'Access', {
      ...props, targetArn: props.source.bucketArn, backupArn: props.destination.bucketArn, logGroup,
    });
    this.function = new lambda.Function(this, 'Function', {
      description: 'Restores objects from the backup bucket into the primary bucket.',
      code: props.code,
      runtime: lambda.Runtime.PROVIDED_AL2023,
      handler: 'restore',
      architecture: props.architecture ?? lambda.Architecture.X86_64,
      memorySize: props.memorySize ?? 512,
      timeout: Duration.minutes(15),
      environment: environment(props),
      role: access.role.withoutPolicyUpdates(),
      logGroup,
      loggingFormat: lambda.LoggingFormat.JSON,
      // The next schedule goes on.
      retryAttempts: 0,
      maxEventAge: GOES_ON_EVERY,
      onFailure: { bind: () => ({ destination: props.topic.topicArn }) },
    });
    new events.Rule(this, 'Schedule', {
      description: 'Goes on with restores.',
      schedule: events.Schedule.rate(GOES_ON_EVERY),
      targets: [new targets.LambdaFunction(this.function, {
        maxEventAge: GOES_ON_EVERY, event: events.RuleTargetInput.fromObject(CONTINUE_ALL),
      })],
    });
    this.failed = new FailureAlarm(this, 'Failed', { function: this.function, what: 'restore' });
    this.onlyIf(props.restore);
  }

  /** All of it depends on the choice; what depends on more has its condition already. */
  private onlyIf(restore: Choice): void {
    const more = new Map(this.node.findAll().filter(hasCondition).map((part) => [part, part.cfnOptions.condition]));
    onlyIf(restore, this);
    for (const [part, condition] of more) {
      part.cfnOptions.condition = condition;
    }
  }
}

function hasCondition(part: unknown): part is CfnResource {
  return CfnResource.isCfnResource(part as Construct) && (part as CfnResource).cfnOptions.condition !== undefined;
}

function environment(props: RestoreProps): Record<string, string> {
  const { sourcePrefix, destinationPrefix, storageClass, multipartThreshold, maxConcurrency } = props.options ?? {};
  const options: BackupOptions = { sourcePrefix, destinationPrefix, storageClass, multipartThreshold, maxConcurrency };
  return {
    SOURCE_BUCKET: props.source.bucketName,
    DESTINATION_BUCKET: props.destination.bucketName,
    BACKUP_EXPECTED_OWNER: Aws.ACCOUNT_ID,
    RUST_LOG: 'info',
    ...present({
      BACKUP_KMS_KEY_ID: orAbsent(props.kmsKeyArn),
      AWS_ENDPOINT_URL: orAbsent(props.endpointUrl),
    }),
    ...optionVariables(options),
  };
}
