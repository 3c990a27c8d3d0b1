import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { backupProps } from '../lib/context.ts';
import { PORTABLE_TEMPLATE_FILE } from '../lib/portable-template.ts';
import { backupTemplate, KEY_ARN, packageFile } from './stacks.ts';

const portable = JSON.parse(readFileSync(PORTABLE_TEMPLATE_FILE, 'utf8'));
const own = backupTemplate({ createKmsKey: true, restore: true, events: true });

function resources(template: any, type: string): [string, any][] {
  return Object.entries<any>(template.toJSON().Resources).filter(([, { Type }]) => Type === type);
}

test('there is no key unless it is asked for, and never two', () => {
  assert.equal(resources(backupTemplate(), 'AWS::KMS::Key').length, 0);
  assert.throws(
    () => backupProps((name) => ({ code: packageFile, createKmsKey: 'yes', kmsKeyArn: KEY_ARN } as Record<string, string>)[name]),
    /leave KmsKeyArn empty/,
  );
  assert.equal(portable.Parameters.CreateKmsKey.Default, 'no');
  assert.deepEqual(portable.Rules.OneKey.Assertions[0].Assert, { 'Fn::Equals': [{ Ref: 'KmsKeyArn' }, ''] });
});

test('the key rotates, has an alias, and stays when the stack goes', () => {
  const [[id, key]] = resources(own, 'AWS::KMS::Key') as [[string, any]];

  assert.equal(key.Properties.EnableKeyRotation, true);
  assert.deepEqual([key.DeletionPolicy, key.UpdateReplacePolicy], ['Retain', 'Retain']);
  own.hasResourceProperties('AWS::KMS::Alias', { TargetKeyId: { 'Fn::GetAtt': [id, 'Arn'] } });
});

test('the account administers the key and cannot use it, and the roles of the stack use it', () => {
  const [[, key]] = resources(own, 'AWS::KMS::Key') as [[string, any]];
  const [administers, uses, ...more] = key.Properties.KeyPolicy.Statement;

  assert.deepEqual(more, []);
  const use = /^kms:(\*|Decrypt|Encrypt|ReEncrypt.*|GenerateDataKey.*|CreateGrant)$/;
  assert.deepEqual(administers.Action.filter((action: string) => use.test(action)), []);
  assert.ok(administers.Action.includes('kms:PutKeyPolicy'), 'nobody could change it again');
  assert.deepEqual([...uses.Action].sort(), ['kms:Decrypt', 'kms:GenerateDataKey']);
  const { StringEquals } = uses.Condition;
  assert.deepEqual(StringEquals['aws:PrincipalTag/s3-backup-stack'], { Ref: 'AWS::StackId' });
  assert.deepEqual(StringEquals['kms:CallerAccount'], { Ref: 'AWS::AccountId' });
});

test('each role that is granted the key has the tag that its policy wants', () => {
  const roles = resources(own, 'AWS::IAM::Role');
  const tagged = roles.filter(([, { Properties }]) =>
    Properties.Tags?.some((tag: any) => tag.Key === 's3-backup-stack' && tag.Value.Ref === 'AWS::StackId'));

  assert.ok(roles.length >= 4);
  assert.equal(tagged.length, roles.length);
});

test('the bucket encrypts with it, with a bucket key, and the function copies with it', () => {
  const [[id]] = resources(own, 'AWS::KMS::Key') as [[string, any]];
  const arn = { 'Fn::GetAtt': [id, 'Arn'] };

  own.hasResourceProperties('AWS::S3::Bucket', {
    BucketEncryption: {
      ServerSideEncryptionConfiguration: [{
        BucketKeyEnabled: true, ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: arn },
      }],
    },
  });
  own.hasResourceProperties('AWS::Lambda::Function', { Environment: { Variables: { BACKUP_KMS_KEY_ID: arn } } });
});
