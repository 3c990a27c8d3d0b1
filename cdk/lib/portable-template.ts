/** The committed CloudFormation templates: where they are and what they must contain. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { App, Stack } from 'aws-cdk-lib';
import { newApp } from './app.ts';
import { CopyStack } from './copy-stack.ts';
import { PortableStack } from './portable-stack.ts';

export const PORTABLE_TEMPLATE_FILE = new URL('../cloudformation/s3-backup.template.json', import.meta.url);
export const COPY_TEMPLATE_FILE = new URL('../cloudformation/s3-backup-copy.template.json', import.meta.url);

/** The text of the template; the same text for the same sources. */
export function portableTemplate(): string {
  return textOf((app) => new PortableStack(app, 'S3Backup'));
}

/** The same of the second backup bucket. */
export function copyTemplate(): string {
  return textOf((app) => new CopyStack(app, 'S3BackupCopy'));
}

function textOf(build: (app: App) => Stack): string {
  const outdir = mkdtempSync(join(tmpdir(), 's3-backup-template-'));
  try {
    const app = newApp({ outdir });
    const stack = build(app);
    return `${written(app.synth().getStackArtifact(stack.artifactId).template)}\n`;
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

/** What the AWS command line and CloudFormation take without a bucket for the template, in bytes. */
export const MOST_BYTES_WITHOUT_BUCKET = 51_200;

/** What CloudFormation reads from a bucket, in bytes. */
export const MOST_BYTES = 1_048_576;

/** Each parameter, condition, resource and output is a line, so that a change can be read. */
const DEEPEST_LINE = 2;

/** JSON without a blank, with a line for each part down to that depth. */
function written(value: unknown, depth = 0): string {
  if (depth === DEEPEST_LINE || typeof value !== 'object' || value === null || Array.isArray(value)) {
    return JSON.stringify(value);
  }
  const parts = Object.entries(value).map(([name, part]) => `${JSON.stringify(name)}:${written(part, depth + 1)}`);
  return parts.length === 0 ? '{}' : `{\n${parts.join(',\n')}\n}`;
}
