import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Template } from 'aws-cdk-lib/assertions';
import * as permissions from '../lib/permissions.ts';
import { PORTABLE_TEMPLATE_FILE } from '../lib/portable-template.ts';
import { backupTemplate, besideWatch, KEY_ARN, only } from './stacks.ts';

const SOURCE_KEY_ARN = KEY_ARN.replace(':key/0a', ':key/1b');

/** What can destroy a backup, or the rules that keep it. */
const NEVER = [
  's3:DeleteObjectVersion', 's3:PutLifecycleConfiguration', 's3:PutBucketVersioning', 's3:BypassGovernanceRetention',
];

const WITHOUT_KEYS = [
  'logs:CreateLogStream on the log',
  'logs:PutLogEvents on the log',
  's3:AbortMultipartUpload on the backup/*',
  's3:GetBucketObjectLockConfiguration on the backup',
  's3:GetBucketPublicAccessBlock on the backup',
  's3:GetBucketVersioning on the backup',
  's3:GetEncryptionConfiguration on the backup',
  's3:GetLifecycleConfiguration on the backup',
  's3:GetObject on the backup/*',
  's3:GetObject on the source/*',
  's3:GetObjectTagging on the backup/*',
  's3:GetObjectTagging on the source/*',
  's3:GetReplicationConfiguration on the backup',
  's3:ListBucket on the backup',
  's3:ListBucket on the source',
  's3:PutObject on the backup/*',
  's3:PutObjectTagging on the backup/*',
  'sns:Publish on the topic',
];

test('the role has exactly these actions', () => {
  assert.deepEqual(granted(backupTemplate()), WITHOUT_KEYS);
});

test('keys bring exactly their own actions', () => {
  const template = backupTemplate({ kmsKeyArn: KEY_ARN, sourceKmsKeyArn: SOURCE_KEY_ARN });

  const added = granted(template).filter((grant) => !WITHOUT_KEYS.includes(grant));
  assert.deepEqual(added, [
    `kms:Decrypt on ${KEY_ARN}`,
    `kms:Decrypt on ${SOURCE_KEY_ARN}`,
    `kms:GenerateDataKey on ${KEY_ARN}`,
  ]);
});

test('former keys can be read with and not written with', () => {
  const template = backupTemplate({ formerKmsKeyArns: `${KEY_ARN}, ${SOURCE_KEY_ARN}` });

  const added = granted(template).filter((grant) => !WITHOUT_KEYS.includes(grant));
  assert.deepEqual(added, [`kms:Decrypt on ${KEY_ARN}`, `kms:Decrypt on ${SOURCE_KEY_ARN}`]);
});

test('a key of the topic brings what a message needs', () => {
  const template = backupTemplate({ operationsKmsKeyArn: KEY_ARN });

  const added = granted(template).filter((grant) => !WITHOUT_KEYS.includes(grant));
  assert.deepEqual(added, [`kms:Decrypt on ${KEY_ARN}`, `kms:GenerateDataKey on ${KEY_ARN}`]);
  template.hasResourceProperties('AWS::SNS::Topic', { KmsMasterKeyId: KEY_ARN });
  template.allResourcesProperties('AWS::Logs::LogGroup', { KmsKeyId: KEY_ARN });
});

test('marking deletions brings exactly the action that places a marker', () => {
  const template = backupTemplate({ markDeletions: true });

  const added = granted(template).filter((grant) => !WITHOUT_KEYS.includes(grant));
  assert.deepEqual(added, ['s3:DeleteObject on the backup/*']);
  assert.equal(only(template, 'AWS::Lambda::Function').Environment.Variables.BACKUP_DELETIONS, 'mark');
});

test('where deletions are kept the function is not told of any', () => {
  for (const template of [backupTemplate(), backupTemplate({ markDeletions: false })]) {
    assert.deepEqual(granted(template), WITHOUT_KEYS);
    assert.equal(only(template, 'AWS::Lambda::Function').Environment.Variables.BACKUP_DELETIONS, undefined);
  }
});

test('an existing primary bucket gets the same actions', () => {
  const grants = granted(backupTemplate({ sourceBucketName: 'my-data' }));

  assert.deepEqual(grants, WITHOUT_KEYS.map((grant) => grant.replace('the source', 'my-data')).sort());
});

test('no managed policy adds anything', () => {
  const template = backupTemplate();

  assert.equal(only(template, 'AWS::IAM::Role').ManagedPolicyArns, undefined);
  template.resourceCountIs('AWS::IAM::ManagedPolicy', 0);
});

test('only Lambda can take the role', () => {
  assert.deepEqual(only(backupTemplate(), 'AWS::IAM::Role').AssumeRolePolicyDocument.Statement, [
    { Action: 'sts:AssumeRole', Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' } },
  ]);
});

test('nothing that destroys a backup is granted anywhere', () => {
  const lists = Object.values(permissions).flat() as string[];
  const allowed = [backupTemplate().toJSON(), JSON.parse(readFileSync(PORTABLE_TEMPLATE_FILE, 'utf8'))]
    .flatMap(allowedActions);

  assert.ok(allowed.includes('s3:PutObject'));
  assert.deepEqual([...lists, ...allowed].filter((action) => action.includes('*') || NEVER.includes(action)), []);
});

/** Every grant of the role as "action on resource", sorted. */
function granted(template: Template): string[] {
  const documents = [
    ...only(template, 'AWS::IAM::Role').Policies.map((policy: any) => policy.PolicyDocument),
    ...besideWatch(template, 'AWS::IAM::Policy').map(({ Properties }) => Properties.PolicyDocument),
  ];
  return documents
    .flatMap((document) => document.Statement)
    .flatMap((statement) => asList(statement.Action).flatMap((action) =>
      asList(statement.Resource).map((resource) => `${action} on ${plain(resource)}`)))
    .sort();
}

/** A resource of a statement in words. */
function plain(resource: any): string {
  if (typeof resource === 'string') {
    return resource;
  }
  if (resource['Fn::Join']) {
    return resource['Fn::Join'][1].map(plain).join('').replace('arn:AWS::Partition:s3:::', '');
  }
  const id: string = resource.Ref ?? resource['Fn::GetAtt'][0];
  const words = { Primary: 'the source', BackupBucket: 'the backup', Log: 'the log', Problems: 'the topic' };
  return Object.entries(words).find(([part]) => id.includes(part))?.[1] ?? id;
}

/** All actions that any policy in a template allows. */
function allowedActions(value: any): string[] {
  if (value === null || typeof value !== 'object') {
    return [];
  }
  const own = value.Effect === 'Allow' ? asList(value.Action) : [];
  return [...own, ...Object.values(value).flatMap(allowedActions)];
}

function asList(value: any): any[] {
  return Array.isArray(value) ? value : [value];
}
