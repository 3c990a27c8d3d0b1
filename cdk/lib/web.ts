/** The page where people get files back: a function, a gateway before it, and a sign-in before that. */
import { Aws, CfnCondition, CfnResource, Duration, Fn, Token } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { type Choice, onlyIf } from './choice.ts';
import { FailureAlarm } from './failure-alarm.ts';
import { present } from './options.ts';
import { functionName, type ProgramProps, programLog, programProps, programVariables } from './program-function.ts';
import { orAbsent, type Setting, valueOf } from './setting.ts';
import { WebApi } from './web-api.ts';
import { WebRole } from './web-role.ts';
import { WebUsers } from './web-users.ts';

/** What one call may take. */
const TIMEOUT = Duration.seconds(10);
/** Calls at once: a flood of them leaves the rest of the account alone. */
const CONCURRENCY = 5;

/** What can be set about the page. */
export interface WebSettings {
  /** Whether users are kept in a user pool of Amazon Cognito; else by the issuer. */
  readonly cognito: Choice;
  /** The issuer of the tokens, without a user pool. */
  readonly issuer?: Setting;
  /** The page, by its name there. */
  readonly clientId?: Setting;
  /**
   * What further groups may do, and where: `team-a=restorer:team-a/`, separated by commas.
   * @default - there are the three groups, for all folders
   */
  readonly access?: Setting;
  /** @default 10000 */
  readonly maxObjects?: Setting;
  /** @default 100 GiB */
  readonly maxBytes?: Setting;
  /** @default 5 dollars */
  readonly maxCost?: Setting;
}

export interface WebProps extends ProgramProps {
  /** Whether there is a page. */
  readonly exists: Choice;
  /** Whether there is a page and a user pool for it. */
  readonly hasUsers: Choice;
  readonly settings: WebSettings;
  /** The function that restores. */
  readonly restores: lambda.Function;
}

/** Where people sign in, as the function is told. */
interface SignIn {
  readonly kind?: string;
  readonly issuer?: string;
  readonly clientId?: string;
  readonly url?: string;
}

export class Web extends Construct {
  readonly function: lambda.Function;
  readonly url: string;
  readonly users?: WebUsers;
  readonly alarms: FailureAlarm[];

  constructor(scope: Construct, id: string, props: WebProps) {
    super(scope, id);
    const { settings: { cognito, issuer, clientId } } = props;
    const api = new WebApi(this, 'Api');
    this.url = api.url;
    this.users = cognito === false ? undefined : new WebUsers(this, 'Users', { url: this.url, endpointUrl: props.endpointUrl });
    const { users } = this;
    const signIn = {
      kind: this.choose(cognito, 'cognito', 'oidc'),
      issuer: this.choose(cognito, users?.issuer, issuer && valueOf(issuer)),
      clientId: this.choose(cognito, users?.clientId, clientId && valueOf(clientId)),
      url: this.choose(cognito, users?.signInUrl, undefined),
    };
    this.function = this.program(props, signIn);
    api.serve(this.function, signIn.issuer ?? '', signIn.clientId ?? '');
    this.alarms = [new FailureAlarm(this, 'Failed', { function: this.function, what: 'web' })];
    this.onlyIf(props);
  }

  private program(props: WebProps, signIn: SignIn): lambda.Function {
    const { access, maxObjects, maxBytes, maxCost } = props.settings;
    // The audit (who looked at what, who put back what) is kept for a year.
    const logGroup = programLog(this, 'web', { ...props, logRetentionDays: logs.RetentionDays.ONE_YEAR });
    const { role } = new WebRole(this, 'Access', {
      ...props, sourceArn: props.source.bucketArn, backupArn: props.destination.bucketArn,
      restoresArn: props.restores.functionArn, logGroup,
    });
    const { sourcePrefix, destinationPrefix } = props.options ?? {};
    const { onFailure, retryAttempts, ...program } = programProps(props);
    return new lambda.Function(this, 'Function', {
      ...program,
      functionName: functionName('web'),
      description: 'The page where people get files back.',
      handler: 'web',
      timeout: TIMEOUT,
      reservedConcurrentExecutions: reservation(props.oneRunAtATime ?? true),
      environment: {
        ...programVariables(props, { sourcePrefix, destinationPrefix }),
        WEB_RESTORE_FUNCTION: props.restores.functionName,
        ...present({
          WEB_SIGN_IN: signIn.kind, WEB_ISSUER: signIn.issuer, WEB_CLIENT_ID: signIn.clientId, WEB_SIGN_IN_URL: signIn.url,
          WEB_ACCESS: orAbsent(access),
          WEB_MAX_OBJECTS: orAbsent(maxObjects), WEB_MAX_BYTES: orAbsent(maxBytes), WEB_MAX_COST: orAbsent(maxCost),
        }),
      },
      role: role.withoutPolicyUpdates(),
      logGroup,
    });
  }

  /** What holds with a user pool, or what holds without. */
  private choose(cognito: Choice, pool: string | undefined, other: string | undefined): string | undefined {
    if (typeof cognito === 'boolean') {
      return cognito ? pool : other;
    }
    return Fn.conditionIf(cognito.logicalId, pool ?? Aws.NO_VALUE, other ?? Aws.NO_VALUE).toString();
  }

  /** All of it depends on the choice; what depends on more has its condition already. */
  private onlyIf({ exists, hasUsers }: WebProps): void {
    const more = new Map(this.node.findAll().filter(hasCondition).map((part) => [part, part.cfnOptions.condition]));
    onlyIf(exists, this);
    if (this.users !== undefined) {
      onlyIf(hasUsers, this.users);
    }
    for (const [part, condition] of more) {
      part.cfnOptions.condition = condition;
    }
  }
}

function hasCondition(part: unknown): part is CfnResource {
  return CfnResource.isCfnResource(part as Construct) && (part as CfnResource).cfnOptions.condition !== undefined;
}

/** Reserved executions, none, or what the condition says on deployment. */
function reservation(hasSome: boolean | CfnCondition): number | undefined {
  if (typeof hasSome === 'boolean') {
    return hasSome ? CONCURRENCY : undefined;
  }
  return Token.asNumber(Fn.conditionIf(hasSome.logicalId, CONCURRENCY, Aws.NO_VALUE));
}
