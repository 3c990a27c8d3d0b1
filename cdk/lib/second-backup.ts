/** A second backup bucket, made by another stack in another region or account: what is told of it, and who may use it. */
import { Aws, Fn, Validations } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { type BackupPlace, bucketArn } from './backup-place.ts';
import { both, type Choice, decidedLater } from './choice.ts';
import { wildcardIn } from './findings.ts';
import { conditionOf, orAbsent, orElse, type Setting, valueOf } from './setting.ts';
import { allow } from './statement.ts';

/** Why the rest of a second backup is refused without its bucket. */
export const NO_SECOND_BUCKET = 'SecondBackupAccount and SecondKmsKeyArn are of the second backup bucket: name it with SecondBackupBucket';

export interface SecondBackup {
  /** Name of the bucket. */
  readonly bucketName: Setting;
  /**
   * Account that must own it.
   * @default - the account of this stack
   */
  readonly accountId?: Setting;
  /**
   * Key that encrypts the backups there.
   * @default - keys that Amazon S3 manages
   */
  readonly kmsKeyArn?: Setting;
}

/** What a role may do: a name, the actions, and below which prefix; on the bucket itself without one. */
export type Right = readonly [sid: string, actions: readonly string[], below?: string];

export interface SecondAccessProps {
  readonly role: iam.Role;
  readonly second: SecondBackup;
  /** What the role is for, as conditions are named. */
  readonly name: string;
  /** Whether the role exists. */
  readonly exists: Choice;
  readonly rights: readonly Right[];
  /**
   * What the role must not do all the same.
   * @default - nothing
   */
  readonly denied?: readonly Right[];
  /** Actions on the key. */
  readonly keyActions: readonly string[];
}

/** Policies of their own, because they exist only if the bucket and the key are named. */
export class SecondAccess extends Construct {
  constructor(scope: Construct, id: string, { role, second, name, exists, rights, denied = [], keyActions }: SecondAccessProps) {
    super(scope, id);
    const arn = bucketArn(this, valueOf(second.bucketName));
    const resource = (below?: string) => (below === undefined ? arn : `${arn}/${below}*`);
    const policy = new iam.Policy(this, 'Bucket', {
      roles: [role],
      statements: [
        ...rights.map(([sid, actions, below]) => allow(sid, actions, resource(below))),
        ...denied.map(([sid, actions, below]) => new iam.PolicyStatement({
          sid, effect: iam.Effect.DENY, actions: [...actions], resources: [resource(below)],
        })),
      ],
    });
    const withBucket = both(exists, conditionOf(second.bucketName) ?? true, this, `${name}AndSecondBackup`);
    (policy.node.defaultChild as iam.CfnPolicy).cfnOptions.condition = decidedLater(withBucket);
    const wildcards = new Set([...rights, ...denied].filter(([, , below]) => below !== undefined).map(([, , below]) => resource(below)));
    Validations.of(policy).acknowledge(...[...wildcards].map((wildcard) => (
      { id: wildcardIn(wildcard, this), reason: 'The same as in the first backup bucket.' }
    )));
    if (second.kmsKeyArn !== undefined) {
      const key = new iam.Policy(this, 'Key', { roles: [role], statements: [allow('SecondBackupKey', keyActions, valueOf(second.kmsKeyArn))] });
      const withKey = both(exists, conditionOf(second.kmsKeyArn) ?? true, this, `${name}AndSecondKey`);
      (key.node.defaultChild as iam.CfnPolicy).cfnOptions.condition = decidedLater(withKey);
    }
  }
}

/** What a function is told of its backup buckets. */
export function destinationVariables(
  first: BackupPlace, firstKey: Setting | undefined, second: SecondBackup | undefined,
): Record<string, string | undefined> {
  const { bucketName: name } = first;
  if (second === undefined) {
    return { DESTINATION_BUCKET: name, BACKUP_EXPECTED_OWNER: Aws.ACCOUNT_ID, BACKUP_KMS_KEY_ID: orAbsent(firstKey) };
  }
  const other = valueOf(second.bucketName);
  const choose = (two: string, one: string) => ifGiven(second.bucketName, two, one);
  const keyOf = (bucket: string, key: Setting | undefined) => (key === undefined ? Aws.NO_VALUE : `${bucket}=${valueOf(key)}`);
  const keys = ifGiven(
    firstKey,
    ifGiven(second.kmsKeyArn, `${keyOf(name, firstKey)},${keyOf(other, second.kmsKeyArn)}`, keyOf(name, firstKey)),
    ifGiven(second.kmsKeyArn, keyOf(other, second.kmsKeyArn), Aws.NO_VALUE),
  );
  const key = choose(keys, orAbsent(firstKey) ?? Aws.NO_VALUE);
  return {
    DESTINATION_BUCKET: choose(`${name},${other}`, name),
    BACKUP_EXPECTED_OWNER: choose(
      `${name}=${Aws.ACCOUNT_ID},${other}=${orElse(second.accountId, Aws.ACCOUNT_ID)}`, Aws.ACCOUNT_ID,
    ),
    BACKUP_KMS_KEY_ID: key === Aws.NO_VALUE ? undefined : key,
  };
}

function ifGiven(setting: Setting | undefined, yes: string, no: string): string {
  const condition = setting === undefined ? undefined : conditionOf(setting);
  if (condition !== undefined && yes !== no) {
    return Fn.conditionIf(condition.logicalId, yes, no).toString();
  }
  return setting === undefined ? no : yes;
}
