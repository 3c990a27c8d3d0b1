/** The bucket that keeps the access logs of the other buckets for a while. */
import { Aws, Duration } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { PrivateBucket } from './private-bucket.ts';

/** How long access logs are kept. */
const KEPT = Duration.days(90);

export class AccessLogBucket extends Construct {
  private readonly bucket: PrivateBucket;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.bucket = new PrivateBucket(this, 'Bucket');
    this.bucket.addLifecycleRule({ id: 'access-logs-expire-after-90-days', expiration: KEPT });
  }

  /** The logging of one bucket, below a prefix of its own. */
  loggingFor(name: string): s3.CfnBucket.LoggingConfigurationProperty {
    return { destinationBucketName: this.bucket.bucketName, logFilePrefix: `${name}/` };
  }

  /**
   * Lets Amazon S3 deliver the logs of these buckets. It takes ARNs, because a bucket that exists only under a
   * condition cannot be named directly.
   */
  accept(...bucketArns: string[]): void {
    this.bucket.addToResourcePolicy(new iam.PolicyStatement({
      sid: 'AcceptAccessLogs',
      principals: [new iam.ServicePrincipal('logging.s3.amazonaws.com')],
      actions: ['s3:PutObject'],
      resources: [this.bucket.arnForObjects('*')],
      conditions: {
        ArnLike: { 'aws:SourceArn': bucketArns },
        StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
      },
    }));
  }
}
