import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { portableTemplate } from '../lib/portable-template.ts';
import { backupTemplate, besideWatch, only } from './stacks.ts';

const once = backupTemplate();
const continued = backupTemplate({ continuation: true });
const portable = JSON.parse(portableTemplate());
const machine = only(continued, 'AWS::StepFunctions::StateMachine');
const definition = JSON.parse(machine.DefinitionString);
const { States: states } = definition;

describe('definition', () => {
  test('begins with the input of the execution', () => {
    assert.equal(definition.StartAt, 'Begin');
    assert.deepEqual(states.Begin.Assign, { request: '{% $states.input %}', invocations: 0, errors: 0 });
    assert.equal(states.Begin.Next, 'Run');
  });

  test('invokes the function itself, with what is asked for next', () => {
    assert.equal(states.Run.Resource, '${FunctionArn}');
    assert.deepEqual(Object.keys(machine.DefinitionSubstitutions), ['FunctionArn']);
    assert.match(machine.DefinitionSubstitutions.FunctionArn['Fn::GetAtt'].join('.'), /RunFunction.*\.Arn$/);
    assert.equal(states.Run.Arguments, '{% $request %}');
    assert.ok(states.Run.TimeoutSeconds > only(continued, 'AWS::Lambda::Function').Timeout);
  });

  test('goes on with the cursor, and adds up invocations and errors', () => {
    assert.deepEqual(states.Run.Assign, {
      request: { operation: 'continue', cursor: '{% $states.result.cursor %}' },
      invocations: '{% $invocations + 1 %}',
      errors: '{% $errors + $sum([$states.result.errors, $states.result.verified.wrong]) %}',
    });
    assert.equal(states.Run.Next, 'Done?');
    assert.equal(states['Done?'].Default, 'Run');
  });

  test('succeeds only when nothing is left, and nothing ever failed', () => {
    const [complete, waiting, incomplete] = states['Done?'].Choices;

    assert.equal(
      complete.Condition, "{% $states.input.cursor = null and $states.input.status = 'complete' and $errors = 0 %}",
    );
    assert.deepEqual(states[complete.Next], { Type: 'Succeed' });
    assert.equal(waiting.Condition, "{% $states.input.cursor = null and $states.input.status = 'waiting' %}");
    assert.equal(waiting.Next, 'Complete', 'the schedule goes on with a restore that waits');
    assert.equal(incomplete.Condition, '{% $states.input.cursor = null %}');
    assert.deepEqual([states[incomplete.Next].Type, states[incomplete.Next].Error], ['Fail', 'BackupIncomplete']);
    assert.match(states[incomplete.Next].Cause, /\$states\.input\.message/);
  });

  test('never loops for ever', () => {
    const bound = states['Done?'].Choices[3];

    assert.equal(bound.Condition, '{% $invocations >= 500 %}');
    assert.deepEqual([states[bound.Next].Type, states[bound.Next].Error], ['Fail', 'TooManyInvocations']);
    assert.equal(definition.TimeoutSeconds, 7 * 24 * 3600);
    assert.ok(500 * 14 * 60 < definition.TimeoutSeconds);
    assert.deepEqual(loops(), ['Run > Done? > Run'], 'each loop counts and looks at the bound');
  });

  test('has no state that is never reached, and none that is not there', () => {
    const named = Object.values<any>(states).flatMap(following);

    assert.deepEqual([...new Set([definition.StartAt, ...named])].sort(), Object.keys(states).sort());
  });

  test('repeats only what passes by itself: of the errors of the function that another run is under way', () => {
    const repeated = states.Run.Retry.flatMap(({ ErrorEquals }: any) => ErrorEquals);

    assert.deepEqual(repeated, [
      'Lambda.TooManyRequestsException', 'AlreadyRunning', 'Lambda.ServiceException', 'Lambda.SdkClientException',
    ]);
    assert.equal(states.Run.Catch, undefined);
  });

  test('waits for another run for longer than that can have the function', () => {
    const [{ IntervalSeconds, BackoffRate, MaxDelaySeconds, MaxAttempts }] = states.Run.Retry;
    const waits = Array.from({ length: MaxAttempts }, (_, n) => Math.min(IntervalSeconds * BackoffRate ** n, MaxDelaySeconds));

    assert.ok(waits.reduce((sum, wait) => sum + wait) > only(continued, 'AWS::Lambda::Function').Timeout);
  });
});

describe('state machine', () => {
  test('is a standard one with a log that expires, and traces', () => {
    assert.equal(machine.StateMachineType, 'STANDARD');
    assert.deepEqual(machine.TracingConfiguration, { Enabled: true });
    assert.deepEqual([machine.LoggingConfiguration.Level, machine.LoggingConfiguration.IncludeExecutionData], ['ALL', true]);
    continued.hasResourceProperties('AWS::Logs::LogGroup', {
      LogGroupName: { 'Fn::Join': ['', ['/aws/vendedlogs/states/', { Ref: 'AWS::StackName' }]] }, RetentionInDays: 90,
    });
    backupTemplate({ continuation: true, logRetentionDays: 30 }).allResourcesProperties('AWS::Logs::LogGroup', {
      RetentionInDays: 30,
    });
  });

  test('has exactly these actions', () => {
    const role = roleOf('states.amazonaws.com');

    assert.deepEqual(grants(role), [
      'lambda:InvokeFunction on the function',
      'logs:CreateLogDelivery on *',
      'logs:DeleteLogDelivery on *',
      'logs:DescribeLogGroups on *',
      'logs:DescribeResourcePolicies on *',
      'logs:GetLogDelivery on *',
      'logs:ListLogDeliveries on *',
      'logs:PutResourcePolicy on *',
      'logs:UpdateLogDelivery on *',
      'xray:GetSamplingRules on *',
      'xray:GetSamplingTargets on *',
      'xray:PutTelemetryRecords on *',
      'xray:PutTraceSegments on *',
    ]);
    assert.deepEqual(role.AssumeRolePolicyDocument.Statement[0].Condition, {
      StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } },
    });
  });

  test('is started by the schedule, which may do nothing else', () => {
    const { Targets, ScheduleExpression } = only(continued, 'AWS::Events::Rule');

    assert.equal(ScheduleExpression, 'cron(0 2 * * ? *)');
    assert.deepEqual(Targets.map(({ Arn, Input }: any) => [/Machine/.test(Arn.Ref), Input]), [[true, '{}']]);
    assert.deepEqual(grants(roleOf('events.amazonaws.com')), ['states:StartExecution on the state machine']);
  });

  test('is the only one that invokes the function, which still runs once at a time', () => {
    assert.deepEqual(besideWatch(continued, 'AWS::Lambda::Permission'), []);
    continued.resourceCountIs('AWS::IAM::Policy', 0);
    assert.equal(only(continued, 'AWS::Lambda::Function').ReservedConcurrentExecutions, 1);
  });

  test('does not exist without the option', () => {
    once.resourceCountIs('AWS::StepFunctions::StateMachine', 0);
    assert.equal(besideWatch(once, 'AWS::IAM::Role').length, 1);
    assert.equal(besideWatch(once, 'AWS::Logs::LogGroup').length, 1);
    assert.deepEqual(backupTemplate({ continuation: false }).toJSON(), once.toJSON());
  });
});

describe('problems', () => {
  test('an execution that ends in any way but success sets off an alarm', () => {
    for (const MetricName of ['ExecutionsFailed', 'ExecutionsTimedOut', 'ExecutionsAborted']) {
      continued.hasResourceProperties('AWS::CloudWatch::Alarm', {
        Namespace: 'AWS/States', MetricName, Statistic: 'Sum', Threshold: 0, EvaluationPeriods: 1,
        ComparisonOperator: 'GreaterThanThreshold', TreatMissingData: 'notBreaching',
        Dimensions: [{ Name: 'StateMachineArn', Value: { Ref: Match.stringLikeRegexp('Machine') } }],
        AlarmActions: [{ Ref: Match.stringLikeRegexp('Problems') }],
      });
    }
  });

  test('a run that is only out of time is no problem when it is continued', () => {
    const told = (template: Template) => only(template, 'AWS::Lambda::Function').Environment.Variables.BACKUP_CONTINUATION;

    assert.deepEqual([told(once), told(continued)], [undefined, 'yes']);
  });
});

describe('portable template', () => {
  test('has one schedule or the other, never both', () => {
    assert.deepEqual(portable.Conditions.ContinuationIsYes, { 'Fn::Equals': [{ Ref: 'Continuation' }, 'yes'] });
    assert.deepEqual(portable.Conditions.ContinuationIsNo, { 'Fn::Not': [{ Condition: 'ContinuationIsYes' }] });
    for (const [condition, other] of [['ContinuationIsNoInUtc', 'ContinuationIsNo'], ['ContinuationIsYesInUtc', 'ContinuationIsYes']]) {
      assert.deepEqual(portable.Conditions[condition!], { 'Fn::And': [{ Condition: other }, { Condition: 'TimeZoneIsEmpty' }] });
    }
    assert.deepEqual(under('ContinuationIsNoInUtc'), ['AWS::Events::Rule', 'AWS::Lambda::Permission']);
    assert.deepEqual(under('ContinuationIsYesInUtc'), ['AWS::Events::Rule', 'AWS::IAM::Role']);
    assert.deepEqual(under('TimeZoneIsGiven'), ['AWS::IAM::Role', 'AWS::Scheduler::Schedule']);
  });

  test('has everything else of the state machine only with the option', () => {
    assert.deepEqual(under('ContinuationIsYes'), [
      'AWS::CloudWatch::Alarm', 'AWS::CloudWatch::Alarm', 'AWS::CloudWatch::Alarm',
      'AWS::IAM::Role', 'AWS::Logs::LogGroup', 'AWS::StepFunctions::StateMachine',
    ]);
    assert.equal(portable.Outputs.StateMachineArn.Condition, 'ContinuationIsYes');
  });

  test('names what may be absent only under its condition', () => {
    const conditional = Object.entries<any>(portable.Resources)
      .filter(([, { Condition }]) => Condition === 'ContinuationIsYes').map(([id]) => id);
    const always = all().filter(({ Condition }) => Condition === undefined).map(withoutContinuation);

    assert.deepEqual(conditional.filter((id) => JSON.stringify(always).includes(`"${id}"`)), []);
  });

  test('has the same definition', () => {
    const [{ Properties }] = all().filter(({ Type }) => Type === 'AWS::StepFunctions::StateMachine');

    assert.equal(Properties.DefinitionString, machine.DefinitionString);
  });
});

function all(): any[] {
  return Object.values<any>(portable.Resources);
}

/** The types of the resources under a condition. */
function under(condition: string): string[] {
  return all().filter(({ Condition }) => Condition === condition).map(({ Type }) => Type).sort();
}

/** The rest of a part of the template when the option is not set. */
function withoutContinuation(part: any): any {
  if (part === null || typeof part !== 'object') {
    return part;
  }
  if (part['Fn::If']?.[0] === 'ContinuationIsYes') {
    return withoutContinuation(part['Fn::If'][2]);
  }
  return Array.isArray(part)
    ? part.map(withoutContinuation)
    : Object.fromEntries(Object.entries(part).map(([name, value]) => [name, withoutContinuation(value)]));
}

/** The names of the states that may come after a state. */
function following(state: any): string[] {
  return [state.Next, state.Default, ...(state.Choices ?? []).map(({ Next }: any) => Next)].filter(Boolean);
}

/** Every way from a state back to itself, once, as "A > B > A". */
function loops(path: string[] = [definition.StartAt]): string[] {
  return following(states[path[path.length - 1]]).flatMap((next) => {
    const seen = path.indexOf(next);
    return seen < 0 ? loops([...path, next]) : [[...path.slice(seen), next].join(' > ')];
  });
}

/** The role that a service can take. */
function roleOf(service: string): any {
  const roles = Object.values(continued.findResources('AWS::IAM::Role')).map(({ Properties }) => Properties)
    .filter(({ AssumeRolePolicyDocument }) => AssumeRolePolicyDocument.Statement[0].Principal.Service === service);
  assert.equal(roles.length, 1);
  return roles[0];
}

/** Every grant of a role as "action on resource", sorted. */
function grants(role: any): string[] {
  assert.equal(role.ManagedPolicyArns, undefined);
  return role.Policies
    .flatMap(({ PolicyDocument }: any) => PolicyDocument.Statement)
    .flatMap(({ Action, Resource }: any) => [Action].flat().map((action) => `${action} on ${plain(Resource)}`))
    .sort();
}

/** A resource of a statement in words: a function without a version, a state machine. */
function plain(resource: any): string {
  if (/RunFunction/.test(resource['Fn::GetAtt']?.[0])) {
    return 'the function';
  }
  return /Machine/.test(resource.Ref) ? 'the state machine' : resource;
}
