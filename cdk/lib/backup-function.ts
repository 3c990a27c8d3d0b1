/** The function that makes the backup, with its role and its log. */
import { Aws, type CfnCondition, Duration, Fn, Token } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { BackupRole } from './backup-role.ts';
import { type Choice, either } from './choice.ts';
import { type ProgramProps, programLog, programProps, programVariables } from './program-function.ts';

export class BackupFunction extends Construct {
  readonly function: lambda.Function;

  constructor(scope: Construct, id: string, props: ProgramProps) {
    super(scope, id);
    const logGroup = programLog(this, props);
    const { role } = new BackupRole(this, 'Access', {
      ...props, sourceArn: props.source.bucketArn, destinationArn: props.destination.bucketArn, logGroup,
    });
    this.function = new lambda.Function(this, 'Function', {
      ...programProps(props),
      description: 'Copies what is new or changed in the primary bucket into the backup bucket.',
      handler: 'bootstrap',
      reservedConcurrentExecutions: reservation(props.oneRunAtATime ?? true),
      environment: programVariables(props, props.options ?? {}, { BACKUP_DELETIONS: marking(props.markDeletions ?? false) }),
      role: role.withoutPolicyUpdates(),
      logGroup,
      // A run that failed is tried again by the next schedule, not at once and twice. An event that had to wait for
      // another run for more than an hour is dropped: the run that it waited for has done its work.
      maxEventAge: Duration.hours(1),
    });
  }
}

/** The variable that asks for markers, or nothing at all. */
function marking(markDeletions: Choice): string | undefined {
  return markDeletions === false ? undefined : either(markDeletions, 'mark', Aws.NO_VALUE);
}

/** One reserved execution, none, or what the condition says on deployment. */
function reservation(oneRunAtATime: boolean | CfnCondition): number | undefined {
  if (typeof oneRunAtATime === 'boolean') {
    return oneRunAtATime ? 1 : undefined;
  }
  return Token.asNumber(Fn.conditionIf(oneRunAtATime.logicalId, 1, Aws.NO_VALUE));
}
