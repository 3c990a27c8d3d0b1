/** The people who may use the page: a user pool, into which administrators put them, and its groups. */
import { Aws, Fn, Validations } from 'aws-cdk-lib';
import * as cognito from 'aws-cdk-lib/aws-cognito';
import { Construct } from 'constructs';
import { orElse, type Setting } from './setting.ts';

/** What each group may do. */
const GROUPS = {
  Viewers: ['s3-backup-viewers', 'Look, preview and download.'],
  Restorers: ['s3-backup-restorers', 'Put back, and undo what they have put back themselves.'],
  Admins: ['s3-backup-admins', 'Put back any amount, and undo what anybody has put back.'],
} as const;

/** How long a sign-in is good, in minutes. */
const MINUTES = 60;

export interface WebUsersProps {
  /** Where the page is, without a slash at its end. */
  readonly url: string;
  /** Address of a local AWS, which has the sign-in page at its own address. */
  readonly endpointUrl?: Setting;
}

export class WebUsers extends Construct {
  readonly poolId: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly signInUrl: string;

  constructor(scope: Construct, id: string, props: WebUsersProps) {
    super(scope, id);
    const pool = new cognito.CfnUserPool(this, 'Pool', {
      userPoolName: `${Aws.STACK_NAME}-web`,
      adminCreateUserConfig: { allowAdminCreateUserOnly: true },
      // A name that looks like an address is in the access token, and so in what is kept of a restore.
      usernameConfiguration: { caseSensitive: false },
      autoVerifiedAttributes: ['email'],
      accountRecoverySetting: { recoveryMechanisms: [{ name: 'verified_email', priority: 1 }] },
      mfaConfiguration: 'OPTIONAL',
      enabledMfas: ['SOFTWARE_TOKEN_MFA'],
      policies: {
        passwordPolicy: {
          minimumLength: 14, requireLowercase: true, requireUppercase: true, requireNumbers: true, requireSymbols: true,
        },
      },
    });
    Validations.of(pool).acknowledge(
      { id: 'AwsSolutions-COG2', reason: 'Each person can switch a second factor on; the pool can be set to require it.' },
      { id: 'AwsSolutions-COG8', reason: 'Threat protection is priced for each person: the pool can be set to it.' },
    );
    this.poolId = pool.ref;
    this.issuer = `https://cognito-idp.${Aws.REGION}.${Aws.URL_SUFFIX}/${pool.ref}`;
    for (const [id, [groupName, description]] of Object.entries(GROUPS)) {
      new cognito.CfnUserPoolGroup(this, id, { userPoolId: pool.ref, groupName, description });
    }
    const page = `${props.url}/`;
    const client = new cognito.CfnUserPoolClient(this, 'Client', {
      userPoolId: pool.ref,
      clientName: 'page',
      generateSecret: false,
      allowedOAuthFlowsUserPoolClient: true,
      allowedOAuthFlows: ['code'],
      allowedOAuthScopes: ['openid', 'email', 'profile'],
      callbackUrLs: [page],
      logoutUrLs: [page],
      supportedIdentityProviders: ['COGNITO'],
      explicitAuthFlows: ['ALLOW_USER_SRP_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'],
      preventUserExistenceErrors: 'ENABLED',
      enableTokenRevocation: true,
      accessTokenValidity: MINUTES,
      idTokenValidity: MINUTES,
      refreshTokenValidity: MINUTES,
      tokenValidityUnits: { accessToken: 'minutes', idToken: 'minutes', refreshToken: 'minutes' },
    });
    this.clientId = client.ref;
    // A name that is free in the whole region: that of the stack's own number.
    const domain = `s3-backup-${Fn.select(2, Fn.split('/', Aws.STACK_ID))}`;
    new cognito.CfnUserPoolDomain(this, 'Domain', { userPoolId: pool.ref, domain });
    this.signInUrl = orElse(props.endpointUrl, `https://${domain}.auth.${Aws.REGION}.amazoncognito.com`);
  }
}
