/** A month of backups on one page. */
import { Aws, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { JOB_NAME, type MetricName, NAMESPACE } from './metrics.ts';

/** The longest that Lambda lets a function run, in seconds. */
const DEADLINE = 900;

const [A_NIGHT, AN_HOUR] = [24 * 3600, 3600];

export interface DashboardProps {
  /** Hours without a complete run after which somebody is told. */
  readonly maxHoursWithoutBackup: number;
  /** Days without a drill that passed after which somebody is told. */
  readonly maxDaysWithoutDrill: number;
  /** The queue of events, if there can be events. */
  readonly eventsQueueName?: string;
}

interface Graph {
  readonly title: string;
  readonly metrics: readonly MetricName[];
  readonly stat?: 'Sum' | 'Maximum';
  readonly period?: number;
  readonly line?: { readonly label: string; readonly value: number };
}

export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, { maxHoursWithoutBackup, maxDaysWithoutDrill, eventsQueueName }: DashboardProps) {
    super(scope, id);
    const graphs: Graph[] = [
      {
        title: 'Hours since the last complete run', metrics: ['HoursSinceComplete'], stat: 'Maximum', period: AN_HOUR,
        line: { label: 'alarm', value: maxHoursWithoutBackup },
      },
      { title: 'Objects', metrics: ['Found', 'Copied', 'Errors'] },
      { title: 'Bytes copied', metrics: ['BytesCopied'] },
      { title: 'Dollars for requests', metrics: ['CostUsd'] },
      {
        title: 'Seconds', metrics: ['Duration', 'SecondsLeft'], stat: 'Maximum',
        line: { label: 'deadline', value: DEADLINE },
      },
      { title: 'Changed, in percent of what was known', metrics: ['ChangedPercent'], stat: 'Maximum' },
      { title: 'Objects restored', metrics: ['Restored', 'RestoreErrors'] },
      { title: 'Hours of the oldest open restore', metrics: ['RestoreOpenHours'], stat: 'Maximum', period: AN_HOUR },
      {
        title: 'Days since a drill passed', metrics: ['DaysSinceDrill', 'DrillFailed'], stat: 'Maximum', period: AN_HOUR,
        line: { label: 'alarm', value: maxDaysWithoutDrill },
      },
      {
        title: 'Events, and what the night found that they missed',
        metrics: ['EventsReceived', 'EventsCopied', 'EventsDeferred', 'EventErrors', 'MissedByEvents'], period: AN_HOUR,
      },
    ];
    const widgets: object[] = graphs.map((graph, number) => widget(place(number), graph));
    if (eventsQueueName !== undefined) {
      widgets.push(lag(place(graphs.length), eventsQueueName));
    }
    new cloudwatch.CfnDashboard(this, 'Dashboard', {
      dashboardName: Aws.STACK_NAME,
      dashboardBody: Stack.of(this).toJsonString({
        start: '-P30D', widgets,
      }),
    });
  }
}

/** Two in a row. */
function place(number: number) {
  return { x: (number % 2) * 12, y: Math.floor(number / 2) * 6, width: 12, height: 6 };
}

/** A dot means: as in the metric before. */
function widget(at: object, { title, metrics, stat = 'Sum', period = A_NIGHT, line }: Graph) {
  const [first, ...others] = metrics;
  return {
    type: 'metric', ...at,
    properties: {
      title, stat, period, region: Aws.REGION,
      metrics: [[NAMESPACE, first, 'Job', JOB_NAME], ...others.map((name) => ['.', name, '.', '.'])],
      ...(line && { annotations: { horizontal: [line] } }),
    },
  };
}

/** How long events wait for the function. */
function lag(at: object, queueName: string) {
  return {
    type: 'metric', ...at,
    properties: {
      title: 'Seconds that the oldest event waits', stat: 'Maximum', period: AN_HOUR, region: Aws.REGION,
      metrics: [['AWS/SQS', 'ApproximateAgeOfOldestMessage', 'QueueName', queueName]],
    },
  };
}
