/** A stack as one CloudFormation template that anybody can deploy without this folder: settings are parameters. */
import { CfnCondition, CfnParameter, type CfnParameterProps, CfnRule, DefaultStackSynthesizer, Fn, type ICfnConditionExpression, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { label } from './parameters.ts';
import { LOCK_DAYS, LOCK_TOO_LONG, NONCURRENT_DAYS, type Retention } from './retention.ts';
import type { DeployTimeValue } from './setting.ts';

/** Parameters, as the console shows them together. */
export interface ParameterGroup {
  readonly label: string;
  readonly parameters: Record<string, CfnParameterProps>;
}

export class ParameterStack<Name extends string> extends Stack {
  protected readonly parameters: Record<Name, CfnParameter>;

  constructor(scope: Construct, id: string, description: string, groups: readonly ParameterGroup[]) {
    super(scope, id, {
      description,
      // No account has to be bootstrapped for it.
      synthesizer: new DefaultStackSynthesizer({ generateBootstrapVersionRule: false }),
    });
    const all = groups.flatMap(({ parameters }) => Object.entries(parameters));
    this.parameters = Object.fromEntries(all.map(([name, props]) => [name, new CfnParameter(this, name, props)])) as Record<Name, CfnParameter>;
    this.templateOptions.metadata = { 'AWS::CloudFormation::Interface': consoleLayout(groups) };
  }

  /** A parameter that counts only if somebody filled it in. */
  protected optional(name: Name): DeployTimeValue {
    const parameter = this.parameters[name];
    return {
      value: parameter.valueAsString,
      given: this.when(`${name}IsGiven`, isGiven(parameter)),
    };
  }

  protected when(id: string, expression: ICfnConditionExpression): CfnCondition {
    return new CfnCondition(this, id, { expression });
  }

  /** Whether a parameter that is a choice has one of its values. */
  protected has(name: Name, value: string): CfnCondition {
    const words = `${value.charAt(0).toUpperCase()}${value.slice(1)}`;
    return this.when(`${name}Is${words}`, Fn.conditionEquals(this.parameters[name], value));
  }

  /** What does not go together is refused before anything is made. */
  protected refuse(id: string, ruleCondition: ICfnConditionExpression, ...asserted: [ICfnConditionExpression, string][]): void {
    new CfnRule(this, id, {
      ruleCondition, assertions: asserted.map(([assert, assertDescription]) => ({ assert, assertDescription })),
    });
  }

  /** How long versions are kept, and a rule against a lock that is longer. */
  protected retention(this: ParameterStack<RetentionName>): Retention {
    const { ObjectLock, ObjectLockDays, NoncurrentDays, StandardIaDays, GlacierIrDays, ReplacedGlacierDays, ReplacedDeepArchiveDays } = this.parameters;
    const isInTime = (days: number): ICfnConditionExpression => Fn.conditionOr(
      Fn.conditionNot(Fn.conditionEquals(NoncurrentDays, String(days))),
      Fn.conditionContains(LOCK_DAYS.filter((locked) => locked <= days).map(String), ObjectLockDays.valueAsString),
    );
    this.refuse(
      'LockEndsInTime', Fn.conditionNot(Fn.conditionEquals(ObjectLock, 'no')),
      ...NONCURRENT_DAYS.filter((days) => days < Math.max(...LOCK_DAYS)).map((days): [ICfnConditionExpression, string] => [isInTime(days), LOCK_TOO_LONG]),
    );
    return {
      noncurrentDays: NoncurrentDays.valueAsNumber,
      standardIaDays: StandardIaDays.valueAsNumber,
      glacierIrDays: GlacierIrDays.valueAsNumber,
      replacedGlacierDays: ReplacedGlacierDays.valueAsNumber,
      replacedDeepArchiveDays: ReplacedDeepArchiveDays.valueAsNumber,
    };
  }
}

type RetentionName =
  'ObjectLock' | 'ObjectLockDays' | 'NoncurrentDays' | 'StandardIaDays' | 'GlacierIrDays' | 'ReplacedGlacierDays' | 'ReplacedDeepArchiveDays';

/** Whether somebody filled a parameter in. */
export function isGiven(parameter: CfnParameter): ICfnConditionExpression {
  return Fn.conditionNot(Fn.conditionEquals(parameter, ''));
}

function consoleLayout(groups: readonly ParameterGroup[]) {
  const names = groups.flatMap(({ parameters }) => Object.keys(parameters));
  return {
    ParameterGroups: groups.map(({ label: title, parameters }) => ({
      Label: { default: title },
      Parameters: Object.keys(parameters),
    })),
    ParameterLabels: Object.fromEntries(names.map((name) => [name, { default: label(name) }])),
  };
}
