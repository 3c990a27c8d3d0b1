import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { portableTemplate } from '../lib/portable-template.ts';
import { backupTemplate, KEY_ARN } from './stacks.ts';

const SOURCE_KEY_ARN = KEY_ARN.replace(':key/0a', ':key/1b');

function isOfEvents(id: string): boolean {
  return id.startsWith('BackupEvents');
}

/** The resources of a type that are there for events. */
function own(template: Template, type: string): any[] {
  return Object.entries(template.findResources(type)).filter(([id]) => isOfEvents(id)).map(([, resource]) => resource);
}

function the(template: Template, type: string): any {
  const found = own(template, type);
  assert.equal(found.length, 1, type);
  return found[0].Properties;
}

/** What its role may do, and what it may not. */
function statements(props: Parameters<typeof backupTemplate>[0]): any[] {
  const template = backupTemplate(props);
  const inline = the(template, 'AWS::IAM::Role').Policies.flatMap((policy: any) => policy.PolicyDocument.Statement);
  const more = own(template, 'AWS::IAM::Policy').flatMap(({ Properties }) => Properties.PolicyDocument.Statement);
  return [...inline, ...more];
}

function actions(props: Parameters<typeof backupTemplate>[0], effect: string): string[] {
  return statements(props).filter(({ Effect }) => Effect === effect).flatMap(({ Action }) => Action).sort();
}

test('by default there is nothing for events, and with them the run knows of it', () => {
  const without = backupTemplate();
  const template = backupTemplate({ events: true });

  assert.deepEqual(Object.keys(without.toJSON().Resources).filter(isOfEvents), []);
  template.hasResourceProperties('AWS::Lambda::Function', {
    Handler: 'bootstrap', Environment: { Variables: Match.objectLike({ BACKUP_EVENTS: 'yes' }) },
  });
  without.hasResourceProperties('AWS::Lambda::Function', {
    Handler: 'bootstrap', Environment: { Variables: Match.objectLike({ BACKUP_EVENTS: Match.absent() }) },
  });
});

test('queue, mapping and function fit together', () => {
  const template = backupTemplate({ events: true });
  const queues = own(template, 'AWS::SQS::Queue').map(({ Properties }) => Properties);
  const queue = queues.find(({ RedrivePolicy }) => RedrivePolicy !== undefined);
  const deadLetters = queues.find(({ RedrivePolicy }) => RedrivePolicy === undefined);
  const program = the(template, 'AWS::Lambda::Function');
  const mapping = the(template, 'AWS::Lambda::EventSourceMapping');

  assert.equal(queue.VisibilityTimeout, 6 * program.Timeout);
  assert.equal(queue.RedrivePolicy.maxReceiveCount, 5);
  assert.equal(deadLetters.MessageRetentionPeriod, 14 * 24 * 3600);
  assert.equal(program.Timeout, 60);
  assert.equal(program.Handler, 'events');
  assert.equal(program.ReservedConcurrentExecutions, undefined);
  const { BatchSize, MaximumBatchingWindowInSeconds, FunctionResponseTypes, ScalingConfig } = mapping;
  assert.deepEqual([BatchSize, MaximumBatchingWindowInSeconds], [50, 1]);
  assert.deepEqual(FunctionResponseTypes, ['ReportBatchItemFailures']);
  assert.deepEqual(ScalingConfig, { MaximumConcurrency: 10 });
});

test('the rule brings whole events of the source, without the state of a backup', () => {
  const rule = the(backupTemplate({ events: true, sourceBucketName: 'existing-bucket' }), 'AWS::Events::Rule');
  const below = the(backupTemplate({ events: true, options: { sourcePrefix: 'in/' } }), 'AWS::Events::Rule');

  assert.deepEqual(rule.EventPattern, {
    source: ['aws.s3'],
    'detail-type': ['Object Created', 'Object Tags Added', 'Object Tags Deleted', 'Object ACL Updated'],
    detail: { bucket: { name: ['existing-bucket'] }, object: { key: [{ 'anything-but': { prefix: '.s3-backup/' } }] } },
  });
  assert.deepEqual(below.EventPattern.detail.object.key, [{ prefix: 'in/' }]);
  const [target] = rule.Targets;
  assert.equal(target.InputTransformer, undefined);
  assert.ok(target.DeadLetterConfig.Arn);
});

test('the role adds copies, and can neither delete nor write what the runs keep', () => {
  const expected = [
    'logs:CreateLogStream', 'logs:PutLogEvents', 's3:AbortMultipartUpload', 's3:GetBucketVersioning', 's3:GetObject', 's3:GetObject',
    's3:GetObjectTagging', 's3:GetObjectTagging', 's3:ListBucket', 's3:ListBucket', 's3:PutObject', 's3:PutObjectTagging',
    'sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage',
  ];
  assert.deepEqual(actions({ events: true, markDeletions: true }, 'Allow'), expected);
  assert.deepEqual(actions({ events: true }, 'Deny'), ['s3:PutObject']);
  const keyed = actions({ events: true, kmsKeyArn: KEY_ARN, sourceKmsKeyArn: SOURCE_KEY_ARN }, 'Allow');
  assert.deepEqual(keyed.filter((action) => action.startsWith('kms:')), ['kms:Decrypt', 'kms:Decrypt', 'kms:GenerateDataKey']);
});

test('dead letters, events that wait, refused events and a function that fails are alarms', () => {
  const alarms = own(backupTemplate({ events: true }), 'AWS::CloudWatch::Alarm').map(({ Properties }) => Properties);

  assert.deepEqual(alarms.map(({ MetricName, Threshold }) => [MetricName, Threshold]).sort(), [
    // Five receives, six minutes apart, are over by then.
    ['ApproximateAgeOfOldestMessage', 3600], ['ApproximateNumberOfMessagesVisible', 0], ['Errors', 0], ['EventsRefused', 0],
  ]);
  assert.ok(alarms.every(({ AlarmActions }) => AlarmActions.length === 1));
});

test('a new source tells EventBridge, an existing one is left as it is', () => {
  const told = { NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } } };

  backupTemplate({ events: true }).hasResourceProperties('AWS::S3::Bucket', told);
  backupTemplate().resourcePropertiesCountIs('AWS::S3::Bucket', told, 0);
  backupTemplate({ events: true, sourceBucketName: 'existing-bucket' }).resourcePropertiesCountIs('AWS::S3::Bucket', told, 0);
});

test('the portable template decides on deployment', () => {
  const { Conditions: conditions, Resources: resources } = JSON.parse(portableTemplate());
  const all = Object.entries<any>(resources).filter(([id]) => isOfEvents(id));

  assert.ok(all.length > 10);
  for (const [id, { Condition }] of all) {
    assert.ok(Condition === 'EventsIsYes' || JSON.stringify(conditions[Condition]).includes('EventsIsYes'), id);
  }
});
