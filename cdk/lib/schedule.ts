/** Starts the backup every night: the function itself, or the state machine that continues it. */
import { Duration } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { type IStateMachine, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import * as permissions from './permissions.ts';

/** Every day at 02:00 UTC. */
export const DEFAULT_SCHEDULE = 'cron(0 2 * * ? *)';

/** A start that had to wait for longer is dropped. */
const WAITS = { maxEventAge: Duration.hours(1) };

/** A backup as it is configured. */
const NO_INPUT = events.RuleTargetInput.fromObject({});

export interface ScheduleProps {
  /** The function or state machine that is started. */
  readonly starts: IFunction | StateMachine;
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
      targets: [
        props.starts instanceof StateMachine
          ? new targets.SfnStateMachine(props.starts, { ...WAITS, role: this.roleFor(props.starts), input: NO_INPUT })
          : new targets.LambdaFunction(props.starts, WAITS),
      ],
    });
  }

  private roleFor(stateMachine: IStateMachine): iam.IRole {
    const start = new iam.PolicyStatement({
      sid: 'StartBackup', actions: [...permissions.STATE_MACHINE_ACTIONS], resources: [stateMachine.stateMachineArn],
    });
    return new iam.Role(this, 'Role', {
      description: 'Starts the state machine of the S3 backup.',
      assumedBy: new iam.ServicePrincipal('events.amazonaws.com'),
      inlinePolicies: { Start: new iam.PolicyDocument({ statements: [start] }) },
    }).withoutPolicyUpdates();
  }
}
