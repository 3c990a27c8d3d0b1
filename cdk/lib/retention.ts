/**
 * How long replaced versions are kept, and when what is kept moves to a cheaper class. Without a setting, as
 * lifecycle-policy.json says.
 *
 * A template of CloudFormation compares no numbers. So the days of the expiry and of a lock are chosen from lists, and a
 * rule of the template can refuse a lock that outlives what it locks.
 */
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { backupLifecycle } from './lifecycle.ts';

/** Days after which replaced versions may expire. */
export const NONCURRENT_DAYS = [30, 60, 90, 180, 365, 730, 1095, 1825, 2555, 3650];

/** Days for which a version may be locked. */
export const LOCK_DAYS = [1, 3, 7, 14, ...NONCURRENT_DAYS];

/** The most days until a move: what is to stay in its class for good moves in a hundred years. */
export const MOST_DAYS = 36_500;

/** Why a lock is refused. */
export const LOCK_TOO_LONG =
  'ObjectLockDays is longer than NoncurrentDays: replaced versions could not expire when they should, and would be billed on';

/** The days that can be set, each with the class that versions move to; none of an expiry. */
const SETTINGS = {
  noncurrentDays: undefined,
  standardIaDays: 'STANDARD_IA',
  glacierIrDays: 'GLACIER_IR',
  replacedGlacierDays: 'GLACIER',
  replacedDeepArchiveDays: 'DEEP_ARCHIVE',
} as const;

/** Days until each step of the lifecycle; without one, those of lifecycle-policy.json. */
export type Retention = { readonly [Name in keyof typeof SETTINGS]?: number };

type Rule = s3.CfnBucket.RuleProperty;
type Move = s3.CfnBucket.TransitionProperty & s3.CfnBucket.NoncurrentVersionTransitionProperty;
type Expiry = s3.CfnBucket.NoncurrentVersionExpirationProperty;

/** The days of lifecycle-policy.json. */
export function usualRetention(): Required<Retention> {
  const rules = backupLifecycle().rules as Rule[];
  const moves = rules.flatMap((rule) => [...movesOf(rule.transitions), ...movesOf(rule.noncurrentVersionTransitions)]);
  const expiry = rules.map((rule) => rule.noncurrentVersionExpiration as Expiry | undefined).find((found) => found !== undefined);
  const days = Object.entries(SETTINGS).map(([name, to]) => {
    const found = to === undefined ? expiry?.noncurrentDays : moves.find(({ storageClass }) => storageClass === to)?.transitionInDays;
    if (found === undefined) {
      throw new Error(`lifecycle-policy.json says nothing of ${to ?? 'replaced versions'}`);
    }
    return [name, found];
  });
  return Object.fromEntries(days);
}

/** The rules of lifecycle-policy.json with these days. Old state, which has a tag, has days of its own. */
export function lifecycleWith(retention: Retention): s3.CfnBucket.LifecycleConfigurationProperty {
  const policy = backupLifecycle();
  const daysOf = ({ storageClass, transitionInDays }: Move): number | undefined => {
    const setting = Object.entries(SETTINGS).find(([, to]) => to === storageClass);
    return (setting === undefined ? undefined : retention[setting[0] as keyof Retention]) ?? transitionInDays;
  };
  const withDays = (moves: unknown) => movesOf(moves).map((move) => ({ ...move, transitionInDays: daysOf(move) }) as Move);
  const rules = (policy.rules as Rule[]).map((rule) => ({
    ...rule,
    ...(rule.transitions && { transitions: withDays(rule.transitions) }),
    ...(rule.noncurrentVersionTransitions && { noncurrentVersionTransitions: withDays(rule.noncurrentVersionTransitions) }),
    ...(rule.noncurrentVersionExpiration && rule.tagFilters === undefined && retention.noncurrentDays !== undefined && {
      noncurrentVersionExpiration: { ...rule.noncurrentVersionExpiration as Expiry, noncurrentDays: retention.noncurrentDays },
    }),
  }));
  return { ...policy, rules };
}

/** The problem of these days, beside what their lists say; nothing if all is well. */
export function retentionProblem(retention: Retention, lockDays?: number): string | undefined {
  const days = { ...usualRetention(), ...retention };
  if (lockDays !== undefined && lockDays > days.noncurrentDays) {
    return LOCK_TOO_LONG;
  }
  if (days.glacierIrDays < days.standardIaDays + 30) {
    return 'GlacierIrDays must be 30 days or more behind StandardIaDays: S3 takes no other rule';
  }
  if (days.replacedDeepArchiveDays <= days.replacedGlacierDays) {
    return 'ReplacedDeepArchiveDays must be behind ReplacedGlacierDays: S3 takes no other rule';
  }
  return undefined;
}

function movesOf(moves: unknown): Move[] {
  return (moves ?? []) as Move[];
}
