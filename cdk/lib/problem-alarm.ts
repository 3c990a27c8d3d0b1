/** An alarm of the backup: its description says what has happened, and where the operator reads what to do. */
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';

/** The page that has a section for each alarm. */
const RUNBOOK = 'docs/operations.md';

export interface ProblemAlarmProps {
  /** What has happened, in a sentence. */
  readonly what: string;
  /** The section of the runbook. */
  readonly section: string;
  /** The metric that is watched. */
  readonly metric: cloudwatch.IMetric;
  /**
   * Values above it are a problem.
   * @default 0
   */
  readonly above?: number;
  /**
   * So many periods in a row.
   * @default 1
   */
  readonly periods?: number;
  /**
   * Whether it is a problem too if there is no value.
   * @default false
   */
  readonly orNothing?: boolean;
}

export class ProblemAlarm extends cloudwatch.Alarm {
  constructor(scope: Construct, id: string, props: ProblemAlarmProps) {
    super(scope, id, {
      alarmDescription: `${props.what} ${RUNBOOK}#${props.section}`,
      metric: props.metric,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
      threshold: props.above ?? 0,
      evaluationPeriods: props.periods ?? 1,
      treatMissingData: props.orNothing ? cloudwatch.TreatMissingData.BREACHING : cloudwatch.TreatMissingData.NOT_BREACHING,
    });
  }
}
