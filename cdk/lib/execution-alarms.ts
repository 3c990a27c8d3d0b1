/**
 * Go off when an execution of the state machine ended in any way but success. One for each metric: a sum of metrics
 * has no value while one of them has no data.
 */
import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';

export interface ExecutionAlarmsProps {
  /** What is watched. */
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
    return new cloudwatch.Alarm(this, id, {
      alarmDescription: `The execution of the S3 backup ${what}. Its end says why.`,
      metric,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
  }
}
