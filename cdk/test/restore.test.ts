import assert from 'node:assert/strict';
import { test } from 'node:test';
import { portableTemplate } from '../lib/portable-template.ts';
import { backupTemplate, KEY_ARN } from './stacks.ts';

const SOURCE_KEY_ARN = KEY_ARN.replace(':key/0a', ':key/1b');
const FORMER_KEY_ARN = KEY_ARN.replace(':key/0a', ':key/2c');

/** What can destroy a version, or the rules that keep it. */
const NEVER = [
  's3:DeleteObjectVersion', 's3:PutLifecycleConfiguration', 's3:PutBucketVersioning', 's3:BypassGovernanceRetention',
];

const WITHOUT_KEYS = [
  'logs:CreateLogStream on the log',
  'logs:PutLogEvents on the log',
  's3:AbortMultipartUpload on the backup/.s3-backup/*/restores/*',
  's3:AbortMultipartUpload on the target/*',
  's3:GetBucketVersioning on the backup',
  's3:GetBucketVersioning on the target',
  's3:GetObject on the backup/.s3-backup/*',
  's3:GetObject on the target/*',
  's3:GetObjectTagging on the backup/.s3-backup/*',
  's3:GetObjectTagging on the target/*',
  's3:GetObjectVersion on the backup/*',
  's3:GetObjectVersion on the target/*',
  's3:GetObjectVersionTagging on the backup/*',
  's3:GetObjectVersionTagging on the target/*',
  's3:ListBucket on the backup',
  's3:ListBucket on the target',
  's3:ListBucketVersions on the backup',
  's3:ListBucketVersions on the target',
  's3:PutObject on the backup/.s3-backup/*/restores/*',
  's3:PutObject on the target/*',
  's3:PutObjectTagging on the backup/.s3-backup/*/restores/*',
  's3:PutObjectTagging on the target/*',
  's3:RestoreObject on the backup/*',
  'sns:Publish on the topic',
];

test('by default nothing restores, and the rest is the same with restores', () => {
  const without = backupTemplate().toJSON();
  const { Resources: resources } = backupTemplate({ restore: true }).toJSON();

  assert.deepEqual(Object.keys(without.Resources).filter(isOfRestore), []);
  const rest = Object.fromEntries(Object.entries<any>(resources).filter(([id, { Type }]) => !isOfRestore(id) && !isPolicyOfTopic(Type)));
  const same = Object.fromEntries(Object.entries<any>(without.Resources).filter(([, { Type }]) => !isPolicyOfTopic(Type)));
  assert.deepEqual(rest, same);
});

test('the role of restores has exactly these actions', () => {
  assert.deepEqual(granted({ restore: true }), WITHOUT_KEYS);
});

test('keys and markers bring exactly their own actions', () => {
  const all = granted({
    restore: true, restoreMarks: true, kmsKeyArn: KEY_ARN, sourceKmsKeyArn: SOURCE_KEY_ARN, formerKmsKeyArns: FORMER_KEY_ARN,
  });

  assert.deepEqual(all.filter((grant) => !WITHOUT_KEYS.includes(grant)), [
    `kms:Decrypt on ${KEY_ARN}`,
    `kms:Decrypt on ${SOURCE_KEY_ARN}`,
    `kms:Decrypt on ${FORMER_KEY_ARN}`,
    `kms:GenerateDataKey on ${KEY_ARN}`,
    `kms:GenerateDataKey on ${SOURCE_KEY_ARN}`,
    's3:DeleteObject on the target/*',
  ]);
  assert.deepEqual(all.filter((grant) => grant.includes('*"') || NEVER.some((action) => grant.startsWith(action))), []);
});

test('the role of the backup still cannot write into the primary bucket', () => {
  const { Resources: resources } = backupTemplate({ restore: true, restoreMarks: true }).toJSON();
  const writing = Object.entries<any>(resources)
    .filter(([id, { Type }]) => Type === 'AWS::IAM::Role' && !isOfRestore(id))
    .flatMap(([, { Properties }]) => Properties.Policies ?? [])
    .flatMap(({ PolicyDocument }: any) => PolicyDocument.Statement)
    .filter(({ Action }: any) => [Action].flat().includes('s3:PutObject'));

  assert.deepEqual(writing.map(({ Resource }: any) => plain(Resource)), ['the backup/*']);
});

test('the same package restores, and goes on every 15 minutes', () => {
  const { Resources: resources } = backupTemplate({ restore: true }).toJSON();
  const ofRestore = (type: string): any => Object.entries<any>(resources).find(([id, { Type }]) => isOfRestore(id) && Type === type)?.[1];
  const backup = Object.entries<any>(resources).find(([id, { Type }]) => !isOfRestore(id) && Type === 'AWS::Lambda::Function')?.[1];

  const { Handler, Code, Timeout } = ofRestore('AWS::Lambda::Function').Properties;
  assert.deepEqual([Handler, Timeout], ['restore', 900]);
  assert.deepEqual(Code, backup.Properties.Code);
  const { ScheduleExpression, Targets } = ofRestore('AWS::Events::Rule').Properties;
  assert.equal(ScheduleExpression, 'rate(15 minutes)');
  assert.deepEqual(JSON.parse(Targets[0].Input), { operation: 'restore', continue: 'all' });
});

test('in the portable template all of it exists only if it is asked for', () => {
  const template = JSON.parse(portableTemplate());
  const ofRestore = Object.entries<any>(template.Resources).filter(([id]) => isOfRestore(id));
  const conditions = new Set(ofRestore.map(([, { Condition }]) => Condition));

  assert.ok(ofRestore.length > 10);
  assert.deepEqual([...conditions].sort(), [
    'RestoreAndBackupKey', 'RestoreAndContinuation', 'RestoreAndDrills', 'RestoreAndFormerBackupKeys', 'RestoreAndMarks', 'RestoreAndSecondBackup', 'RestoreAndSecondKey', 'RestoreAndTargetKey',
    'RestoreAndTopicKey', 'RestoreIsYes',
  ]);
  for (const condition of conditions) {
    if (condition !== 'RestoreIsYes') {
      assert.deepEqual(template.Conditions[condition]['Fn::And'][0], { Condition: 'RestoreIsYes' });
    }
  }
  assert.equal(template.Parameters.Restore.Default, 'no');
  assert.equal(template.Parameters.RestoreMarks.Default, 'no');
});

test('a state machine continues restores if it continues backups', () => {
  const machines = (props: object) => Object.keys(backupTemplate(props).findResources('AWS::StepFunctions::StateMachine'));

  assert.equal(machines({ restore: true }).length, 0);
  assert.equal(machines({ continuation: true }).length, 1);
  assert.equal(machines({ restore: true, continuation: true }).length, 2);
});

function isOfRestore(id: string): boolean {
  return id.startsWith('BackupRestore');
}

function isPolicyOfTopic(type: string): boolean {
  return type === 'AWS::SNS::TopicPolicy';
}

/** Every grant of the role of restores as "action on resource", sorted. */
function granted(props: object): string[] {
  const resources = Object.entries<any>(backupTemplate(props).toJSON().Resources).filter(([id]) => isOfRestore(id));
  const ofType = (type: string) => resources.map(([, resource]) => resource).filter(({ Type }) => Type === type);
  const documents = [
    ...ofType('AWS::IAM::Role').flatMap(({ Properties }) => Properties.Policies).map(({ PolicyDocument }) => PolicyDocument),
    ...ofType('AWS::IAM::Policy').map(({ Properties }) => Properties.PolicyDocument),
  ];
  return documents
    .flatMap(({ Statement }) => Statement)
    .flatMap(({ Action, Resource }) => [Action].flat().flatMap((action) =>
      [Resource].flat().map((resource) => `${action} on ${plain(resource)}`)))
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
  const words = { Primary: 'the target', BackupBucket: 'the backup', Log: 'the log', Problems: 'the topic' };
  return Object.entries(words).find(([part]) => id.includes(part))?.[1] ?? id;
}
