import assert from 'node:assert/strict';
import { test } from 'node:test';
import { portableTemplate } from '../lib/portable-template.ts';
import { backupTemplate } from './stacks.ts';

const ofDrill = (resources: object): [string, any][] => Object.entries<any>(resources).filter(([id]) => id.startsWith('BackupRestoreDrill'));

function drills(): any {
  const { Resources: resources } = backupTemplate({ restore: true, drillSchedule: 'rate(7 days)' }).toJSON();
  return Object.fromEntries(ofDrill(resources).map(([, resource]) => [resource.Type, resource]));
}

test('without a schedule there are no drills and no scratch bucket, nor without restores', () => {
  for (const props of [{ restore: true }, { drillSchedule: 'rate(7 days)' }]) {
    assert.deepEqual(ofDrill(backupTemplate(props).toJSON().Resources), []);
  }
});

test('the schedule starts a drill into the scratch bucket', () => {
  const { ScheduleExpression, Targets } = drills()['AWS::Events::Rule'].Properties;
  const input = JSON.stringify(Targets[0].InputTransformer ?? Targets[0].Input);

  assert.equal(ScheduleExpression, 'rate(7 days)');
  assert.match(input, /\\"operation\\":\\"drill\\",\\"to\\":\\"s3:\/\//);
  assert.match(input, /BackupRestoreDrillScratch/);
});

test('in the scratch bucket nothing stays for more than a day or two', () => {
  const { LifecycleConfiguration, VersioningConfiguration } = drills()['AWS::S3::Bucket'].Properties;

  assert.equal(VersioningConfiguration.Status, 'Enabled');
  assert.deepEqual(LifecycleConfiguration.Rules, [{
    Id: 'drills-expire-after-a-day', Status: 'Enabled', ExpirationInDays: 1,
    NoncurrentVersionExpiration: { NoncurrentDays: 1 }, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
  }]);
});

test('a drill hides only what lies in the scratch bucket, and writes only its own file into the backup', () => {
  const statements = drills()['AWS::IAM::Policy'].Properties.PolicyDocument.Statement;
  const [hides] = statements.filter(({ Action }: any) => Action === 's3:DeleteObject');
  const [writes] = statements.filter(({ Sid }: any) => Sid === 'WriteDrill');

  assert.match(JSON.stringify(hides.Resource), /BackupRestoreDrillScratch/);
  assert.equal(writes.Action, 's3:PutObject');
  assert.match(JSON.stringify(writes.Resource), /BackupBucket.*\/\.s3-backup\/\*\/drills\/\*/);
  assert.doesNotMatch(JSON.stringify(statements), /DeleteObjectVersion|PutLifecycle|PutBucketVersioning/);
});

test('in the portable template all of it exists only if it is asked for', () => {
  const template = JSON.parse(portableTemplate());
  const parts = ofDrill(template.Resources);

  assert.ok(parts.length >= 4);
  assert.deepEqual([...new Set(parts.map(([, { Condition }]) => Condition))], ['RestoreAndDrills']);
  assert.deepEqual(template.Conditions.RestoreAndDrills['Fn::And'], [{ Condition: 'RestoreIsYes' }, { Condition: 'DrillScheduleIsGiven' }]);
  const conditions = Object.values<any>(template.Resources)
    .filter(({ Type, Properties }) => Type === 'AWS::Lambda::Permission' && JSON.stringify(Properties).includes('BackupRestoreDrill'))
    .map(({ Condition }) => Condition);
  assert.deepEqual(conditions, ['RestoreAndDrills']);
});

test('a drill that failed is an alarm, and so are eight days without one that passed', () => {
  const of = (resources: object) => ofDrill(resources).map(([, resource]) => resource)
    .filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm').map(({ Properties }) => Properties);
  const alarms = of(backupTemplate({ restore: true, drillSchedule: 'rate(7 days)' }).toJSON().Resources);
  const portable = of(JSON.parse(portableTemplate()).Resources);

  assert.deepEqual(alarms.map(({ MetricName, Threshold, EvaluationPeriods, TreatMissingData }) =>
    [MetricName, Threshold, EvaluationPeriods, TreatMissingData]).sort(), [
    ['DaysSinceDrill', 8, 2, 'breaching'], ['DrillFailed', 0, 1, 'notBreaching'],
  ]);
  assert.deepEqual(portable.find(({ MetricName }) => MetricName === 'DaysSinceDrill').Threshold, { Ref: 'MaxDaysWithoutDrill' });
});
