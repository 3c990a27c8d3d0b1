import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { backupTemplate, besideWatch, KEY_ARN, only } from './stacks.ts';

const template = backupTemplate();
const onExisting = backupTemplate({ sourceBucketName: 'my-data', sourceKmsKeyArn: KEY_ARN, kmsKeyArn: KEY_ARN });

describe('buckets', () => {
  test('all are private, encrypted, without ACLs, and kept when the stack is deleted', () => {
    template.resourceCountIs('AWS::S3::Bucket', 3);
    template.allResources('AWS::S3::Bucket', {
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        BucketEncryption: { ServerSideEncryptionConfiguration: Match.anyValue() },
        OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true,
        },
      },
    });
  });

  test('all refuse requests without TLS, for as long as they exist', () => {
    template.resourceCountIs('AWS::S3::BucketPolicy', 3);
    template.allResources('AWS::S3::BucketPolicy', {
      DeletionPolicy: 'Retain',
      Properties: {
        PolicyDocument: {
          Statement: Match.arrayWith([Match.objectLike({
            Effect: 'Deny', Action: 's3:*', Principal: { AWS: '*' }, Condition: { Bool: { 'aws:SecureTransport': 'false' } },
          })]),
        },
      },
    });
  });

  test('only the backup bucket keeps versions, by the policy of lifecycle-policy.json', () => {
    const versioned = buckets(template).filter((bucket) => bucket.VersioningConfiguration?.Status === 'Enabled');

    assert.equal(versioned.length, 1);
    assert.equal(versioned[0].LifecycleConfiguration.Rules.length, 6);
    assert.equal(versioned[0].LifecycleConfiguration.TransitionDefaultMinimumObjectSize, 'all_storage_classes_128K');
  });

  test('access logs of both are delivered below their own prefix, and expire', () => {
    const prefixes = buckets(template).map((bucket) => bucket.LoggingConfiguration?.LogFilePrefix).filter(Boolean);

    assert.deepEqual(prefixes.sort(), ['backup/', 'primary/']);
    template.hasResourceProperties('AWS::S3::Bucket', {
      LoggingConfiguration: Match.absent(),
      LifecycleConfiguration: { Rules: [Match.objectLike({ ExpirationInDays: 90 })] },
    });
  });

  test('each policy has no statement name twice', () => {
    for (const { Properties } of Object.values<any>(template.findResources('AWS::S3::BucketPolicy'))) {
      const sids = Properties.PolicyDocument.Statement.map((statement: any) => statement.Sid).filter(Boolean);
      assert.equal(new Set(sids).size, sids.length);
    }
  });

  test('an existing primary bucket is used as it is', () => {
    onExisting.resourceCountIs('AWS::S3::Bucket', 2);
    onExisting.hasOutput('SourceBucketName', { Value: 'my-data' });
    assert.equal(variables(onExisting).SOURCE_BUCKET, 'my-data');
  });

  test('the backup bucket can have a name', () => {
    backupTemplate({ backupBucketName: 'my-backups' }).hasResourceProperties('AWS::S3::Bucket', {
      BucketName: 'my-backups', VersioningConfiguration: { Status: 'Enabled' },
    });
  });

  test('a KMS key encrypts the backups', () => {
    onExisting.hasResourceProperties('AWS::S3::Bucket', {
      VersioningConfiguration: { Status: 'Enabled' },
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [{
          BucketKeyEnabled: true,
          ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: KEY_ARN },
        }],
      },
    });
  });
});

describe('function', () => {
  test('runs the executable for up to 15 minutes, one at a time', () => {
    template.hasResourceProperties('AWS::Lambda::Function', {
      Runtime: 'provided.al2023', Handler: 'bootstrap', Architectures: ['x86_64'],
      MemorySize: 512, Timeout: 900, ReservedConcurrentExecutions: 1,
      LoggingConfig: { LogFormat: 'JSON' },
    });
  });

  test('can have more memory, another processor and no reservation', () => {
    const other = backupTemplate({ memorySize: 1769, architecture: lambda.Architecture.ARM_64, oneRunAtATime: false });

    other.hasResourceProperties('AWS::Lambda::Function', {
      MemorySize: 1769, Architectures: ['arm64'], ReservedConcurrentExecutions: Match.absent(),
    });
  });

  test('is told the buckets and their owner, and nothing that was not set', () => {
    const { SOURCE_BUCKET, DESTINATION_BUCKET, ...others } = variables(template);

    assert.match(SOURCE_BUCKET.Ref, /Primary/);
    assert.match(DESTINATION_BUCKET.Ref, /BackupBucket/);
    const { BACKUP_SNS_TOPIC_ARN, ...constant } = others as any;
    assert.match(BACKUP_SNS_TOPIC_ARN.Ref, /Problems/);
    assert.deepEqual(constant, {
      BACKUP_EXPECTED_OWNER: { Ref: 'AWS::AccountId' }, BACKUP_JOB_NAME: { Ref: 'AWS::StackName' }, RUST_LOG: 'info',
    });
  });

  test('is told every option by its variable', () => {
    const told = variables(backupTemplate({
      kmsKeyArn: KEY_ARN,
      endpointUrl: 'https://localhost:4566',
      options: {
        sourcePrefix: 'photos/', destinationPrefix: '{source_bucket}/', include: '*.jpg', exclude: '*.tmp',
        includeTags: 'backup=yes', multipartThreshold: '64 MiB', websiteRedirects: 'all',
        storageClass: 'STANDARD_IA', mode: 'full', maxConcurrency: '16',
      },
    }));

    const {
      SOURCE_BUCKET, DESTINATION_BUCKET, BACKUP_EXPECTED_OWNER, BACKUP_JOB_NAME, BACKUP_SNS_TOPIC_ARN, RUST_LOG, ...options
    } = told;
    assert.deepEqual(options, {
      BACKUP_KMS_KEY_ID: KEY_ARN,
      AWS_ENDPOINT_URL: 'https://localhost:4566',
      BACKUP_SOURCE_PREFIX: 'photos/', BACKUP_DESTINATION_PREFIX: '{source_bucket}/',
      BACKUP_INCLUDE: '*.jpg', BACKUP_EXCLUDE: '*.tmp', BACKUP_INCLUDE_TAGS: 'backup=yes',
      BACKUP_MULTIPART_THRESHOLD: '64 MiB', BACKUP_WEBSITE_REDIRECTS: 'all',
      BACKUP_STORAGE_CLASS: 'STANDARD_IA', BACKUP_MODE: 'full', BACKUP_MAX_CONCURRENCY: '16',
    });
  });

  test('has a log of its own that expires', () => {
    assert.equal(only(template, 'AWS::Logs::LogGroup').RetentionInDays, 90);
    assert.equal(only(backupTemplate({ logRetentionDays: 30 }), 'AWS::Logs::LogGroup').RetentionInDays, 30);
    assert.match(only(template, 'AWS::Lambda::Function').LoggingConfig.LogGroup.Ref, /Log/);
  });

  test('is the only function beside the watch: no helper is deployed with more rights', () => {
    template.resourceCountIs('AWS::Lambda::Function', 2);
    template.resourceCountIs('AWS::IAM::Role', 2);
  });

  test('has its log where people look for it', () => {
    const { FunctionName } = only(template, 'AWS::Lambda::Function');
    const { LogGroupName } = only(template, 'AWS::Logs::LogGroup');

    const text = (value: any) => value['Fn::Join'][1].map((part: any) => part.Ref ?? part).join('');
    assert.equal(text(LogGroupName), `/aws/lambda/${text(FunctionName)}`);
  });
});

describe('schedule', () => {
  test('starts the function at 2 AM UTC every day', () => {
    template.hasResourceProperties('AWS::Events::Rule', { ScheduleExpression: 'cron(0 2 * * ? *)', State: 'ENABLED' });
  });

  test('can be another one', () => {
    backupTemplate({ schedule: 'rate(6 hours)' }).hasResourceProperties('AWS::Events::Rule', {
      ScheduleExpression: 'rate(6 hours)',
    });
  });

  test('alone may invoke the function', () => {
    const permission = only(template, 'AWS::Lambda::Permission');

    assert.equal(permission.Principal, 'events.amazonaws.com');
    assert.match(permission.SourceArn['Fn::GetAtt'][0], /ScheduleRule/);
  });

  test('a failed run is tried once more, an event does not wait until the next day, and the topic hears of it', () => {
    const config = only(template, 'AWS::Lambda::EventInvokeConfig');

    assert.equal(config.MaximumRetryAttempts, 1);
    assert.ok(config.MaximumEventAgeInSeconds < 24 * 3600);
    assert.match(config.DestinationConfig.OnFailure.Destination.Ref, /Problems/);
  });
});

describe('schedule in a time zone', () => {
  test('is one of the Scheduler, and there is no rule', () => {
    const zoned = backupTemplate({ timeZone: 'Europe/Berlin' });

    assert.deepEqual(besideWatch(zoned, 'AWS::Events::Rule'), []);
    const schedule = only(zoned, 'AWS::Scheduler::Schedule');
    assert.equal(schedule.ScheduleExpressionTimezone, 'Europe/Berlin');
    assert.equal(schedule.ScheduleExpression, 'cron(0 2 * * ? *)');
    assert.match(schedule.Target.Arn['Fn::GetAtt'][0], /RunFunction/);
    assert.equal(schedule.Target.Input, '{}');
  });
});

describe('problems', () => {
  test('the topic takes messages of the alarms of the stack, and over TLS only', () => {
    const [deny, allow] = only(template, 'AWS::SNS::TopicPolicy').PolicyDocument.Statement;

    assert.deepEqual([deny.Effect, deny.Condition], ['Deny', { Bool: { 'aws:SecureTransport': 'false' } }]);
    assert.deepEqual([allow.Effect, allow.Principal], ['Allow', { Service: 'cloudwatch.amazonaws.com' }]);
    const like = allow.Condition.ArnLike['aws:SourceArn']['Fn::Join'][1].map((part: any) => part.Ref ?? part).join('');
    assert.equal(like, 'arn:AWS::Partition:cloudwatch:AWS::Region:AWS::AccountId:alarm:AWS::StackName-*');
  });

  test('somebody is told by mail only if an address is given', () => {
    template.resourceCountIs('AWS::SNS::Subscription', 0);
    backupTemplate({ notificationEmail: 'me@example.com' }).hasResourceProperties('AWS::SNS::Subscription', {
      Protocol: 'email', Endpoint: 'me@example.com',
    });
  });
});

function buckets(from: Template): any[] {
  return Object.values(from.findResources('AWS::S3::Bucket')).map(({ Properties }) => Properties);
}

function variables(from: Template): any {
  return only(from, 'AWS::Lambda::Function').Environment.Variables;
}
