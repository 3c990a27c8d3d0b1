import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { newApp } from '../lib/app.ts';
import type { BackupProps } from '../lib/backup.ts';
import { BackupStack } from '../lib/backup-stack.ts';
import { backupProps, sourcesOf } from '../lib/context.ts';
import { PORTABLE_TEMPLATE_FILE } from '../lib/portable-template.ts';
import { addSources, readSources, type Source } from '../lib/sources.ts';
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
  for (const [name, value] of [['backupBucket', 'other'], ['objectLock', 'governance'], ['protectBackups', 'yes'], ['createKmsKey', 'yes'], ['noncurrentDays', '365']]) {
    const context: Record<string, string> = { code: packageFile, existingBackupBucket: 'backups', [name!]: value! };
    assert.throws(() => backupProps((asked) => context[asked]), /changes nothing about that bucket/, name);
  }
  const { RuleCondition, Assertions } = portable.Rules.ExistingBucketStaysAsItIs;
  assert.deepEqual(RuleCondition, { 'Fn::Not': [{ 'Fn::Equals': [{ Ref: 'ExistingBackupBucket' }, ''] }] });
  const named = Assertions.map(({ Assert }: any) => Assert['Fn::Equals'][0].Ref);
  assert.deepEqual(named.sort(), [
    'BackupBucket', 'CreateKmsKey', 'GlacierIrDays', 'NoncurrentDays', 'ObjectLock', 'ProtectBackups', 'ReplacedDeepArchiveDays', 'ReplacedGlacierDays',
    'StandardIaDays',
  ]);
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

/** The templates of a list of sources, by the names of their stacks. */
function stacksOf(sources: Source[], shared: Partial<BackupProps> = {}): Record<string, any> {
  const app = newApp({ outdir: newFolder() });
  addSources(app, 'Nightly', () => ({ code: anyCode(), ...shared }), sources);
  return Object.fromEntries(app.synth().stacks.map(({ stackName, template }) => [stackName, template]));
}

function variablesOf(template: any): any {
  const run = Object.values<any>(template.Resources).find(({ Type, Properties }) => Type === 'AWS::Lambda::Function' && Properties.Handler === 'bootstrap');
  return run.Properties.Environment.Variables;
}

test('a list of sources is a stack for each, and the first makes the bucket of all', () => {
  const stacks = stacksOf([
    { bucket: 'photos' },
    { bucket: 'letters', schedule: 'rate(6 hours)', include: '*.txt' },
    { bucket: 'old.sounds', exclude: 'tmp/*', events: true },
  ], { schedule: 'rate(1 day)', restore: true });

  assert.deepEqual(Object.keys(stacks), ['Nightly', 'Nightly-letters', 'Nightly-old-sounds']);
  const buckets = Object.values(stacks).map((template) => Object.keys(template.Resources).filter((id) => /^BackupBackupBucket[0-9A-F]{8}$/.test(id)).length);
  assert.deepEqual(buckets, [1, 0, 0]);
  const told = Object.values(stacks).map(variablesOf);
  assert.deepEqual(told.map(({ SOURCE_BUCKET }) => SOURCE_BUCKET), ['photos', 'letters', 'old.sounds']);
  assert.deepEqual(told.map(({ BACKUP_DESTINATION_PREFIX }) => BACKUP_DESTINATION_PREFIX), Array(3).fill('{source_bucket}/'));
  assert.deepEqual([told[1].BACKUP_INCLUDE, told[2].BACKUP_EXCLUDE, told[2].BACKUP_EVENTS, told[1].BACKUP_EVENTS], ['*.txt', 'tmp/*', 'yes', undefined]);
  const runs = (template: any) => JSON.stringify(template.Resources).match(/"ScheduleExpression":"rate\((1 day|6 hours)\)"/)?.[1];
  assert.deepEqual(Object.values(stacks).map(runs), ['1 day', '6 hours', '1 day']);
});

/** The resources of a type, by the beginning of their names. */
function partsOf(template: any, type: string, beginning = ''): [string, any][] {
  return Object.entries<any>(template.Resources).filter(([id, { Type }]) => Type === type && id.startsWith(beginning));
}

const SHARED: readonly (readonly [type: string, beginning?: string])[] = [
  ['AWS::SNS::Topic'], ['AWS::CloudWatch::Dashboard'], ['AWS::Lambda::Function', 'BackupWatch'], ['AWS::Events::Rule', 'BackupWatch'],
  ['AWS::IAM::Role', 'BackupWatch'], ['AWS::Logs::LogGroup', 'BackupWatch'], ['AWS::SNS::Subscription'],
];

test('a list of sources has one watch, topic and dashboard for all, and each stack has the alarms of its own job', () => {
  const stacks = stacksOf([{ bucket: 'photos' }, { bucket: 'letters' }, { bucket: 'sounds' }], { notificationEmail: 'me@example.com' });
  const [first, ...others] = Object.values(stacks);

  for (const [type, beginning] of SHARED) {
    const made = Object.values(stacks).map((template) => partsOf(template, type, beginning).length);
    assert.deepEqual(made, [1, 0, 0], `${type} ${beginning}`);
  }
  const [[, watch]] = partsOf(first, 'AWS::Lambda::Function', 'BackupWatch') as [[string, any]];
  assert.equal(watch.Properties.Environment.Variables.BACKUP_WATCH_JOBS, 'all');
  const own = Object.values(stacks).map((template) => partsOf(template, 'AWS::CloudWatch::Alarm')
    .filter(([, { Properties }]) => Properties.Namespace === 'S3Backup').map(([id]) => id).sort());
  assert.deepEqual(own[1], own[0]);
  assert.ok(own[0]!.some((id) => id.startsWith('BackupWatchNoBackup')) && own[0]!.some((id) => id.startsWith('BackupWatchRestoreWaits')));
  const [topic] = partsOf(first, 'AWS::SNS::Topic')[0]!;
  for (const template of others) {
    for (const [id, { Properties }] of partsOf(template, 'AWS::CloudWatch::Alarm')) {
      assert.match(JSON.stringify(Properties.AlarmActions), new RegExp(topic), id);
    }
    const [, noBackup] = partsOf(template, 'AWS::CloudWatch::Alarm', 'BackupWatchNoBackup')[0]!;
    assert.equal(noBackup.Properties.TreatMissingData, 'breaching');
    assert.match(JSON.stringify(variablesOf(template).BACKUP_SNS_TOPIC_ARN), new RegExp(topic));
  }
  assert.match(JSON.stringify(partsOf(first, 'AWS::SNS::TopicPolicy')), /:alarm:\*/);
});

test('a stack without other sources takes its own alarms alone, and looks at its own job', () => {
  for (const template of [backupTemplate().toJSON(), stacksOf([{ bucket: 'photos' }]).Nightly]) {
    const [[, watch]] = partsOf(template, 'AWS::Lambda::Function', 'BackupWatch') as [[string, any]];
    assert.equal(watch.Properties.Environment.Variables.BACKUP_WATCH_JOBS, undefined);
    assert.match(JSON.stringify(partsOf(template, 'AWS::SNS::TopicPolicy')), /:alarm:"?,?.{0,40}AWS::StackName/);
  }
});

test('one more source that names a topic has no topic, watch and dashboard of its own', () => {
  const topicArn = 'arn:aws:sns:eu-west-1:111122223333:first';
  const template = backupTemplate({ sourceBucketName: 'letters', existingBackupBucketName: 'backups', existingTopicArn: topicArn }).toJSON();

  for (const [type, beginning] of SHARED) {
    assert.deepEqual(partsOf(template, type, beginning), [], type);
  }
  for (const [id, { Properties }] of partsOf(template, 'AWS::CloudWatch::Alarm')) {
    assert.deepEqual([Properties.AlarmActions, Properties.OKActions], [[topicArn], [topicArn]], id);
  }
  const given = (condition: string, seen = new Set<string>()): boolean => {
    const text = JSON.stringify(portable.Conditions[condition]);
    seen.add(condition);
    const others = Object.keys(portable.Conditions).filter((name) => text.includes(`{"Condition":"${name}"}`) && !seen.has(name));
    return text === '{"Fn::Not":[{"Condition":"ExistingTopicArnIsGiven"}]}' || others.some((name) => given(name, seen));
  };
  for (const [type, beginning] of SHARED) {
    for (const [id, { Condition }] of partsOf(portable, type, beginning)) {
      assert.ok(given(Condition), id);
    }
  }
  for (const name of ['NoBackup', 'RestoreWaits']) {
    assert.equal(partsOf(portable, 'AWS::CloudWatch::Alarm', `BackupWatch${name}`)[0]![1].Condition, undefined);
  }
});

test('a topic of another stack without its bucket, with an address or with a watch is refused', () => {
  const topicArn = 'arn:aws:sns:eu-west-1:111122223333:first';
  const fine: Record<string, string> = { code: packageFile, existingBackupBucket: 'backups', existingTopicArn: topicArn };
  const read = (context: Record<string, string>) => () => backupProps((asked) => context[asked]);

  assert.equal(read(fine)().existingTopicArn, topicArn);
  const { existingBackupBucket, ...alone } = fine;
  for (const context of [alone, { ...fine, notificationEmail: 'me@example.com' }, { ...fine, watchJobs: 'all' }]) {
    assert.throws(read(context), /ExistingTopicArn is of the stack that watches for this one/, JSON.stringify(context));
  }
  assert.throws(read({ ...fine, existingTopicArn: 'first' }), /an ARN such as arn:aws:sns/);
  const { RuleCondition, Assertions } = portable.Rules.TopicIsOfAnotherStack;
  assert.deepEqual(RuleCondition, { 'Fn::Not': [{ 'Fn::Equals': [{ Ref: 'ExistingTopicArn' }, ''] }] });
  assert.deepEqual(Assertions.map(({ Assert }: any) => JSON.stringify(Assert).match(/"Ref":"(\w+)"/)![1]).sort(), [
    'ExistingBackupBucket', 'NotificationEmail', 'WatchJobs',
  ]);
});

test('a list of sources uses an existing bucket as it is', () => {
  const stacks = stacksOf([{ bucket: 'photos' }, { bucket: 'letters' }], { existingBackupBucketName: 'backups' });

  assert.deepEqual(Object.values(stacks).map((template) => variablesOf(template).DESTINATION_BUCKET), ['backups', 'backups']);
});

test('sources whose backups overlap are refused by both names, before anything is made', () => {
  const refused = (...sources: Source[]) => () => stacksOf(sources);
  const below = (bucket: string, destinationPrefix: string, sourcePrefix?: string) => ({ bucket, destinationPrefix, sourcePrefix });

  assert.throws(refused({ bucket: 'photos' }, { bucket: 'photos' }), /photos below "photos\/" and photos below "photos\/" overlap/);
  assert.throws(refused(below('photos', 'all/'), below('letters', 'all/')), /photos below "all\/" and letters below "all\/" overlap/);
  assert.throws(refused(below('photos', ''), { bucket: 'letters' }), /photos below "" and letters below "letters\/" overlap/);
  assert.throws(refused(below('a', '{source_bucket}'), below('ab', '{source_bucket}')), /that ends in a slash, such as \{source_bucket\}\//);
  assert.throws(refused(below('photos', 'all/', 'x/'), below('letters', 'all/', 'x/y/')), /overlap/);
  const neighbours = [below('photos', 'all/', 'x/'), below('letters', 'all/', 'y/'), below('photos', 'all/', 'x/y/')];
  assert.equal(Object.keys(stacksOf(neighbours)).length, 3);
});

test('a list of sources with mistakes is refused with what is allowed', () => {
  const read = (value: unknown) => () => readSources(value);

  assert.deepEqual(readSources('[{"bucket":"photos","events":true}]'), [{ bucket: 'photos', events: true }]);
  assert.equal(readSources(undefined), undefined);
  assert.throws(read('photos'), /sources: no JSON/);
  assert.throws(read([]), /expected a list such as/);
  assert.throws(read([{ bucket: 'photos', timing: 'x' }]), /sources\[0\]: "timing" is not known; known are bucket, schedule/);
  assert.throws(read([{ bucket: 'photos' }, { schedule: 'rate(1 day)' }]), /sources\[1\]: a source needs a bucket/);
  assert.throws(read([{ bucket: 's3://photos' }]), /sources\[0\].bucket: "s3:\/\/photos": expected the name of a bucket/);
  assert.throws(read([{ bucket: 'photos', schedule: 'nightly' }]), /expected such as cron/);
  assert.throws(read([{ bucket: 'photos', events: 'yes' }]), /expected a boolean/);
  const context: Record<string, unknown> = { sources: [{ bucket: 'photos' }], sourceBucket: 'letters' };
  assert.throws(() => sourcesOf((name) => context[name]), /-c sourceBucket: it is of one source/);
  assert.throws(() => stacksOf([{ bucket: 'a' }, { bucket: 'b' }], { createKmsKey: true }), /lets the roles of its own stack in/);
});
