import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { BackupStack } from '../lib/backup-stack.ts';
import { backupProps } from '../lib/context.ts';
import { PORTABLE_TEMPLATE_FILE } from '../lib/portable-template.ts';
import { anyCode, backupTemplate, newFolder, packageFile } from './stacks.ts';

const portable = JSON.parse(readFileSync(PORTABLE_TEMPLATE_FILE, 'utf8'));
const second = backupTemplate({
  sourceBucketName: 'more-data', existingBackupBucketName: 'backups', options: { destinationPrefix: '{source_bucket}/' },
});

test('one more source makes no backup bucket, and its role is bound to the one that exists', () => {
  const { Resources } = second.toJSON();
  const buckets = Object.entries<any>(Resources).filter(([, { Type }]) => Type === 'AWS::S3::Bucket').map(([id]) => id);

  assert.ok(buckets.every((id) => !id.startsWith('BackupBackupBucket')), buckets.join());
  second.hasResourceProperties('AWS::Lambda::Function', {
    Environment: { Variables: { DESTINATION_BUCKET: 'backups', BACKUP_DESTINATION_PREFIX: '{source_bucket}/' } },
  });
  assert.match(JSON.stringify(Resources), /:s3:::backups\/\*/);
  second.hasOutput('BackupBucketName', { Value: 'backups' });
});

test('what would change an existing bucket is refused', () => {
  for (const [name, value] of [['backupBucket', 'other'], ['objectLock', 'governance'], ['protectBackups', 'yes'], ['createKmsKey', 'yes']]) {
    const context: Record<string, string> = { code: packageFile, existingBackupBucket: 'backups', [name!]: value! };
    assert.throws(() => backupProps((asked) => context[asked]), /changes nothing about that bucket/, name);
  }
  const { RuleCondition, Assertions } = portable.Rules.ExistingBucketStaysAsItIs;
  assert.deepEqual(RuleCondition, { 'Fn::Not': [{ 'Fn::Equals': [{ Ref: 'ExistingBackupBucket' }, ''] }] });
  assert.equal(Assertions.length, 4);
});

test('the portable template makes a backup bucket only if none is named, under the name that it always had', () => {
  const made = Object.entries<any>(portable.Resources).filter(([, { Condition }]) => Condition === 'CreateBackupBucket');

  assert.deepEqual(made.map(([, { Type }]) => Type), ['AWS::S3::Bucket', 'AWS::S3::BucketPolicy']);
  // Another name would make each deployed stack begin a new bucket.
  assert.match(made[0]![0], /^BackupBackupBucket[0-9A-F]{8}$/);
});

test('many sources of one app are a stack each, below prefixes of their own', () => {
  const app = new App({ outdir: newFolder() });
  const stacks = ['photos', 'letters', 'sounds'].map((sourceBucketName) => new BackupStack(app, `Backup-${sourceBucketName}`, {
    backup: { code: anyCode(), sourceBucketName, existingBackupBucketName: 'backups', options: { destinationPrefix: '{source_bucket}/' } },
  }));

  for (const stack of stacks) {
    Template.fromStack(stack).resourceCountIs('AWS::S3::Bucket', 1);
  }
  assert.equal(new Set(stacks.map(({ stackName }) => stackName)).size, 3);
});
