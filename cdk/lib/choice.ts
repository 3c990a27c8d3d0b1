/** A yes or no that is known when the template is written, or only when somebody deploys it. */
import { CfnCondition, CfnResource, Fn, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

export type Choice = boolean | CfnCondition;

/** One text or the other. */
export function either(choice: Choice, yes: string, no: string): string {
  if (typeof choice === 'boolean') {
    return choice ? yes : no;
  }
  return Fn.conditionIf(choice.logicalId, yes, no).toString();
}

/** The opposite; a condition gets that name in the template. */
export function not(choice: Choice, scope: Construct, name: string): Choice {
  if (typeof choice === 'boolean') {
    return !choice;
  }
  return new CfnCondition(Stack.of(scope), name, { expression: Fn.conditionNot(choice) });
}

/** Both of two; a condition gets that name in the template. */
export function both(one: Choice, other: Choice, scope: Construct, name: string): Choice {
  if (typeof one === 'boolean') {
    return one && other;
  }
  if (typeof other === 'boolean') {
    return other && one;
  }
  return new CfnCondition(Stack.of(scope), name, { expression: Fn.conditionAnd(one, other) });
}

/** The condition that is decided on deployment, if there is one. */
export function decidedLater(choice: Choice): CfnCondition | undefined {
  return typeof choice === 'boolean' ? undefined : choice;
}

/** Makes all resources that a construct has by now depend on what is decided on deployment. */
export function onlyIf(choice: Choice, construct: Construct): void {
  for (const part of construct.node.findAll()) {
    if (CfnResource.isCfnResource(part)) {
      part.cfnOptions.condition = decidedLater(choice);
    }
  }
}
