/** The role of the state machine: it invokes the one function, and reports what it does. */
import { Aws, Validations } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import * as permissions from './permissions.ts';
import { allow } from './statement.ts';

export interface ContinuationRoleProps {
  /** ARN of the function, without a version. */
  readonly functionArn: string;
}

export class ContinuationRole extends Construct {
  readonly role: iam.Role;

  constructor(scope: Construct, id: string, props: ContinuationRoleProps) {
    super(scope, id);
    this.role = new iam.Role(this, 'Role', {
      description: 'Invokes the S3 backup, and logs and traces that.',
      assumedBy: new iam.ServicePrincipal('states.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
      inlinePolicies: {
        Continuation: new iam.PolicyDocument({
          statements: [
            allow('InvokeBackup', permissions.FUNCTION_ACTIONS, props.functionArn),
            allow('DeliverLog', permissions.LOG_DELIVERY_ACTIONS, '*'),
            allow('Trace', permissions.TRACING_ACTIONS, '*'),
          ],
        }),
      },
    });
    Validations.of(this.role).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: 'Log deliveries and traces have no ARN: AWS takes these actions only on "*".',
    });
  }
}
