/**
 * Goes off when a run ended and something is not in the backup. Lambda counts such a run as a success, so the result
 * that the function logs is what is watched.
 */
import { Duration, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { type Choice, either } from './choice.ts';

const INCOMPLETE = '{ $.statusCode = 500 }';
const WITH_ERRORS = '{ ($.statusCode = 500) && ($.errors > 0) }';

export interface IncompleteAlarmProps {
  /** The log of the function, in which each result is a line of JSON. */
  readonly logGroup: logs.ILogGroup;
  /**
   * Whether a run that the deadline stopped is continued. Then only a run with errors is a problem.
   * @default false
   */
  readonly continued?: Choice;
}

export class IncompleteAlarm extends Construct {
  readonly alarm: cloudwatch.Alarm;

  constructor(scope: Construct, id: string, props: IncompleteAlarmProps) {
    super(scope, id);
    const results = new logs.MetricFilter(this, 'Results', {
      logGroup: props.logGroup,
      filterPattern: logs.FilterPattern.literal(either(props.continued ?? false, WITH_ERRORS, INCOMPLETE)),
      metricNamespace: 'S3Backup',
      metricName: `${Stack.of(this).stackName}-IncompleteRuns`,
      metricValue: '1',
    });
    this.alarm = new cloudwatch.Alarm(this, 'Alarm', {
      alarmDescription: 'The S3 backup is incomplete. The result in the log of the function names the objects.',
      metric: results.metric({ period: Duration.minutes(5), statistic: 'Sum' }),
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
  }
}
