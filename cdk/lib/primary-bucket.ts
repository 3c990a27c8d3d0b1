/** The bucket that is backed up: an existing one by name, or a new one. */
import { Arn, ArnFormat, Aws, CfnCondition, type CfnResource, Fn, Stack } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { AccessLogBucket } from './access-log-bucket.ts';
import type { Choice } from './choice.ts';
import { PrivateBucket } from './private-bucket.ts';
import type { Setting } from './setting.ts';

export interface PrimaryBucketProps {
  /**
   * Name of an existing bucket. Nothing about it is changed.
   * @default - a new bucket is created
   */
  readonly existingName?: Setting;
  /** Where requests to a new bucket are logged. */
  readonly accessLogs: AccessLogBucket;
  /**
   * Whether a new bucket tells EventBridge what happens in it.
   * @default false
   */
  readonly events?: Choice;
}

export class PrimaryBucket extends Construct {
  readonly bucketName: string;
  readonly bucketArn: string;

  constructor(scope: Construct, id: string, props: PrimaryBucketProps) {
    super(scope, id);
    this.bucketName = typeof props.existingName === 'string' ? props.existingName : this.newBucket(props);
    this.bucketArn = Arn.format(
      { service: 's3', region: '', account: '', resource: this.bucketName, arnFormat: ArnFormat.NO_RESOURCE_NAME },
      Stack.of(this),
    );
  }

  private tellEvents(bucket: PrivateBucket, events: Choice): void {
    if (events === false) {
      return;
    }
    const told = { EventBridgeConfiguration: { EventBridgeEnabled: true } };
    const value = events === true ? told : Fn.conditionIf(events.logicalId, told, Aws.NO_VALUE);
    (bucket.node.defaultChild as CfnResource).addPropertyOverride('NotificationConfiguration', value);
  }

  /** A new bucket, unless a name is given on deployment. Returns the name of the one that is backed up. */
  private newBucket(props: PrimaryBucketProps): string {
    const bucket = new PrivateBucket(this, 'Bucket', { accessLogs: props.accessLogs.loggingFor('primary') });
    this.tellEvents(bucket, props.events ?? false);
    if (typeof props.existingName !== 'object') {
      return bucket.bucketName;
    }
    const isNew = new CfnCondition(Stack.of(this), 'CreatePrimaryBucket', {
      expression: Fn.conditionNot(props.existingName.given),
    });
    for (const part of [bucket.node.defaultChild, bucket.policy?.node.defaultChild]) {
      (part as CfnResource).cfnOptions.condition = isNew;
    }
    return Fn.conditionIf(isNew.logicalId, bucket.bucketName, props.existingName.value).toString();
  }
}
