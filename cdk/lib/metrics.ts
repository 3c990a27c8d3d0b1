/** The metrics that the functions write, by the names that src/notify/metrics.rs has for them. */
import { Aws, Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';

export const NAMESPACE = 'S3Backup';

/** The value of the dimension `Job`: the functions are told it. */
export const JOB_NAME = Aws.STACK_NAME;

/** Each metric that an alarm or the dashboard reads. */
export type MetricName =
  | 'BytesCopied' | 'ChangedPercent' | 'Copied' | 'CostUsd' | 'DaysSinceDrill' | 'DrillFailed' | 'Duration' | 'Errors'
  | 'EventErrors' | 'EventsCopied' | 'EventsDeferred' | 'EventsReceived' | 'EventsRefused' | 'Found' | 'Held'
  | 'HoursSinceComplete' | 'MissedByEvents' | 'OutOfTime' | 'RestoreErrors' | 'RestoreOpenHours' | 'Restored' | 'SecondsLeft'
  | 'UnusualChange' | 'Wrong';

/** What happened, counted over five minutes. */
export function counted(name: MetricName): cloudwatch.Metric {
  return metric(name, 'Sum', Duration.minutes(5));
}

/** What the watch saw last: it looks every hour. */
export function seen(name: MetricName): cloudwatch.Metric {
  return metric(name, 'Maximum', Duration.hours(1));
}

function metric(metricName: MetricName, statistic: string, period: Duration): cloudwatch.Metric {
  return new cloudwatch.Metric({ namespace: NAMESPACE, metricName, dimensionsMap: { Job: JOB_NAME }, statistic, period });
}
