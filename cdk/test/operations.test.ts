import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { PORTABLE_TEMPLATE_FILE } from '../lib/portable-template.ts';
import { backupTemplate } from './stacks.ts';

const portable = JSON.parse(readFileSync(PORTABLE_TEMPLATE_FILE, 'utf8'));
const template = backupTemplate({ restore: true, continuation: true }).toJSON();
const runbook = new URL('../../docs/operations.md', import.meta.url);
const source = readFileSync(new URL('../../src/notify/metrics.rs', import.meta.url), 'utf8');

/** The names of the metrics that the program writes. */
const written = [...source.matchAll(/Self::\w+ => "(\w+)",/g)].map(([, name]) => name!);

function alarms(from: any): [string, any][] {
  return Object.entries<any>(from.Resources)
    .filter(([, { Type }]) => Type === 'AWS::CloudWatch::Alarm')
    .map(([id, { Properties }]) => [id, Properties]);
}

describe('alarms', () => {
  test('each is sent to the topic when it goes off and when it calms down', () => {
    assert.ok(alarms(template).length >= 12);
    for (const [id, { AlarmActions, OKActions }] of alarms(template)) {
      assert.match(AlarmActions?.[0]?.Ref ?? '', /Problems/, id);
      assert.match(OKActions?.[0]?.Ref ?? '', /Problems/, id);
    }
    for (const [id, { AlarmActions, OKActions }] of alarms(portable)) {
      for (const [action] of [AlarmActions, OKActions]) {
        const [condition, own, other] = action['Fn::If'] ?? ['CreateTopic', action, undefined];
        assert.equal(condition, 'CreateTopic', id);
        assert.match(own.Ref, /Problems/, id);
        assert.deepEqual(other, id.startsWith('BackupWatchFailed') ? undefined : { Ref: 'ExistingTopicArn' }, id);
      }
    }
  });

  test('each names its section of the runbook, which is there', () => {
    const sections = [...readFileSync(runbook, 'utf8').matchAll(/^### (.+)$/gm)].map(([, title]) => title);

    assert.ok(existsSync(runbook));
    for (const [id, { AlarmDescription }] of [...alarms(template), ...alarms(portable)]) {
      const [, section] = /\. docs\/operations\.md#([a-z-]+)$/.exec(AlarmDescription) ?? [];
      assert.ok(sections.includes(section!), `${id}: ${AlarmDescription}`);
    }
  });

  test('those of the program name metrics and dimensions that it writes', () => {
    const own = [...alarms(template), ...alarms(portable)].filter(([, { Namespace }]) => Namespace === 'S3Backup');

    assert.ok(own.length >= 16);
    for (const [id, { MetricName, Dimensions }] of own) {
      assert.ok(written.includes(MetricName), `${id}: ${MetricName}`);
      assert.deepEqual(Dimensions, [{ Name: 'Job', Value: { Ref: 'AWS::StackName' } }], id);
    }
    assert.match(source, /pub const NAMESPACE: &str = "S3Backup";/);
    assert.match(source, /pub const JOB: &str = "Job";/);
  });

  test('the switch goes off after two hours without a value, and when no run was complete for too long', () => {
    const [, noBackup] = alarms(template).find(([id]) => id.includes('WatchNoBackup'))!;
    const [, portableOne] = alarms(portable).find(([id]) => id.includes('WatchNoBackup'))!;

    const { MetricName, Statistic, Period, EvaluationPeriods, Threshold, ComparisonOperator, TreatMissingData } = noBackup;
    assert.deepEqual(
      { MetricName, Statistic, Period, EvaluationPeriods, Threshold, ComparisonOperator, TreatMissingData },
      {
        MetricName: 'HoursSinceComplete', Statistic: 'Maximum', Period: 3600, EvaluationPeriods: 2, Threshold: 26,
        ComparisonOperator: 'GreaterThanThreshold', TreatMissingData: 'breaching',
      },
    );
    assert.deepEqual(portableOne.Threshold, { Ref: 'MaxHoursWithoutBackup' });
    assert.equal(alarms(template).filter(([, { TreatMissingData: missing }]) => missing === 'breaching').length, 1);
  });
});

describe('dashboard', () => {
  const body = (from: any, ofAll = false): any => {
    const found: any = Object.values<any>(from.Resources).find(({ Type }) => Type === 'AWS::CloudWatch::Dashboard');
    const { 'Fn::If': choices } = found.Properties.DashboardBody;
    const parts = (choices?.[ofAll ? 1 : 2] ?? found.Properties.DashboardBody)['Fn::Join'][1];
    // A number stands without quotes.
    const text = (part: any) => part.Ref ? (part.Ref.startsWith('AWS::') ? part.Ref : 26) : part['Fn::If'] || part['Fn::GetAtt'] ? 'a-name' : part;
    return JSON.parse(parts.map(text).join(''));
  };

  test('is JSON, with metrics that the program writes', () => {
    for (const from of [template, portable]) {
      const { widgets } = body(from);
      const own = widgets.filter(({ properties }: any) => properties.metrics[0][0] === 'S3Backup');
      assert.ok(own.length >= 10);
      for (const { properties } of own) {
        const [[namespace, , dimension, job], ...others] = properties.metrics;
        assert.deepEqual([namespace, dimension, job], ['S3Backup', 'Job', 'AWS::StackName']);
        assert.ok(others.every(([dot]: string[]) => dot === '.'));
        for (const [, name] of properties.metrics) {
          assert.ok(written.includes(name), name);
        }
      }
    }
  });

  test('of all jobs has a row for each in its tables and a line for each in its graphs, of metrics that the program writes', () => {
    const ofFirst = backupTemplate({ watchJobs: true }).toJSON();
    for (const { widgets } of [body(portable, true), body(ofFirst)]) {
      const own = widgets.filter(({ properties }: any) => properties.metrics[0][0] !== 'AWS/SQS');
      const tables = own.filter(({ properties: { view } }: any) => view === 'table');
      const read = own.flatMap(({ properties: { metrics, stat, period } }: any) => metrics.map(([{ expression }]: any) => {
        const [, name] = /^SEARCH\('\{S3Backup,Job\} MetricName="(\w+)"', '(?:Sum|Maximum)', \d+\)$/.exec(expression) ?? [];
        assert.ok(written.includes(name!), expression);
        assert.ok(expression.endsWith(`'${stat}', ${period})`), expression);
        return name;
      }));
      assert.ok(new Set(read).size >= 19);
      assert.deepEqual(tables.map(({ properties: { metrics } }: any) => metrics[0][0].expression.split('"')[1]), ['HoursSinceComplete', 'Copied', 'Errors']);
      assert.equal(new Set(widgets.map(({ x, y }: any) => `${x},${y}`)).size, widgets.length);
    }
  });

  test('shows how long events wait where there can be events, and nothing of a queue where there are none', () => {
    const lag = (from: any) => body(from).widgets.filter(({ properties }: any) => properties.metrics[0][0] === 'AWS/SQS');

    for (const from of [portable, backupTemplate({ events: true }).toJSON()]) {
      const [{ properties: { metrics: [[, name, dimension]] } }] = lag(from);
      assert.deepEqual([name, dimension], ['ApproximateAgeOfOldestMessage', 'QueueName']);
    }
    assert.deepEqual(lag(template), []);
  });

  test('shows a month, and its widgets do not lie on each other', () => {
    const { start, widgets } = body(template);

    assert.equal(start, '-P30D');
    assert.equal(new Set(widgets.map(({ x, y }: any) => `${x},${y}`)).size, widgets.length);
  });

  test('is left out if nobody wants it', () => {
    assert.doesNotMatch(JSON.stringify(backupTemplate({ dashboard: false }).toJSON()), /CloudWatch::Dashboard/);
  });
});

describe('watch', () => {
  test('runs every hour, in a function of its own that can read what is written down of runs and nothing else', () => {
    const of = (type: string) => Object.entries<any>(template.Resources)
      .filter(([id, { Type }]) => Type === type && id.startsWith('BackupWatch')).map(([, { Properties }]) => Properties);
    const [watch] = of('AWS::Lambda::Function');
    const [role] = of('AWS::IAM::Role');

    assert.deepEqual([watch.Handler, watch.MemorySize], ['watch', 128]);
    assert.equal(of('AWS::Events::Rule')[0].ScheduleExpression, 'rate(1 hour)');
    const actions = role.Policies[0].PolicyDocument.Statement.flatMap(({ Action }: any) => [Action].flat());
    assert.deepEqual(actions.sort(), ['logs:CreateLogStream', 'logs:PutLogEvents', 's3:GetObject', 's3:ListBucket']);
  });
});
