/**
 * The key of the backups: one that is given, one of the stack's own, or none.
 *
 * The policy of the own key names no role, because each role names the bucket, and the bucket the key. It lets those roles
 * in that carry the stack's tag.
 */
import { Aws, CfnCondition, Fn, RemovalPolicy, Stack, Tags } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { type Choice, onlyIf } from './choice.ts';
import * as permissions from './permissions.ts';
import { conditionOf, type Setting, valueOf } from './setting.ts';

/** Why two keys are refused. */
export const TWO_KEYS = 'CreateKmsKey=yes makes the key of the backups: leave KmsKeyArn empty, and name a former key in FormerKmsKeyArns';

/** The tag of the roles that may use the key. */
const TAG = 's3-backup-stack';

export interface BackupKeyProps {
  /**
   * ARN of a key that exists.
   * @default - none
   */
  readonly given?: Setting;
  /** Whether the stack makes one. */
  readonly create: Choice;
  /**
   * Statements of its policy that let roles of other stacks in.
   * @default - the roles of this stack are let in, by its tag
   */
  readonly statements?: unknown[];
}

export class BackupKey extends Construct {
  /** The key that encrypts the backups, if there is one. */
  readonly setting: Setting | undefined;

  constructor(scope: Construct, id: string, { given, create, statements }: BackupKeyProps) {
    super(scope, id);
    if (create === false) {
      this.setting = given;
      return;
    }
    const key = new kms.Key(this, 'Key', {
      description: `Encrypts the backups of ${Aws.STACK_NAME}.`,
      enableKeyRotation: true,
      policy: new iam.PolicyDocument({ statements: statements === undefined ? [accountAdministers(), stackUses()] : [accountAdministers()] }),
      // Without it no backup can be read.
      removalPolicy: RemovalPolicy.RETAIN,
    });
    const policy = key.node.defaultChild as kms.CfnKey;
    statements?.forEach((statement, at) => policy.addPropertyOverride(`KeyPolicy.Statement.${at + 1}`, statement));
    new kms.Alias(this, 'Alias', { aliasName: `alias/${Aws.STACK_NAME}-backups`, targetKey: key });
    onlyIf(create, this);
    this.setting = typeof create === 'boolean' ? key.keyArn : this.decidedLater(key.keyArn, create, given);
  }

  private decidedLater(own: string, create: CfnCondition, given: Setting | undefined): Setting {
    if (given === undefined) {
      return { value: own, given: create };
    }
    const isGiven = conditionOf(given);
    const either = new CfnCondition(Stack.of(this), 'BackupKeyIsGiven', {
      expression: isGiven === undefined ? Fn.conditionEquals('yes', 'yes') : Fn.conditionOr(create, isGiven),
    });
    return { value: Fn.conditionIf(create.logicalId, own, valueOf(given)).toString(), given: either };
  }
}

/** Marks the roles below a construct as those that the policy lets in. */
export function letIn(scope: Construct): void {
  Tags.of(scope).add(TAG, Aws.STACK_ID, { includeResourceTypes: ['AWS::IAM::Role'] });
}

/** The account administers it and cannot use it. */
function accountAdministers(): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid: 'AccountAdministers', principals: [new iam.AccountRootPrincipal()], actions: [...permissions.KEY_ADMINISTRATION_ACTIONS], resources: ['*'],
  });
}

/** The roles of the stack use it, through S3. */
function stackUses(): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid: 'StackUses', principals: [new iam.AnyPrincipal()], actions: [...permissions.DESTINATION_KEY_ACTIONS], resources: ['*'],
    conditions: {
      StringEquals: {
        'kms:CallerAccount': Aws.ACCOUNT_ID,
        'kms:ViaService': `s3.${Aws.REGION}.${Aws.URL_SUFFIX}`,
        [`aws:PrincipalTag/${TAG}`]: Aws.STACK_ID,
      },
    },
  });
}
