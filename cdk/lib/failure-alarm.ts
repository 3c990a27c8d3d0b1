/** Goes off when a function could not start, crashed or ran out of time. */
import { Duration } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { ProblemAlarm } from './problem-alarm.ts';

export interface FailureAlarmProps {
  /** The function that is watched. */
  readonly function: IFunction;
  /** What the function does. */
  readonly what: 'backup' | 'events' | 'restore' | 'watch' | 'web' | 'worker';
}

export class FailureAlarm extends ProblemAlarm {
  constructor(scope: Construct, id: string, props: FailureAlarmProps) {
    super(scope, id, {
      what: `The ${props.what} failed.`,
      section: `${props.what}-failed`,
      metric: props.function.metricErrors({ period: Duration.minutes(5), statistic: 'Sum' }),
    });
  }
}
