import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CfnParameterProps } from 'aws-cdk-lib';
import { backupProps, refuseUnknown } from '../lib/context.ts';
import { label, PARAMETERS } from '../lib/parameters.ts';
import { packageFile } from './stacks.ts';

function props(context: Record<string, unknown>) {
  return backupProps((name) => ({ code: packageFile, ...context })[name]);
}

test('the context has the names of the parameters of the portable template', () => {
  const asked = new Set<string>();
  backupProps((name) => {
    asked.add(name);
    return name === 'code' ? packageFile : undefined;
  });

  const parameters = Object.keys(PARAMETERS).map((name) => name[0].toLowerCase() + name.slice(1));
  assert.deepEqual(
    [...asked].filter((name) => name !== 'code').sort(),
    parameters.filter((name) => !['codeBucket', 'codeKey', 'codeVersion', 'awsEndpointUrl'].includes(name)).sort(),
  );
});

test('values of the command line are texts', () => {
  const { memorySize, oneRunAtATime, continuation, architecture, markDeletions, sourceBucketName, options } = props({
    memorySize: '1769', oneRunAtATime: 'no', continuation: 'yes', deletions: 'mark', architecture: 'arm64', sourceBucket: 'my-data',
    include: '*.jpg', mode: '',
  });

  assert.deepEqual([memorySize, oneRunAtATime, continuation, architecture?.name], [1769, false, true, 'arm64']);
  assert.equal(sourceBucketName, 'my-data');
  assert.equal(markDeletions, true);
  assert.deepEqual([options?.include, options?.mode], ['*.jpg', undefined]);
});

test('a missing package is an error that says what to do', () => {
  assert.throws(() => props({ code: 'nowhere/bootstrap.zip' }), {
    message: 'there is no package at nowhere/bootstrap.zip: build it with "make package", '
      + 'or name another one with -c code=<file>',
  });
});

test('a wrong value is an error that says what is allowed', () => {
  assert.throws(() => props({ memorySize: 'much' }), { message: '-c memorySize=much: expected a whole number above zero' });
  assert.throws(() => props({ architecture: 'x86' }), { message: '-c architecture=x86: expected one of x86_64, arm64' });
  assert.throws(() => props({ continuation: 'on' }), { message: '-c continuation=on: expected one of yes, no' });
  assert.throws(() => props({ deletions: 'yes' }), { message: '-c deletions=yes: expected one of keep, mark' });
  assert.throws(() => props({ oneRunAtATime: 'true' }), { message: '-c oneRunAtATime=true: expected one of yes, no' });
});

test('a page without what it needs is an error that says what that is', () => {
  assert.throws(() => props({ web: 'cognito' }), { message: '-c web=cognito: needs -c restore=yes' });
  assert.throws(() => props({ web: 'oidc', restore: 'yes', webIssuer: 'https://sign-in.example' }), {
    message: '-c web=oidc: needs -c webIssuer=<address> and -c webClientId=<id>',
  });
  const { web, webSettings } = props({ web: 'oidc', restore: 'yes', webIssuer: 'https://sign-in.example', webClientId: 'page' });
  assert.deepEqual([web, webSettings?.cognito, webSettings?.clientId], [true, false, 'page']);
});

test('a value that the portable template would refuse is refused in the same words', () => {
  assert.throws(() => props({ sourceBucket: 's3://my-data' }), {
    message: '-c sourceBucket=s3://my-data: expected the name of a bucket, without s3:// and without a prefix, or empty',
  });
  assert.throws(() => props({ memorySize: '64' }), { message: '-c memorySize=64: expected 128 to 10240' });
  assert.throws(() => props({ storageClass: 'COLD' }), { message: /expected one of source, STANDARD, / });
  assert.throws(() => props({ schedule: 'nightly' }), { message: /expected such as cron\(0 2/ });
  // Buckets of us-east-1 that are older than 2018.
  assert.equal(props({ sourceBucket: 'ABCD_Central_1' }).sourceBucketName, 'ABCD_Central_1');
});

test('a name that nobody asks for is refused with those that are known', () => {
  const known = new Set(['sourceBucket', 'backupBucket']);

  assert.throws(() => refuseUnknown(['sourceBuket', 'sourceBucket'], known), {
    message: '-c sourceBuket: unknown; known are backupBucket, sourceBucket',
  });
  refuseUnknown(['sourceBucket', '@aws-cdk/core:checkSecretUsage', 'aws:cdk:enable-path-metadata'], known);
});

test('each parameter has bounds, and says what it takes', () => {
  for (const [name, props] of Object.entries(PARAMETERS)) {
    const { allowedPattern, allowedValues, constraintDescription, minValue, maxValue } = props as CfnParameterProps;
    const bounds = allowedPattern ?? allowedValues ?? (minValue !== undefined && maxValue !== undefined || undefined);
    assert.notEqual(bounds, undefined, `${name} takes anything`);
    assert.equal(allowedPattern !== undefined, constraintDescription !== undefined, `${name} does not say what it takes`);
  }
  assert.equal(label('SourceKmsKeyArn'), 'Source KMS key ARN');
});
