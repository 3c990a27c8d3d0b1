/** Settings that are known when the template is written, or only when somebody deploys it. */
import { Aws, type CfnCondition, Fn } from 'aws-cdk-lib';

/** A parameter of the template; its value counts only if the condition holds. */
export interface DeployTimeValue {
  /** Reference to the parameter. */
  readonly value: string;
  /** Holds when the parameter is not empty. */
  readonly given: CfnCondition;
}

export type Setting = string | DeployTimeValue;

/** The value, or nothing at all: the property or variable that gets it is then absent. */
export function orAbsent(setting: Setting | undefined): string | undefined {
  return typeof setting === 'object' ? orElse(setting, Aws.NO_VALUE) : setting;
}

/** The value, or another one. */
export function orElse(setting: Setting | undefined, other: string): string {
  if (typeof setting === 'object') {
    return Fn.conditionIf(setting.given.logicalId, setting.value, other).toString();
  }
  return setting ?? other;
}

/** The value where it is only used if given. */
export function valueOf(setting: Setting): string {
  return typeof setting === 'object' ? setting.value : setting;
}

/** The values of a comma separated list, where it is only used if given. */
export function listOf(setting: Setting): string[] {
  if (typeof setting === 'object') {
    return Fn.split(',', setting.value);
  }
  return setting.split(',').map((value) => value.trim()).filter((value) => value !== '');
}

/** The condition under which something that depends on the setting exists; none means always. */
export function conditionOf(setting: Setting): CfnCondition | undefined {
  return typeof setting === 'object' ? setting.given : undefined;
}
