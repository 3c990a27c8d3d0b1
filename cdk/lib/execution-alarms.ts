/**
 * Go off when an execution of the state machine ended in any way but success. One for each metric: a sum of metrics
 * has no value while one of them has no data.
 */
import { Duration } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { ProblemAlarm } from './problem-alarm.ts';

export interface ExecutionAlarmsProps {
  /** The state machine that is watched. */
  readonly stateMachine: IStateMachine;
}

export class ExecutionAlarms extends Construct {
  readonly alarms: cloudwatch.Alarm[];

  constructor(scope: Construct, id: string, props: ExecutionAlarmsProps) {
    super(scope, id);
    const { stateMachine } = props;
    const counted = { period: Duration.minutes(5), statistic: 'Sum' };
    this.alarms = [
      this.alarm('Failed', 'failed', stateMachine.metricFailed(counted)),
      this.alarm('TimedOut', 'took too long', stateMachine.metricTimedOut(counted)),
      this.alarm('Aborted', 'was stopped', stateMachine.metricAborted(counted)),
    ];
  }

  private alarm(id: string, what: string, metric: cloudwatch.IMetric): cloudwatch.Alarm {
    return new ProblemAlarm(this, id, { what: `The execution ${what}.`, section: 'continuation', metric });
  }
}
