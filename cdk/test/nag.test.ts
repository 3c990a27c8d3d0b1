import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type App, Validations } from 'aws-cdk-lib';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { AwsSolutionsChecks } from 'cdk-nag';
import { newApp } from '../lib/app.ts';
import { BackupStack } from '../lib/backup-stack.ts';
import { CopyStack } from '../lib/copy-stack.ts';
import { PortableStack } from '../lib/portable-stack.ts';
import { anyCode, KEY_ARN, newFolder } from './stacks.ts';

/** Everything that cdk-nag and the validator of the CDK have to say about an application, as "rule at construct". */
function findings(build: (app: App) => void): string[] {
  const app = newApp({ outdir: newFolder() });
  build(app);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  const { exitCode } = process;
  try {
    app.synth();
  } catch {
    // A finding fails the synthesis. It is in the report, too.
  } finally {
    process.exitCode = exitCode;
  }
  const report = JSON.parse(readFileSync(join(app.outdir, 'validation-report.json'), 'utf8'));
  return report.pluginReports
    .flatMap((plugin: any) => plugin.violations)
    .flatMap((violation: any) => violation.violatingConstructs
      .map((construct: any) => `${violation.ruleName} at ${construct.constructPath}`));
}

test('there is no finding on the stack with a new primary bucket', () => {
  assert.deepEqual(findings((app) => new BackupStack(app, 'New', { backup: { code: anyCode() } })), []);
});

test('there is no finding on the stack with everything that can be set', () => {
  const backup = {
    code: anyCode(), sourceBucketName: 'my-data', backupBucketName: 'my-backups', notificationEmail: 'me@example.com',
    kmsKeyArn: KEY_ARN, sourceKmsKeyArn: KEY_ARN, markDeletions: true,
  };

  assert.deepEqual(findings((app) => new BackupStack(app, 'Full', { backup })), []);
});

test('there is no finding on the stack that continues a backup', () => {
  assert.deepEqual(findings((app) => new BackupStack(app, 'Continued', { backup: { code: anyCode(), continuation: true } })), []);
});

test('there is no finding on the stack that restores', () => {
  const backup = {
    code: anyCode(), restore: true, restoreMarks: true, drillSchedule: 'rate(7 days)', continuation: true, kmsKeyArn: KEY_ARN, sourceKmsKeyArn: KEY_ARN,
  };

  assert.deepEqual(findings((app) => new BackupStack(app, 'Restoring', { backup })), []);
});

test('there is no finding on the stack with a page', () => {
  const backup = { code: anyCode(), restore: true, web: true, kmsKeyArn: KEY_ARN };

  assert.deepEqual(findings((app) => new BackupStack(app, 'Page', { backup })), []);
});

test('there is no finding on the stack of a copy, nor on one with a second bucket', () => {
  const second = { bucketName: 'copies', accountId: '444455556666', kmsKeyArn: KEY_ARN };
  const backup = { code: anyCode(), second, restore: true, events: true, markDeletions: true };

  assert.deepEqual(findings((app) => new CopyStack(app, 'Copy')), []);
  assert.deepEqual(findings((app) => new BackupStack(app, 'Second', { backup })), []);
});

test('there is no finding on the portable stack', () => {
  assert.deepEqual(findings((app) => new PortableStack(app, 'Portable')), []);
});

test('the check can fail: a plain bucket next to the backup is found', () => {
  const found = findings((app) => {
    const stack = new BackupStack(app, 'Planted', { backup: { code: anyCode() } });
    new s3.Bucket(stack, 'Plain');
  });

  assert.deepEqual(found.sort(), [
    'AwsSolutions-S1 at Planted/Plain/Resource',
    'AwsSolutions-S10 at Planted/Plain/Resource',
  ]);
});
