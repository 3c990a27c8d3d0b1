import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backupProps } from '../lib/context.ts';
import { PARAMETERS } from '../lib/parameters.ts';
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
    parameters.filter((name) => !['codeBucket', 'codeKey', 'awsEndpointUrl'].includes(name)).sort(),
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
