/** The statements of policies. */
import * as iam from 'aws-cdk-lib/aws-iam';

/** Allows actions on resources. */
export function allow(sid: string, actions: readonly string[], ...resources: string[]): iam.PolicyStatement {
  return new iam.PolicyStatement({ sid, actions: [...actions], resources });
}
