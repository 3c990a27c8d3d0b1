import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { portableTemplate } from '../lib/portable-template.ts';
import { backupTemplate, KEY_ARN } from './stacks.ts';

const isOfPage = (id: string): boolean => id.startsWith('BackupWeb');

const OIDC = { cognito: false, issuer: 'https://sign-in.example', clientId: 'page', access: 'team-a=restorer:team-a/', maxCost: '2.5' };

/** The properties of the resources of a type that are there for the page. */
function own(template: Template, type: string): any[] {
  return Object.entries(template.findResources(type)).filter(([id]) => isOfPage(id)).map(([, { Properties }]) => Properties);
}

function page(more: Parameters<typeof backupTemplate>[0] = {}): Template {
  return backupTemplate({ restore: true, web: true, ...more });
}

test('there is no page unless it is asked for, nor without restores', () => {
  for (const props of [{}, { restore: true }, { web: true }]) {
    assert.deepEqual(Object.keys(backupTemplate(props).toJSON().Resources).filter(isOfPage), []);
  }
});

test('everything that has data needs a token, and the rest is the page itself', () => {
  const routes = own(page(), 'AWS::ApiGatewayV2::Route');
  const byAuthorization = (type: string) => routes.filter(({ AuthorizationType }) => AuthorizationType === type)
    .map(({ RouteKey }) => RouteKey).sort();

  assert.deepEqual(byAuthorization('JWT'), ['POST /api/{call}']);
  assert.deepEqual(byAuthorization('NONE'), ['GET /', 'GET /{file}']);
  assert.equal(routes.length, 3);
});

test('the gateway takes 20 requests a second and 40 at once, and the function five', () => {
  const template = page();

  template.hasResourceProperties('AWS::ApiGatewayV2::Stage', {
    StageName: '$default', DefaultRouteSettings: { ThrottlingRateLimit: 20, ThrottlingBurstLimit: 40 },
  });
  template.hasResourceProperties('AWS::Lambda::Function', { Handler: 'web', ReservedConcurrentExecutions: 5, Timeout: 10 });
  const [without] = own(page({ oneRunAtATime: false }), 'AWS::Lambda::Function');
  assert.equal(without.ReservedConcurrentExecutions, undefined);
});

test('only administrators make users, who sign in by a code with PKCE for an hour', () => {
  const template = page();
  const [client] = own(template, 'AWS::Cognito::UserPoolClient');

  template.hasResourceProperties('AWS::Cognito::UserPool', {
    AdminCreateUserConfig: { AllowAdminCreateUserOnly: true }, MfaConfiguration: 'OPTIONAL',
  });
  assert.deepEqual(client.AllowedOAuthFlows, ['code']);
  assert.equal(client.GenerateSecret, false);
  assert.deepEqual([client.AccessTokenValidity, client.TokenValidityUnits.AccessToken], [60, 'minutes']);
  const groups = own(template, 'AWS::Cognito::UserPoolGroup').map(({ GroupName }) => GroupName).sort();
  assert.deepEqual(groups, ['s3-backup-admins', 's3-backup-restorers', 's3-backup-viewers']);
});

test('with a sign-in of one\'s own there is no user pool', () => {
  const template = page({ webSettings: OIDC });
  const [authorizer] = own(template, 'AWS::ApiGatewayV2::Authorizer');

  assert.deepEqual(own(template, 'AWS::Cognito::UserPool'), []);
  assert.deepEqual(authorizer.JwtConfiguration, { Issuer: 'https://sign-in.example', Audience: ['page'] });
  template.hasResourceProperties('AWS::Lambda::Function', {
    Handler: 'web',
    Environment: {
      Variables: Match.objectLike({
        WEB_SIGN_IN: 'oidc', WEB_ISSUER: 'https://sign-in.example', WEB_CLIENT_ID: 'page', WEB_SIGN_IN_URL: Match.absent(),
        WEB_ACCESS: 'team-a=restorer:team-a/', WEB_MAX_COST: '2.5', WEB_MAX_BYTES: Match.absent(),
      }),
    },
  });
});

test('the role of the page looks, asks the function that restores, and writes nothing', () => {
  const template = page({ kmsKeyArn: KEY_ARN, formerKmsKeyArns: KEY_ARN });
  const inline = own(template, 'AWS::IAM::Role').flatMap(({ Policies }) => Policies).map(({ PolicyDocument }) => PolicyDocument);
  const more = own(template, 'AWS::IAM::Policy').map(({ PolicyDocument }) => PolicyDocument);
  const statements = [...inline, ...more].flatMap(({ Statement }) => Statement);
  const actions = [...new Set(statements.flatMap(({ Action }) => Action))].sort();

  assert.deepEqual(actions, [
    'kms:Decrypt', 'lambda:InvokeFunction', 'logs:CreateLogStream', 'logs:PutLogEvents',
    's3:GetObject', 's3:GetObjectVersion', 's3:ListBucket', 's3:ListBucketVersions',
  ]);
  const [invokes] = statements.filter(({ Action }) => Action === 'lambda:InvokeFunction');
  assert.match(JSON.stringify(invokes.Resource), /^{"Fn::GetAtt":\["BackupRestoreFunction\w+","Arn"\]}$/);
  const [reads] = statements.filter(({ Sid }) => Sid === 'ReadState');
  assert.match(JSON.stringify(reads.Resource), /\/\.s3-backup\/\*"/);
});

test('who did what is kept for a year', () => {
  const groups = own(page({ logRetentionDays: 7 }), 'AWS::Logs::LogGroup');

  assert.deepEqual(groups.map(({ RetentionInDays }) => RetentionInDays), [365, 365]);
});

test('the portable template refuses a page without what it needs', () => {
  const { Rules: rules } = JSON.parse(portableTemplate());
  const needs = Object.fromEntries(Object.entries<any>(rules).filter(([name]) => name.startsWith('Web'))
    .map(([name, { Assertions }]) => [name, Assertions.map(({ AssertDescription }: any) => AssertDescription)]));

  assert.deepEqual(needs, {
    WebNeedsRestore: ['Web needs Restore=yes.'],
    WebNeedsIssuer: ['Web=oidc needs WebIssuer.', 'Web=oidc needs WebClientId.'],
  });
});

test('in the portable template all of it exists only if it is asked for', () => {
  const template = JSON.parse(portableTemplate());
  const parts = Object.entries<any>(template.Resources).filter(([id]) => isOfPage(id));
  const conditions = [...new Set(parts.map(([, { Condition }]) => Condition))].sort();

  assert.deepEqual(conditions, ['RestoreAndWeb', 'WebAndSecondBackup', 'WebAndSecondKey', 'WebAndUsers', 'WebBackupKey', 'WebFormerBackupKeys']);
  assert.deepEqual(template.Conditions.RestoreAndWeb['Fn::And'], [{ Condition: 'RestoreIsYes' }, { Condition: 'WebIsWanted' }]);
  assert.deepEqual(template.Conditions.WebAndUsers['Fn::And'], [{ Condition: 'RestoreAndWeb' }, { Condition: 'WebIsCognito' }]);
  const pool = parts.filter(([, { Type }]) => Type.startsWith('AWS::Cognito')).map(([, { Condition }]) => Condition);
  assert.deepEqual([...new Set(pool)], ['WebAndUsers']);
});
