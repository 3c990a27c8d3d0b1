/** The state machine that continues a backup until it is done, with its role, its log and its alarms. */
import { Aws, RemovalPolicy } from 'aws-cdk-lib';
import type { Alarm } from 'aws-cdk-lib/aws-cloudwatch';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { CONTINUATION_DEFINITION, FUNCTION_ARN } from './continuation-definition.ts';
import { ContinuationRole } from './continuation-role.ts';
import { ExecutionAlarms } from './execution-alarms.ts';

export interface ContinuationProps {
  /** The function that is invoked. */
  readonly function: IFunction;
  /**
   * The operation that is continued.
   * @default backup
   */
  readonly what?: 'backup' | 'restore';
  /**
   * How long the log is kept, in days.
   * @default 90
   */
  readonly logRetentionDays?: number;
}

export class Continuation extends Construct {
  readonly stateMachine: sfn.StateMachine;
  readonly alarms: Alarm[];

  constructor(scope: Construct, id: string, props: ContinuationProps) {
    super(scope, id);
    const { functionArn } = props.function;
    const { role } = new ContinuationRole(this, 'Access', { functionArn });
    this.stateMachine = new sfn.StateMachine(this, 'Machine', {
      stateMachineType: sfn.StateMachineType.STANDARD,
      definitionBody: sfn.DefinitionBody.fromString(CONTINUATION_DEFINITION),
      definitionSubstitutions: { [FUNCTION_ARN]: functionArn },
      role: role.withoutPolicyUpdates(),
      logs: { destination: this.log(props), level: sfn.LogLevel.ALL, includeExecutionData: true },
      tracingEnabled: true,
    });
    this.alarms = new ExecutionAlarms(this, 'Ended', { stateMachine: this.stateMachine }).alarms;
  }

  private log(props: ContinuationProps): logs.LogGroup {
    return new logs.LogGroup(this, 'Log', {
      // Deliveries to names that begin like this do not use up the one policy of limited size that all others share.
      logGroupName: `/aws/vendedlogs/states/${Aws.STACK_NAME}${props.what === 'restore' ? '-restore' : ''}`,
      retention: props.logRetentionDays ?? logs.RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.DESTROY,
    });
  }
}
