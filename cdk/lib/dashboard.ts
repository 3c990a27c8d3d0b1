/** A month of backups on one page: of the job of this stack, or of each job that backs up in this account and region. */
import { Aws, Fn, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { type Choice, decidedLater } from './choice.ts';
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
  /** Whether it shows each job. */
  readonly allJobs: Choice;
}

interface Graph {
  readonly title: string;
  readonly metrics: readonly MetricName[];
  readonly stat?: 'Sum' | 'Maximum';
  readonly period?: number;
  readonly line?: { readonly label: string; readonly value: number };
}

export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, props: DashboardProps) {
    super(scope, id);
    new cloudwatch.CfnDashboard(this, 'Dashboard', { dashboardName: Aws.STACK_NAME, dashboardBody: this.body(props) });
  }

  private body(props: DashboardProps): string {
    const { allJobs } = props;
    const condition = decidedLater(allJobs);
    if (condition === undefined) {
      return this.bodyOf(props, allJobs === true);
    }
    return Fn.conditionIf(condition.logicalId, this.bodyOf(props, true), this.bodyOf(props, false)).toString();
  }

  private bodyOf({ maxHoursWithoutBackup, maxDaysWithoutDrill, eventsQueueName }: DashboardProps, ofAll: boolean): string {
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
    const tables = ofAll ? tablesOfJobs(maxHoursWithoutBackup) : [];
    const top = tables.length === 0 ? 0 : TABLE_HEIGHT;
    const widgets = [...tables, ...graphs.map((graph, number) => widget(place(number, top), graph, ofAll))];
    if (eventsQueueName !== undefined) {
      widgets.push(lag(place(graphs.length, top), eventsQueueName));
    }
    return Stack.of(this).toJsonString({ start: '-P30D', widgets });
  }
}

/** Two in a row. */
function place(number: number, top: number) {
  return { x: (number % 2) * 12, y: top + Math.floor(number / 2) * 6, width: 12, height: 6 };
}

function widget(at: object, { title, metrics, stat = 'Sum', period = A_NIGHT, line }: Graph, ofAll: boolean): object {
  return {
    type: 'metric', ...at,
    properties: {
      title, stat, period, region: Aws.REGION,
      metrics: ofAll ? searches(metrics, stat, period) : own(metrics),
      ...(line && { annotations: { horizontal: [line] } }),
    },
  };
}

/** A dot means: as in the metric before. */
function own([first, ...others]: readonly MetricName[]) {
  return [[NAMESPACE, first, 'Job', JOB_NAME], ...others.map((name) => ['.', name, '.', '.'])];
}

/** The name of a metric stands before that of its job where there are several. */
function searches(metrics: readonly MetricName[], stat: string, period: number) {
  return metrics.map((name) => [{ expression: search(name, stat, period), ...(metrics.length > 1 && { label: name }) }]);
}

/** A metric of each job: the jobs of other stacks are not known to this one. */
function search(name: MetricName, stat: string, period: number): string {
  return `SEARCH('{${NAMESPACE},Job} MetricName="${name}"', '${stat}', ${period})`;
}

const [TABLE_HEIGHT, TABLE_WIDTH] = [6, 8];

/** How each job is doing: a row for each. Values above the line are a problem. */
function tablesOfJobs(maxHoursWithoutBackup: number): object[] {
  return [
    table(0, { title: 'Hours since the last complete run', metric: 'HoursSinceComplete', column: 'MAX', start: '-PT2H', line: maxHoursWithoutBackup }),
    table(1, { title: 'Objects copied in a day', metric: 'Copied', column: 'SUM', start: '-P1D' }),
    table(2, { title: 'Errors in a day', metric: 'Errors', column: 'SUM', start: '-P1D', line: 0 }),
  ];
}

interface Table {
  readonly title: string;
  readonly metric: MetricName;
  readonly column: 'MAX' | 'SUM';
  readonly start: string;
  readonly line?: number;
}

function table(number: number, { title, metric, column, start, line }: Table): object {
  const stat = column === 'MAX' ? 'Maximum' : 'Sum';
  return {
    type: 'metric', x: number * TABLE_WIDTH, y: 0, width: TABLE_WIDTH, height: TABLE_HEIGHT,
    properties: {
      title, view: 'table', stat, period: AN_HOUR, region: Aws.REGION, start, end: 'P0D',
      metrics: [[{ expression: search(metric, stat, AN_HOUR) }]],
      table: { layout: 'vertical', showTimeSeriesData: false, stickySummary: true, summaryColumns: [column] },
      ...(line !== undefined && { annotations: { horizontal: [{ label: 'alarm', value: line, fill: 'above' }] } }),
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
