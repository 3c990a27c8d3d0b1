/** Names of findings of cdk-nag, so that one finding can be acknowledged and not the whole rule. */
import { Stack } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** The finding that a policy has a wildcard in this resource. */
export function wildcardIn(resource: string, scope: IConstruct): string {
  return `AwsSolutions-IAM5[Resource::${flat(Stack.of(scope).resolve(resource))}]`;
}

/** References as cdk-nag writes them: `<LogicalId>` and `<LogicalId.Attribute>`. */
function flat(value: any): string {
  if (typeof value === 'string') {
    return value;
  }
  if ('Fn::Join' in value) {
    const [delimiter, parts] = value['Fn::Join'];
    return parts.map(flat).join(delimiter);
  }
  if ('Fn::GetAtt' in value) {
    return `<${value['Fn::GetAtt'].join('.')}>`;
  }
  return 'Ref' in value ? `<${value.Ref}>` : JSON.stringify(value);
}
