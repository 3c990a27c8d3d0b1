import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Template } from 'aws-cdk-lib/assertions';
import { backupProps } from '../lib/context.ts';
import { portableTemplate } from '../lib/portable-template.ts';
import { backupTemplate, KEY_ARN, packageFile } from './stacks.ts';

const shared = backupTemplate({ distributed: true });
const portable = JSON.parse(portableTemplate());
const machine = the(shared, 'AWS::StepFunctions::StateMachine');
const { States: states, TimeoutSeconds: most } = JSON.parse(machine.DefinitionString);

function isOwn(id: string): boolean {
  return id.startsWith('BackupDistributed');
}

/** The properties of the only resource of a type that is there for it. */
function the(template: Template, type: string): any {
  const found = Object.entries(template.findResources(type)).filter(([id]) => isOwn(id));
  assert.equal(found.length, 1, type);
  return found[0]![1].Properties;
}

test('by default there is nothing of it', () => {
  assert.deepEqual(Object.keys(backupTemplate().toJSON().Resources).filter(isOwn), []);
});

test('the pieces are read from the bucket, worked on by twenty, and tell the machine nothing', () => {
  const { Pieces } = states;

  assert.deepEqual(Pieces.ItemReader.ReaderConfig, { InputType: 'JSON' });
  assert.deepEqual(Pieces.ItemReader.Parameters, { 'Bucket.$': '$.bucket', 'Key.$': '$.key' });
  assert.deepEqual(Pieces.ItemProcessor.ProcessorConfig, { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' });
  assert.deepEqual([Pieces.MaxConcurrency, Pieces.ToleratedFailureCount, Pieces.ResultPath], [20, 0, null]);
});

test('the run is closed whatever became of its pieces, and goes on only with markers', () => {
  assert.equal(states.Pieces.Next, 'Close');
  assert.deepEqual(states.Pieces.Catch, [{ ErrorEquals: ['States.ALL'], ResultPath: '$.failure', Next: 'Close' }]);
  assert.deepEqual(states.Close.Parameters, { operation: 'close', 'cursor.$': '$.cursor' });
  const [complete, left] = states['Closed?'].Choices;
  assert.equal(states[complete.Next].Type, 'Succeed');
  assert.deepEqual(left.And[0], { Variable: '$.errors', NumericEquals: 0 });
  assert.deepEqual([states[left.Next].Parameters.operation, states[left.Next].Next], ['continue', 'Closed?']);
  assert.equal(states[states['Closed?'].Default].Type, 'Fail');
  assert.equal(most, 7 * 24 * 3600);
});

test('a worker goes on until its piece has no cursor', () => {
  const { StartAt, States } = states.Pieces.ItemProcessor;

  assert.equal(States[StartAt].Next, 'Piece done?');
  assert.deepEqual(States['Piece done?'].Choices, [{ Variable: '$.cursor', IsNull: true, Next: 'Piece is done' }]);
  const again = States[States['Piece done?'].Default];
  assert.deepEqual(again.Parameters, { operation: 'continue', 'cursor.$': '$.cursor' });
  assert.equal(again.Next, StartAt);
  const repeated = States[StartAt].Retry.flatMap(({ ErrorEquals }: any) => ErrorEquals);
  assert.deepEqual(repeated.slice(-2), ['States.TaskFailed', 'States.Timeout']);
  assert.ok(repeated.includes('AlreadyRunning'));
});

test('no state is never reached, none is missing, and no name is taken twice', () => {
  const names = [states, states.Pieces.ItemProcessor.States].flatMap((all) => Object.keys(all));
  assert.equal(new Set(names).size, names.length);
  for (const [all, start] of [[states, 'Cut'], [states.Pieces.ItemProcessor.States, 'Work']] as const) {
    const next = Object.values<any>(all).flatMap(({ Next, Default, Choices = [], Catch = [] }) => (
      [Next, Default, ...[...Choices, ...Catch].map((other) => other.Next)]));

    assert.deepEqual([...new Set([start, ...next.filter(Boolean)])].sort(), Object.keys(all).sort());
  }
});

test('the worker is the program of the backup, without reserved concurrency', () => {
  const worker = the(backupTemplate({ distributed: true, markDeletions: true }), 'AWS::Lambda::Function');

  assert.equal(worker.Handler, 'bootstrap');
  assert.equal(worker.ReservedConcurrentExecutions, undefined);
  assert.equal(worker.Environment.Variables.BACKUP_DELETIONS, 'mark');
  assert.ok(worker.Timeout < states.Close.TimeoutSeconds);
});

test('the machine reads the requests, and starts, follows and stops its own pieces', () => {
  const template = backupTemplate({ distributed: true, kmsKeyArn: KEY_ARN });
  const policies = Object.entries(template.findResources('AWS::IAM::Policy')).filter(([id]) => id.includes('Pieces'));
  const statements = policies.flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement);

  assert.deepEqual(statements.flatMap(({ Action }) => Action).sort(), [
    'kms:Decrypt', 's3:GetObject', 'states:DescribeExecution', 'states:StartExecution', 'states:StopExecution',
  ]);
  const [read] = statements.filter(({ Action }) => Action === 's3:GetObject');
  assert.match(JSON.stringify(read.Resource), /\.s3-backup\/\*\/runs\/\*\/ranges\.json/);
});

test('what only one process can know is refused', () => {
  const distributed = (values: Record<string, string>) => backupProps((name) => ({ code: packageFile, distributed: 'yes', ...values })[name]);

  assert.equal(distributed({}).distributed, true);
  for (const [name, value] of [['secondBackupBucket', 'other'], ['maxCostUsd', '5'], ['unusual', 'hold']] as const) {
    assert.throws(() => distributed({ [name]: value }), /one backup bucket, no MaxCostUsd/);
  }
  const rule = portable.Rules.DistributedIsOneBackup;
  assert.deepEqual(rule.RuleCondition, { 'Fn::Equals': [{ Ref: 'Distributed' }, 'yes'] });
  assert.deepEqual(rule.Assertions.map(({ Assert }: any) => Assert), [
    { 'Fn::Equals': [{ Ref: 'SecondBackupBucket' }, ''] },
    { 'Fn::Equals': [{ Ref: 'MaxCostUsd' }, ''] },
    { 'Fn::Not': [{ 'Fn::Equals': [{ Ref: 'Unusual' }, 'hold'] }] },
  ]);
});

test('in the template anybody can deploy, all of it depends on the parameter', () => {
  const own = Object.entries<any>(portable.Resources).filter(([id]) => isOwn(id));
  const conditions = new Set(own.map(([, { Condition }]) => Condition));

  assert.ok(own.length > 10);
  for (const condition of conditions) {
    const expression = JSON.stringify(portable.Conditions[condition]);
    assert.ok(condition === 'DistributedIsYes' || expression.includes('"DistributedIsYes"'), condition);
  }
});
