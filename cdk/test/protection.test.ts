import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { backupProps } from '../lib/context.ts';
import * as permissions from '../lib/permissions.ts';
import { PORTABLE_TEMPLATE_FILE } from '../lib/portable-template.ts';
import { PROTECTED_BUCKET_ACTIONS, PROTECTED_OBJECT_ACTIONS } from '../lib/protection.ts';
import { backupTemplate, packageFile } from './stacks.ts';

const ROLE = 'arn:aws:iam::111122223333:role/break-glass';
const portable = JSON.parse(readFileSync(PORTABLE_TEMPLATE_FILE, 'utf8'));

function backupBucket(template: any, type: string): any {
  const found = Object.entries<any>(template.Resources).filter(([id, { Type }]) => Type === type && id.startsWith('BackupBackupBucket'));
  assert.equal(found.length, 1);
  return found[0]![1].Properties;
}

function fromContext(values: Record<string, string>) {
  return backupProps((name) => ({ code: packageFile, ...values })[name]);
}

test('no bucket is locked or protected unless that is asked for', () => {
  const template = backupTemplate().toJSON();

  assert.equal(backupBucket(template, 'AWS::S3::Bucket').ObjectLockEnabled, undefined);
  assert.equal(backupBucket(template, 'AWS::S3::BucketPolicy').PolicyDocument.Statement.length, 1);
});

for (const [mode, isCompliance] of [['GOVERNANCE', false], ['COMPLIANCE', true]] as const) {
  test(`a lock in ${mode.toLowerCase()} mode is on each version of the backup bucket, and of no other`, () => {
    const template = backupTemplate({ objectLock: { exists: true, isCompliance, days: 90 } }).toJSON();

    const bucket = backupBucket(template, 'AWS::S3::Bucket');
    assert.equal(bucket.ObjectLockEnabled, true);
    assert.deepEqual(bucket.ObjectLockConfiguration, {
      ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: { Mode: mode, Days: 90 } },
    });
    assert.equal(JSON.stringify(template).split('"ObjectLockEnabled":true').length, 2);
  });
}

test('compliance must be confirmed, and a lock is not longer than replaced versions are kept', () => {
  assert.throws(() => fromContext({ objectLock: 'compliance' }), /ObjectLockConfirm=yes/);
  assert.throws(() => fromContext({ objectLock: 'governance', objectLockDays: '2556' }), /expected one of 1, 3, 7/);
  assert.deepEqual(fromContext({ objectLock: 'compliance', objectLockConfirm: 'yes', objectLockDays: '7' }).objectLock, {
    exists: true, isCompliance: true, days: 7,
  });
  assert.equal(fromContext({}).objectLock, undefined);
});

test('the portable template refuses the same before it makes anything', () => {
  assert.deepEqual(portable.Rules.ComplianceIsConfirmed, {
    RuleCondition: { 'Fn::Equals': [{ Ref: 'ObjectLock' }, 'compliance'] },
    Assertions: [{
      Assert: { 'Fn::Equals': [{ Ref: 'ObjectLockConfirm' }, 'yes'] },
      AssertDescription: 'ObjectLock=compliance cannot be undone by anybody; confirm it with ObjectLockConfirm=yes',
    }],
  });
  assert.deepEqual(portable.Rules.ProtectionHasARole.RuleCondition, { 'Fn::Equals': [{ Ref: 'ProtectBackups' }, 'yes'] });
  assert.equal(portable.Parameters.ObjectLock.Default, 'no');
  assert.equal(portable.Parameters.ProtectBackups.Default, 'no');
});

test('a protected bucket denies everybody but one role what would take backups away', () => {
  const template = backupTemplate({ protection: { exists: true, breakGlassRoleArn: ROLE } }).toJSON();

  const [tls, rules, versions, ...more] = backupBucket(template, 'AWS::S3::BucketPolicy').PolicyDocument.Statement;
  assert.equal(tls.Condition.Bool['aws:SecureTransport'], 'false');
  assert.deepEqual(more, []);
  for (const statement of [rules, versions]) {
    assert.equal(statement.Effect, 'Deny');
    assert.deepEqual(statement.Principal, { AWS: '*' });
    assert.deepEqual(statement.Condition, { ArnNotEquals: { 'aws:PrincipalArn': ROLE } });
  }
  assert.deepEqual(rules.Action, [...PROTECTED_BUCKET_ACTIONS]);
  assert.deepEqual(versions.Action, [...PROTECTED_OBJECT_ACTIONS]);
  assert.ok(versions.Action.includes('s3:DeleteObjectVersion') && rules.Action.includes('s3:PutLifecycleConfiguration'));
  assert.throws(() => fromContext({ protectBackups: 'yes' }), /BreakGlassRoleArn/);
});

test('the program works in a protected bucket: none of its roles has an action that is denied', () => {
  const denied: string[] = [...PROTECTED_BUCKET_ACTIONS, ...PROTECTED_OBJECT_ACTIONS];

  for (const [name, actions] of Object.entries(permissions)) {
    assert.deepEqual(actions.filter((action: string) => denied.includes(action)), [], name);
  }
});

test('the portable template has lock and protection only under their conditions', () => {
  const bucket = backupBucket(portable, 'AWS::S3::Bucket');
  const { Statement } = backupBucket(portable, 'AWS::S3::BucketPolicy').PolicyDocument;

  assert.deepEqual(bucket.ObjectLockEnabled, { 'Fn::If': ['ObjectLockIsGiven', true, { Ref: 'AWS::NoValue' }] });
  assert.equal(bucket.ObjectLockConfiguration['Fn::If'][0], 'ObjectLockIsGiven');
  assert.deepEqual(bucket.ObjectLockConfiguration['Fn::If'][1].Rule.DefaultRetention, {
    Mode: { 'Fn::If': ['ObjectLockIsCompliance', 'COMPLIANCE', 'GOVERNANCE'] }, Days: { Ref: 'ObjectLockDays' },
  });
  assert.equal(Statement.length, 3);
  assert.deepEqual(Statement.slice(1).map((statement: any) => statement['Fn::If'][0]), ['ProtectBackupsIsYes', 'ProtectBackupsIsYes']);
});
