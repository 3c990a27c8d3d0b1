/** The gateway before the page: it refuses calls without a token before the function sees them, and floods. */
import { Aws, Fn, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import * as gateway from 'aws-cdk-lib/aws-apigatewayv2';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';

/** Requests in a second, in the long run and at once. */
const RATE = 20;
const BURST = 40;

/** The page itself. It holds no data. */
const PUBLIC_ROUTES = { Page: 'GET /', File: 'GET /{file}' };
/** Everything that does. */
const CALLS = 'POST /api/{call}';

/** The log line of each request, also of those that are refused before the function. */
const LINE = JSON.stringify({
  access: '$context.routeKey', status: '$context.status', sub: '$context.authorizer.claims.sub', why: '$context.authorizer.error',
  source_ip: '$context.identity.sourceIp', user_agent: '$context.identity.userAgent', request_id: '$context.requestId',
  time: '$context.requestTime',
});

export class WebApi extends Construct {
  readonly url: string;
  private readonly api: gateway.CfnApi;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.api = new gateway.CfnApi(this, 'Api', {
      name: `${Aws.STACK_NAME}-web`, protocolType: 'HTTP', description: 'The page where people get files back.',
    });
    this.url = this.api.attrApiEndpoint;
    const log = new logs.LogGroup(this, 'Requests', {
      logGroupName: `/aws/vendedlogs/apis/${Aws.STACK_NAME}-web`,
      retention: logs.RetentionDays.ONE_YEAR,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    new gateway.CfnStage(this, 'Stage', {
      apiId: this.api.ref,
      stageName: '$default',
      autoDeploy: true,
      defaultRouteSettings: { throttlingRateLimit: RATE, throttlingBurstLimit: BURST },
      accessLogSettings: { destinationArn: log.logGroupArn, format: LINE },
    });
  }

  /** Sends requests to the function: those that ask for data only with a token of the issuer for that client. */
  serve(starts: lambda.Function, issuer: string, clientId: string): void {
    const integration = new gateway.CfnIntegration(this, 'Integration', {
      apiId: this.api.ref, integrationType: 'AWS_PROXY', integrationUri: starts.functionArn, payloadFormatVersion: '2.0',
    });
    const authorizer = new gateway.CfnAuthorizer(this, 'Authorizer', {
      apiId: this.api.ref,
      name: 'sign-in',
      authorizerType: 'JWT',
      identitySource: ['$request.header.Authorization'],
      jwtConfiguration: { issuer, audience: [clientId] },
    });
    const target = Fn.join('/', ['integrations', integration.ref]);
    new gateway.CfnRoute(this, 'Calls', {
      apiId: this.api.ref, routeKey: CALLS, target, authorizationType: 'JWT', authorizerId: authorizer.ref,
    });
    for (const [id, routeKey] of Object.entries(PUBLIC_ROUTES)) {
      const route = new gateway.CfnRoute(this, id, { apiId: this.api.ref, routeKey, target, authorizationType: 'NONE' });
      Validations.of(route).acknowledge({
        id: 'AwsSolutions-APIG4', reason: 'The page itself holds no data, and is what people sign in with.',
      });
    }
    new lambda.CfnPermission(this, 'Invoke', {
      action: 'lambda:InvokeFunction',
      functionName: starts.functionArn,
      principal: 'apigateway.amazonaws.com',
      sourceArn: Stack.of(this).formatArn({ service: 'execute-api', resource: this.api.ref, resourceName: '*' }),
    });
  }
}
