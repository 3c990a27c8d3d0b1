import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { GROUPS } from '../lib/parameters.ts';
import { MOST_BYTES, MOST_BYTES_WITHOUT_BUCKET, PORTABLE_TEMPLATE_FILE, portableTemplate } from '../lib/portable-template.ts';

const text = portableTemplate();
const template = JSON.parse(text);

/** What shows or runs the command that deploys it. */
const DEPLOYING = ['README.md', 'scripts/demo', 'docs/demo.md'];

/** The only resource of a type, without those of restores and of the watch. */
function only(type: string): any {
  const [found, ...others] = Object.entries<any>(template.Resources)
    .filter(([id, { Type }]) => Type === type && !/^Backup(Distributed|Events|Restore|Watch|Web)/.test(id))
    .map(([, resource]) => resource);
  assert.equal(others.length, 0);
  return found;
}

/** The name of the only resource of a type. */
function idOf(type: string): string {
  const found = Object.entries<any>(template.Resources).filter(([, { Type }]) => Type === type);
  assert.equal(found.length, 1);
  return found[0]![0];
}

/** What stands for a parameter that may be left out. */
function ifGiven(parameter: string): any {
  return { 'Fn::If': [`${parameter}IsGiven`, { Ref: parameter }, { Ref: 'AWS::NoValue' }] };
}

test('the committed template is the one that the sources make', () => {
  assert.ok(
    readFileSync(PORTABLE_TEMPLATE_FILE, 'utf8') === text,
    'cdk/cloudformation/s3-backup.template.json is out of date: run "npm run template" in cdk and commit the result',
  );
});

test('the sources make the same template each time', () => {
  assert.equal(portableTemplate(), text);
});

test('only the package has to be named', () => {
  const needed = Object.entries<any>(template.Parameters).filter(([, { Default }]) => Default === undefined);

  assert.deepEqual(needed.map(([name]) => name), ['CodeBucket', 'CodeKey']);
});

test('CloudFormation takes it from a bucket, with room for twice as much', (t) => {
  const bytes = Buffer.byteLength(text);
  t.diagnostic(`${bytes} bytes; ${MOST_BYTES_WITHOUT_BUCKET - bytes} are left below ${MOST_BYTES_WITHOUT_BUCKET}`);

  assert.ok(bytes < MOST_BYTES / 2, `${bytes} bytes`);
});

test('no part of it has a blank that nobody reads', () => {
  assert.equal(text.replaceAll('\n', ''), JSON.stringify(template));
});

test('every command that deploys it names a bucket for it', () => {
  const commands = DEPLOYING.map((file) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'))
    .flatMap((page) => page.replaceAll(/\s*\\\n\s*/g, ' ').split('\n'))
    .filter((line) => /cloudformation"?,? "?deploy/.test(line));

  assert.ok(commands.length >= DEPLOYING.length, commands.join('\n'));
  assert.deepEqual(commands.filter((command) => !command.includes('--s3-bucket')), []);
});

test('no account has to be bootstrapped', () => {
  assert.doesNotMatch(text, /bootstrap-version|cdk-hnb659fds|BootstrapVersion|AWS::SSM/);
  assert.deepEqual(only('AWS::Lambda::Function').Properties.Code, {
    S3Bucket: { Ref: 'CodeBucket' }, S3Key: { Ref: 'CodeKey' },
    // A new version under the same key is a change that deploys.
    S3ObjectVersion: { 'Fn::If': ['CodeVersionIsGiven', { Ref: 'CodeVersion' }, { Ref: 'AWS::NoValue' }] },
  });
});

test('an existing source may have a name of before 2018, a new bucket may not', () => {
  const allows = (parameter: string, name: string) => new RegExp(template.Parameters[parameter].AllowedPattern).test(name);

  for (const name of ['ABCD_Central_1', 'a.b-c', 'x'.repeat(255), '']) {
    assert.ok(allows('SourceBucket', name), name);
  }
  for (const name of ['a', 'a/b', 's3://a', 'a b', 'x'.repeat(256)]) {
    assert.ok(!allows('SourceBucket', name), name);
  }
  assert.ok(!allows('BackupBucket', 'ABCD_Central_1'));
  assert.ok(allows('BackupBucket', 'backup.of-abcd'));
});

test('by default it runs at 2 AM UTC, on x86_64, with 512 MB', () => {
  const defaults = Object.fromEntries(Object.entries<any>(template.Parameters).map(([name, { Default }]) => [name, Default]));

  assert.equal(defaults.Schedule, 'cron(0 2 * * ? *)');
  assert.equal(defaults.Architecture, 'x86_64');
  assert.equal(defaults.MemorySize, 512);
  assert.equal(defaults.OneRunAtATime, 'yes');
  assert.equal(defaults.Continuation, 'no');
  assert.equal(defaults.Deletions, 'keep');
});

test('a new primary bucket is made only if none is named', () => {
  const conditional = Object.values<any>(template.Resources).filter(({ Condition }) => Condition === 'CreatePrimaryBucket');

  assert.deepEqual(conditional.map(({ Type }) => Type), ['AWS::S3::Bucket', 'AWS::S3::BucketPolicy']);
  assert.deepEqual(template.Conditions.CreatePrimaryBucket, { 'Fn::Not': [{ Condition: 'SourceBucketIsGiven' }] });
});

/** One key, or one for each bucket where there are two. */
function keyOfBackups(): any {
  const none = { Ref: 'AWS::NoValue' };
  const own = { 'Fn::If': ['CreateKmsKeyIsYes', { 'Fn::GetAtt': [idOf('AWS::KMS::Key'), 'Arn'] }, { Ref: 'KmsKeyArn' }] };
  const first = { 'Fn::If': ['CreateBackupBucket', { Ref: bucketOfBackups() }, { Ref: 'ExistingBackupBucket' }] };
  const second = [{ Ref: 'SecondBackupBucket' }, '=', { Ref: 'SecondKmsKeyArn' }];
  const joined = (...parts: any[]) => ({ 'Fn::Join': ['', parts] });
  const both = joined(first, '=', own, ',', ...second);
  return {
    'Fn::If': [
      'SecondBackupBucketIsGiven',
      {
        'Fn::If': [
          'BackupKeyIsGiven',
          { 'Fn::If': ['SecondKmsKeyArnIsGiven', both, joined(first, '=', own)] },
          { 'Fn::If': ['SecondKmsKeyArnIsGiven', joined(...second), none] },
        ],
      },
      { 'Fn::If': ['BackupKeyIsGiven', own, none] },
    ],
  };
}

function bucketOfBackups(): string {
  return Object.keys(template.Resources).find((id) => id.startsWith('BackupBackupBucket') && !id.includes('Policy'))!;
}

test('a variable is absent when its parameter is empty', () => {
  const { SOURCE_BUCKET, DESTINATION_BUCKET, BACKUP_EXPECTED_OWNER, BACKUP_JOB_NAME, BACKUP_SNS_TOPIC_ARN, RUST_LOG, ...options } =
    only('AWS::Lambda::Function').Properties.Environment.Variables;

  assert.deepEqual(options, {
    AWS_ENDPOINT_URL: ifGiven('AwsEndpointUrl'),
    BACKUP_KMS_KEY_ID: keyOfBackups(),
    BACKUP_SOURCE_PREFIX: ifGiven('SourcePrefix'),
    BACKUP_DESTINATION_PREFIX: ifGiven('DestinationPrefix'),
    BACKUP_INCLUDE: ifGiven('Include'),
    BACKUP_EXCLUDE: ifGiven('Exclude'),
    BACKUP_INCLUDE_TAGS: ifGiven('IncludeTags'),
    BACKUP_STORAGE_CLASS: ifGiven('StorageClass'),
    BACKUP_MULTIPART_THRESHOLD: ifGiven('MultipartThreshold'),
    BACKUP_WEBSITE_REDIRECTS: ifGiven('WebsiteRedirects'),
    BACKUP_SSE: ifGiven('ServerSideEncryption'),
    BACKUP_REQUEST_PAYER: ifGiven('RequestPayer'),
    BACKUP_MODE: ifGiven('Mode'),
    BACKUP_EVENT_MAX_SIZE: ifGiven('EventMaxSize'),
    BACKUP_EVENT_TAGS: ifGiven('EventTags'),
    BACKUP_EVENTS: { 'Fn::If': ['EventsIsYes', 'yes', { Ref: 'AWS::NoValue' }] },
    BACKUP_CONTINUATION: { 'Fn::If': ['ContinuationIsYes', 'yes', { Ref: 'AWS::NoValue' }] },
    BACKUP_NOTIFY: ifGiven('Notify'),
    BACKUP_HEARTBEAT_URL: ifGiven('HeartbeatUrl'),
    BACKUP_UNUSUAL: ifGiven('Unusual'),
    BACKUP_MAX_COST_USD: ifGiven('MaxCostUsd'),
    BACKUP_UNUSUAL_CHANGE_PERCENT: ifGiven('UnusualChangePercent'),
    BACKUP_HISTORY_DAYS: ifGiven('HistoryDays'),
    BACKUP_DELETIONS: { 'Fn::If': ['DeletionsIsMark', 'mark', { Ref: 'AWS::NoValue' }] },
    BACKUP_MAX_DELETIONS: ifGiven('MaxDeletions'),
    BACKUP_MAX_DELETIONS_PERCENT: ifGiven('MaxDeletionsPercent'),
    BACKUP_MAX_CONCURRENCY: ifGiven('MaxConcurrency'),
  });
});

test('permission to use a key exists only with the key, and to place a marker only if that is asked for', () => {
  const policies = Object.entries<any>(template.Resources)
    .filter(([id, { Type, Condition }]) => Type === 'AWS::IAM::Policy' && !id.startsWith('BackupWatch') && !Condition?.startsWith('Restore') && !/^(Distributed|Events|Web)/.test(Condition));

  assert.deepEqual(policies.map(([, { Condition }]) => Condition).sort(), [
    'BackupKeyIsGiven', 'DeletionsIsMark', 'DeletionsIsMarkAndSecondBackup', 'FormerKmsKeyArnsIsGiven', 'OperationsKmsKeyArnIsGiven',
    'SecondBackupBucketIsGiven', 'SecondKmsKeyArnIsGiven', 'SourceKmsKeyArnIsGiven',
  ]);
});

test('the address of a local AWS does not weaken a policy', () => {
  const unconditional = Object.values<any>(template.Resources)
    .filter(({ Type, Condition }) => Type === 'AWS::S3::BucketPolicy' && Condition === undefined);

  assert.equal(unconditional.length, 1);
  assert.equal(text.split('AwsEndpointUrlIsGiven').length - 1, 9, 'its definition, the variable of each function, and where people sign in');
});

test('the console shows every parameter in a group', () => {
  const grouped = GROUPS.flatMap(({ parameters }) => Object.keys(parameters));

  assert.deepEqual(grouped.sort(), Object.keys(template.Parameters).sort());
});
