/** A run that many functions share: the worker, and the state machine that hands out the pieces. */
import { Aws, type CfnCondition, CfnResource, RemovalPolicy, Validations } from 'aws-cdk-lib';
import type { Alarm } from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { BackupRole } from './backup-role.ts';
import { both, type Choice, decidedLater, either, onlyIf } from './choice.ts';
import { ContinuationRole } from './continuation-role.ts';
import { DISTRIBUTED_DEFINITION, PARTITION, WORKER_ARN } from './distributed-definition.ts';
import { ExecutionAlarms } from './execution-alarms.ts';
import { FailureAlarm } from './failure-alarm.ts';
import { wildcardIn } from './findings.ts';
import * as permissions from './permissions.ts';
import { functionName, notifications, type ProgramProps, programLog, programProps, programVariables } from './program-function.ts';
import { conditionOf, valueOf } from './setting.ts';
import { allow } from './statement.ts';

/** Why the program refuses a distributed run: only one process can know these. */
export const ONE_PROCESS = 'a run that many functions share has one backup bucket, no MaxCostUsd, and does not hold unusual changes';

export interface DistributedProps extends ProgramProps {
  /** Whether there is one. */
  readonly distributed: Choice;
}

export class Distributed extends Construct {
  readonly function: lambda.Function;
  readonly stateMachine: sfn.StateMachine;
  readonly alarms: Alarm[];

  constructor(scope: Construct, id: string, props: DistributedProps) {
    super(scope, id);
    this.function = this.worker(props);
    const { functionArn } = this.function;
    const { role } = new ContinuationRole(this, 'MachineAccess', { functionArn });
    this.stateMachine = new sfn.StateMachine(this, 'Machine', {
      stateMachineType: sfn.StateMachineType.STANDARD,
      definitionBody: sfn.DefinitionBody.fromString(DISTRIBUTED_DEFINITION),
      definitionSubstitutions: { [WORKER_ARN]: functionArn, [PARTITION]: Aws.PARTITION },
      role: role.withoutPolicyUpdates(),
      logs: { destination: this.log(props), level: sfn.LogLevel.ALL, includeExecutionData: true },
      tracingEnabled: true,
    });
    this.allowPieces(role, props);
    this.alarms = [
      ...new ExecutionAlarms(this, 'Ended', { stateMachine: this.stateMachine }).alarms,
      new FailureAlarm(this, 'Failed', { function: this.function, what: 'worker' }),
    ];
    this.onlyIf(props.distributed);
  }

  /** The program of the backup, with its permissions. It has no reserved concurrency: that would be its end. */
  private worker(props: DistributedProps): lambda.Function {
    const logGroup = programLog(this, 'worker', props);
    const { role } = new BackupRole(this, 'Access', {
      ...props, sourceArn: props.source.bucketArn, destinationArn: props.destination.bucketArn, logGroup,
    });
    const marks = props.markDeletions ?? false;
    return new lambda.Function(this, 'Function', {
      ...programProps(props),
      functionName: functionName('worker'),
      description: 'Backs up pieces of the primary bucket, many at once.',
      handler: 'bootstrap',
      environment: programVariables(props, { ...props.options, maxCostUsd: undefined }, {
        ...notifications(props),
        BACKUP_CONTINUATION: 'yes',
        BACKUP_DELETIONS: marks === false ? undefined : either(marks, 'mark', Aws.NO_VALUE),
      }),
      role: role.withoutPolicyUpdates(),
      logGroup,
    });
  }

  private log(props: DistributedProps): logs.LogGroup {
    return new logs.LogGroup(this, 'MachineLog', {
      logGroupName: `/aws/vendedlogs/states/${Aws.STACK_NAME}-distributed`,
      retention: props.logRetentionDays ?? logs.RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.DESTROY,
    });
  }

  /** Policies of their own: the first names the machine, which has the role. */
  private allowPieces(role: iam.Role, props: DistributedProps): void {
    const requests = `${props.destination.bucketArn}/.s3-backup/*/runs/*/ranges.json`;
    const { stateMachineArn, stateMachineName } = this.stateMachine;
    const executions = `arn:${Aws.PARTITION}:states:${Aws.REGION}:${Aws.ACCOUNT_ID}:execution:${stateMachineName}/*`;
    const policy = new iam.Policy(this, 'Pieces', {
      roles: [role],
      statements: [
        allow('ReadRequests', permissions.PIECES_READ_ACTIONS, requests),
        allow('StartPieces', permissions.PIECES_START_ACTIONS, stateMachineArn),
        allow('FollowPieces', permissions.PIECES_FOLLOW_ACTIONS, executions),
      ],
    });
    Validations.of(policy).acknowledge(
      { id: wildcardIn(requests, this), reason: 'The requests of each run have its name in their key.' },
      { id: wildcardIn(executions, this), reason: 'Each piece is an execution with a name of its own.' },
    );
    if (props.kmsKeyArn !== undefined) {
      const key = new iam.Policy(this, 'PiecesKey', {
        roles: [role], statements: [allow('ReadEncryptedRequests', permissions.FORMER_KEY_ACTIONS, valueOf(props.kmsKeyArn))],
      });
      (key.node.defaultChild as iam.CfnPolicy).cfnOptions.condition = conditionOf(props.kmsKeyArn);
    }
  }

  /** All of it depends on the choice; what depends on more, on both. */
  private onlyIf(choice: Choice): void {
    const more = this.node.findAll().filter(hasCondition).map((part) => [part, part.cfnOptions.condition!] as const);
    onlyIf(choice, this);
    const together = new Map<CfnCondition, Choice>();
    for (const [part, condition] of more) {
      const known = together.get(condition) ?? both(choice, condition, this, `Distributed${condition.node.id}`);
      together.set(condition, known);
      part.cfnOptions.condition = decidedLater(known);
    }
  }
}

function hasCondition(part: unknown): part is CfnResource {
  return CfnResource.isCfnResource(part as Construct) && (part as CfnResource).cfnOptions.condition !== undefined;
}
