/** Stacks for the tests. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { newApp } from '../lib/app.ts';
import type { BackupProps } from '../lib/backup.ts';
import { BackupStack } from '../lib/backup-stack.ts';

export const KEY_ARN = 'arn:aws:kms:eu-west-1:111122223333:key/0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f';

const folder = mkdtempSync(join(tmpdir(), 's3-backup-test-'));
process.once('exit', () => rmSync(folder, { recursive: true }));

/** A folder of its own below the one that goes away after the tests. */
export function newFolder(): string {
  return mkdtempSync(join(folder, 'out-'));
}

/** A file that stands for the package of the function. */
export const packageFile = join(folder, 'bootstrap.zip');
writeFileSync(packageFile, 'not a real package');

export function anyCode(): lambda.Code {
  return lambda.Code.fromAsset(packageFile);
}

/** The template of a stack with these properties. */
export function backupTemplate(props: Partial<BackupProps> = {}): Template {
  const app = newApp({ outdir: newFolder() });
  return Template.fromStack(new BackupStack(app, 'S3Backup', { backup: { code: anyCode(), ...props } }));
}

/** The resources of a type, without those of the watch, which has its own of most. */
export function besideWatch(template: Template, type: string): any[] {
  const all = Object.entries(template.findResources(type));
  return all.filter(([id]) => !id.startsWith('BackupWatch')).map(([, resource]) => resource);
}

/** The properties of the only resource of a type, beside the watch. */
export function only(template: Template, type: string): any {
  const found = besideWatch(template, type);
  if (found.length !== 1) {
    throw new Error(`expected one ${type}, found ${found.length}`);
  }
  return found[0].Properties;
}
