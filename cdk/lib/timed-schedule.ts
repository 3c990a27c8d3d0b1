/** Starts the backup at a time of a time zone, which follows its summer time: an EventBridge rule knows UTC only. */
import { CfnResource } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import * as scheduler from 'aws-cdk-lib/aws-scheduler';
import { Construct } from 'constructs';
import type { Continuation } from './continuation.ts';
import { type Choice, either } from './choice.ts';
import * as permissions from './permissions.ts';
import { DEFAULT_SCHEDULE } from './schedule.ts';
import { conditionOf, type Setting, valueOf } from './setting.ts';

/** A start that had to wait for longer is dropped, in seconds. */
const WAITS = 3600;

export interface TimedScheduleProps {
  /** What makes the backup. */
  readonly function: IFunction;
  /**
   * What continues it, and is started in its place.
   * @default - nothing does
   */
  readonly continuation?: Continuation;
  /** Whether it is. */
  readonly isContinued: Choice;
  /** Name of the time zone, such as `Europe/Berlin`. */
  readonly timeZone: Setting;
  /**
   * When, as a Scheduler expression.
   * @default DEFAULT_SCHEDULE
   */
  readonly expression?: string;
}

export class TimedSchedule extends Construct {
  constructor(scope: Construct, id: string, props: TimedScheduleProps) {
    super(scope, id);
    const { functionArn } = props.function;
    const machineArn = props.continuation?.stateMachine.stateMachineArn;
    const targetArn = machineArn === undefined ? functionArn : either(props.isContinued, machineArn, functionArn);
    // One of both is of no use on the other's target.
    const startMachine = machineArn === undefined ? [] : permissions.STATE_MACHINE_ACTIONS;
    const role = new iam.Role(this, 'Role', {
      description: 'Starts the S3 backup.',
      assumedBy: new iam.ServicePrincipal('scheduler.amazonaws.com'),
      inlinePolicies: {
        Start: new iam.PolicyDocument({
          statements: [new iam.PolicyStatement({
            sid: 'StartBackup', actions: [...permissions.FUNCTION_ACTIONS, ...startMachine], resources: [targetArn],
          })],
        }),
      },
    });
    new scheduler.CfnSchedule(this, 'Schedule', {
      description: 'Starts the S3 backup.',
      flexibleTimeWindow: { mode: 'OFF' },
      scheduleExpression: props.expression ?? DEFAULT_SCHEDULE,
      scheduleExpressionTimezone: valueOf(props.timeZone),
      target: {
        arn: targetArn, roleArn: role.roleArn, input: '{}',
        retryPolicy: { maximumEventAgeInSeconds: WAITS },
      },
    });
    for (const part of this.node.findAll()) {
      if (CfnResource.isCfnResource(part)) {
        part.cfnOptions.condition = conditionOf(props.timeZone);
      }
    }
  }
}
