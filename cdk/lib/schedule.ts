/** Starts the function every night. */
import { Duration } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';

/** Every day at 02:00 UTC. */
export const DEFAULT_SCHEDULE = 'cron(0 2 * * ? *)';

export interface ScheduleProps {
  /** What is started. */
  readonly function: IFunction;
  /**
   * When, as an EventBridge expression in UTC.
   * @default DEFAULT_SCHEDULE
   */
  readonly expression?: string;
}

export class Schedule extends Construct {
  constructor(scope: Construct, id: string, props: ScheduleProps) {
    super(scope, id);
    new events.Rule(this, 'Rule', {
      description: 'Starts the S3 backup.',
      schedule: events.Schedule.expression(props.expression ?? DEFAULT_SCHEDULE),
      targets: [new targets.LambdaFunction(props.function, { maxEventAge: Duration.hours(1) })],
    });
  }
}
