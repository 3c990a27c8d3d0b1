/** Goes off when a run could not start, crashed or ran out of time. */
import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';

export interface FailureAlarmProps {
  /** What is watched. */
  readonly function: IFunction;
  /**
   * What the function does.
   * @default backup
   */
  readonly what?: string;
}

export class FailureAlarm extends cloudwatch.Alarm {
  constructor(scope: Construct, id: string, props: FailureAlarmProps) {
    super(scope, id, {
      alarmDescription: `The S3 ${props.what ?? 'backup'} failed. The log of the function says why.`,
      metric: props.function.metricErrors({ period: Duration.minutes(5), statistic: 'Sum' }),
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
  }
}
