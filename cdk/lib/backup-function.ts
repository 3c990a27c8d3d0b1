/** The function that makes the backup, with its role and its log. */
import { Aws, type CfnCondition, Duration, Fn, Token } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { BackupRole } from './backup-role.ts';
import { type Choice, either } from './choice.ts';
import { functionName, notifications, type ProgramProps, programLog, programProps, programVariables } from './program-function.ts';

export interface BackupFunctionProps extends ProgramProps {
  /** Whether runs that stop are continued. */
  readonly continuation?: Choice;
  /** Whether another function answers events. */
  readonly events?: Choice;
}

export class BackupFunction extends Construct {
  readonly function: lambda.Function;
  readonly role: iam.Role;

  constructor(scope: Construct, id: string, props: BackupFunctionProps) {
    super(scope, id);
    const logGroup = programLog(this, 'backup', props);
    const access = new BackupRole(this, 'Access', {
      ...props, sourceArn: props.source.bucketArn, destinationArn: props.destination.bucketArn, logGroup,
    });
    this.role = access.role;
    this.function = new lambda.Function(this, 'Function', {
      ...programProps(props),
      functionName: functionName('backup'),
      description: 'Copies what is new or changed in the primary bucket into the backup bucket.',
      handler: 'bootstrap',
      reservedConcurrentExecutions: reservation(props.oneRunAtATime ?? true),
      environment: programVariables(props, props.options ?? {}, {
        ...notifications(props),
        BACKUP_CONTINUATION: onlyWhere(props.continuation ?? false, 'yes'),
        BACKUP_EVENTS: onlyWhere(props.events ?? false, 'yes'),
        BACKUP_DELETIONS: onlyWhere(props.markDeletions ?? false, 'mark'),
      }),
      role: this.role.withoutPolicyUpdates(),
      logGroup,
      // An event that had to wait for
      // another run for more than an hour is dropped: the run that it waited for has done its work.
      maxEventAge: Duration.hours(1),
    });
  }
}

/** The value of a variable, or nothing at all. */
function onlyWhere(choice: Choice, value: string): string | undefined {
  return choice === false ? undefined : either(choice, value, Aws.NO_VALUE);
}

/** One reserved execution, none, or what the condition says on deployment. */
function reservation(oneRunAtATime: boolean | CfnCondition): number | undefined {
  if (typeof oneRunAtATime === 'boolean') {
    return oneRunAtATime ? 1 : undefined;
  }
  return Token.asNumber(Fn.conditionIf(oneRunAtATime.logicalId, 1, Aws.NO_VALUE));
}
