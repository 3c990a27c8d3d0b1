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
}

interface Graph {
  readonly title: string;
  readonly metrics: readonly MetricName[];
  readonly stat?: 'Sum' | 'Maximum';
  readonly period?: number;
  readonly line?: { readonly label: string; readonly value: number };
}

export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, { maxHoursWithoutBackup }: DashboardProps) {
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
    ];
    new cloudwatch.CfnDashboard(this, 'Dashboard', {
      dashboardName: Aws.STACK_NAME,
      dashboardBody: Stack.of(this).toJsonString({
        start: '-P30D', widgets: graphs.map((graph, number) => widget(graph, number)),
      }),
    });
  }
}

/** Two in a row. A dot means: as in the metric before. */
function widget({ title, metrics, stat = 'Sum', period = A_NIGHT, line }: Graph, number: number) {
  const [first, ...others] = metrics;
  return {
    type: 'metric', x: (number % 2) * 12, y: Math.floor(number / 2) * 6, width: 12, height: 6,
    properties: {
      title, stat, period, region: Aws.REGION,
      metrics: [[NAMESPACE, first, 'Job', JOB_NAME], ...others.map((name) => ['.', name, '.', '.'])],
      ...(line && { annotations: { horizontal: [line] } }),
    },
  };
}
