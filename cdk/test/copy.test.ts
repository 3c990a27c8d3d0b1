import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { backupProps } from '../lib/context.ts';
import { COPY_GROUPS } from '../lib/copy-stack.ts';
import * as permissions from '../lib/permissions.ts';
import { COPY_TEMPLATE_FILE, copyTemplate, portableTemplate } from '../lib/portable-template.ts';
import { backupTemplate, KEY_ARN, only, packageFile } from './stacks.ts';

const SECOND_KEY_ARN = KEY_ARN.replace('eu-west-1:111122223333', 'us-east-1:444455556666');
const text = copyTemplate();
const copy = JSON.parse(text);
const main = JSON.parse(portableTemplate());

function resource(type: string, start: string): any {
  const found = Object.entries<any>(copy.Resources).filter(([id, { Type }]) => Type === type && id.startsWith(start));
  assert.equal(found.length, 1, type);
  return found[0]![1];
}

/** Statements without the conditions under which they stand, and these by name. */
function statements(all: any[]): [any, string | undefined][] {
  return all.map((one) => ('Fn::If' in one ? [one['Fn::If'][1], one['Fn::If'][0]] : [one, undefined]));
}

/** The parameter of which each role is a principal. */
function roles({ AWS: { 'Fn::Split': [comma, { Ref }] } }: any): string {
  assert.equal(comma, ',');
  return Ref;
}

const policy = statements(resource('AWS::S3::BucketPolicy', 'Copy').Properties.PolicyDocument.Statement);

function fromContext(values: Record<string, string>) {
  return backupProps((name) => ({ code: packageFile, ...values })[name]);
}

test('the committed template of the copy is the one that the sources make', () => {
  assert.ok(
    readFileSync(COPY_TEMPLATE_FILE, 'utf8') === text,
    'cdk/cloudformation/s3-backup-copy.template.json is out of date: run "npm run template" in cdk and commit the result',
  );
});

test('only the role of the backup has to be named, and the console shows every parameter', () => {
  const needed = Object.entries<any>(copy.Parameters).filter(([, { Default }]) => Default === undefined);

  assert.deepEqual(needed.map(([name]) => name), ['BackupRoleArn']);
  assert.deepEqual(COPY_GROUPS.flatMap(({ parameters }) => Object.keys(parameters)).sort(), Object.keys(copy.Parameters).sort());
});

test('the roles of many sources are let in by one list', () => {
  const role = (name: string) => `arn:aws:iam::111122223333:role/${name}`;
  for (const name of ['BackupRoleArn', 'WatchRoleArn', 'RestoreRoleArn', 'EventsRoleArn', 'WebRoleArn']) {
    const takes = (value: string) => new RegExp(copy.Parameters[name].AllowedPattern).test(value);
    assert.ok(takes(role('one')) && takes(`${role('one')},${role('path/two')}`), name);
    assert.ok(!takes(`${role('one')}, ${role('two')}`) && !takes(`${role('one')},two`) && !takes('*'), name);
    assert.equal(takes(''), name !== 'BackupRoleArn');
  }
});

test('the bucket is as the first: versioned, private, kept, and with the same lifecycle', () => {
  const first = Object.entries<any>(main.Resources).find(([id, { Type }]) => Type === 'AWS::S3::Bucket' && id.startsWith('BackupBackupBucket'))![1];
  const { Properties: second, DeletionPolicy } = resource('AWS::S3::Bucket', 'Copy');

  assert.equal(DeletionPolicy, 'Retain');
  for (const name of ['LifecycleConfiguration', 'VersioningConfiguration', 'PublicAccessBlockConfiguration', 'OwnershipControls', 'ObjectLockConfiguration']) {
    assert.deepEqual(second[name], first.Properties[name], name);
  }
});

test('its policy demands TLS and lets exactly the roles that are named in, each with the rights that it has at home', () => {
  const rights = Object.fromEntries(policy.filter(([{ Effect }]) => Effect === 'Allow').map(([{ Sid, Principal, Action }, condition]) => (
    [Sid, { role: roles(Principal), condition, actions: Action }]
  )));

  assert.deepEqual(policy[0]![0].Condition, { Bool: { 'aws:SecureTransport': 'false' } });
  const always = undefined;
  assert.deepEqual(rights, {
    BackupLists: right('BackupRoleArn', always, permissions.DESTINATION_BUCKET_ACTIONS, permissions.DESTINATION_SETTING_ACTIONS),
    BackupAdds: right('BackupRoleArn', always, permissions.DESTINATION_OBJECT_ACTIONS),
    BackupMarks: right('BackupRoleArn', 'DeletionsIsMark', permissions.MARKING_ACTIONS),
    RestoreLists: right('RestoreRoleArn', 'RestoreRoleArnIsGiven', permissions.RESTORE_SOURCE_BUCKET_ACTIONS),
    RestoreReads: right('RestoreRoleArn', 'RestoreRoleArnIsGiven', permissions.RESTORE_SOURCE_OBJECT_ACTIONS),
    RestoreReadsState: right('RestoreRoleArn', 'RestoreRoleArnIsGiven', permissions.RESTORE_STATE_READ_ACTIONS),
    RestoreWritesState: right('RestoreRoleArn', 'RestoreRoleArnIsGiven', permissions.RESTORE_STATE_WRITE_ACTIONS),
    WatchLists: right('WatchRoleArn', 'WatchRoleArnIsGiven', permissions.WATCH_BUCKET_ACTIONS),
    WatchReads: right('WatchRoleArn', 'WatchRoleArnIsGiven', permissions.WATCH_OBJECT_ACTIONS),
    EventsList: right('EventsRoleArn', 'EventsRoleArnIsGiven', permissions.DESTINATION_BUCKET_ACTIONS),
    EventsAdd: right('EventsRoleArn', 'EventsRoleArnIsGiven', permissions.DESTINATION_OBJECT_ACTIONS),
    WebLists: right('WebRoleArn', 'WebRoleArnIsGiven', permissions.WEB_BACKUP_ACTIONS),
    WebReads: right('WebRoleArn', 'WebRoleArnIsGiven', permissions.WEB_VERSION_ACTIONS),
    WebReadsState: right('WebRoleArn', 'WebRoleArnIsGiven', permissions.WATCH_OBJECT_ACTIONS),
  });
});

function right(role: string, condition: string | undefined, ...actions: (readonly string[])[]) {
  return { role, condition, actions: actions.flat() };
}

test('a protected copy denies everybody but one role what would take backups away', () => {
  const denied = policy.filter(([{ Sid }]) => Sid?.startsWith('Keep'));

  assert.deepEqual(denied.map(([{ Sid, Effect }, condition]) => [Sid, Effect, condition]), [
    ['KeepRules', 'Deny', 'ProtectBackupsIsYes'], ['KeepVersions', 'Deny', 'ProtectBackupsIsYes'],
  ]);
});

test('the key of the copy is administered by its account and used by the roles, through S3 only', () => {
  const key = resource('AWS::KMS::Key', 'Key');
  const [account, ...users] = statements(key.Properties.KeyPolicy.Statement);

  assert.equal(key.Condition, 'CreateKmsKeyIsYes');
  assert.equal(account![0].Sid, 'AccountAdministers');
  assert.ok(!account![0].Action.includes('kms:Decrypt'));
  assert.deepEqual(users.map(([{ Principal }]) => roles(Principal)), ['BackupRoleArn', 'RestoreRoleArn', 'WatchRoleArn', 'EventsRoleArn', 'WebRoleArn']);
  for (const [{ Condition }] of users) {
    assert.ok('kms:ViaService' in Condition.StringEquals);
  }
});

test('what does not go together is refused before anything is made', () => {
  assert.deepEqual(Object.keys(copy.Rules).sort(), ['ComplianceIsConfirmed', 'LockEndsInTime', 'OneKey', 'ProtectionHasARole']);
  assert.deepEqual(main.Rules.SecondHasABucket.RuleCondition, { 'Fn::Equals': [{ Ref: 'SecondBackupBucket' }, ''] });
  assert.throws(() => fromContext({ secondBackupAccount: '444455556666' }), /name it with SecondBackupBucket/);
  assert.throws(() => fromContext({ secondBackupBucket: 'copies', secondBackupAccount: '4' }), /12 digits/);
});

test('the functions are told of the second bucket, its owner and its key', () => {
  const second = { bucketName: 'copies', accountId: '444455556666' };
  const told = (props: object) => only(backupTemplate({ existingBackupBucketName: 'backups', ...props }), 'AWS::Lambda::Function').Environment.Variables;
  const account = { Ref: 'AWS::AccountId' };

  const without = told({ kmsKeyArn: KEY_ARN });
  assert.deepEqual([without.DESTINATION_BUCKET, without.BACKUP_EXPECTED_OWNER, without.BACKUP_KMS_KEY_ID], ['backups', account, KEY_ARN]);
  const own = told({ second: { bucketName: 'copies' } });
  assert.deepEqual(own.BACKUP_EXPECTED_OWNER, { 'Fn::Join': ['', ['backups=', account, ',copies=', account]] });
  assert.equal(own.BACKUP_KMS_KEY_ID, undefined);
  const other = told({ second });
  assert.equal(other.DESTINATION_BUCKET, 'backups,copies');
  assert.deepEqual(other.BACKUP_EXPECTED_OWNER, { 'Fn::Join': ['', ['backups=', account, ',copies=444455556666']] });
  assert.equal(told({ second, kmsKeyArn: KEY_ARN }).BACKUP_KMS_KEY_ID, `backups=${KEY_ARN}`);
  const secondKey = { ...second, kmsKeyArn: SECOND_KEY_ARN };
  assert.equal(told({ second: secondKey }).BACKUP_KMS_KEY_ID, `copies=${SECOND_KEY_ARN}`);
  assert.equal(told({ second: secondKey, kmsKeyArn: KEY_ARN }).BACKUP_KMS_KEY_ID, `backups=${KEY_ARN},copies=${SECOND_KEY_ARN}`);
});

test('each role may do in the second bucket what it may do in the first, and use its key', () => {
  const template = backupTemplate({
    existingBackupBucketName: 'backups', second: { bucketName: 'copies', kmsKeyArn: SECOND_KEY_ARN }, kmsKeyArn: KEY_ARN, sourceBucketName: 'my-data',
    markDeletions: true, restore: true, events: true, web: true,
  });

  const rights = (what: string): string[] => {
    const roles = Object.values<any>(template.findResources('AWS::IAM::Role')).flatMap(({ Properties }) => Properties.Policies ?? []);
    const policies = Object.values<any>(template.findResources('AWS::IAM::Policy')).map(({ Properties }) => Properties);
    return [...roles, ...policies].flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
      .flatMap(({ Effect, Action, Resource }: any) => [Action].flat().map((action) => `${Effect} ${action} ${JSON.stringify(Resource)}`))
      .filter((right) => right.includes(what)).map((right) => right.replaceAll(what, 'it')).sort();
  };
  assert.deepEqual(rights(':copies'), rights(':backups'));
  assert.deepEqual(rights(SECOND_KEY_ARN), rights(KEY_ARN));
});
