/** The committed CloudFormation template: where it is and what it must contain. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newApp } from './app.ts';
import { PortableStack } from './portable-stack.ts';

export const PORTABLE_TEMPLATE_FILE = new URL('../cloudformation/s3-backup.template.json', import.meta.url);

/** The text of the template; the same text for the same sources. */
export function portableTemplate(): string {
  const outdir = mkdtempSync(join(tmpdir(), 's3-backup-template-'));
  try {
    const app = newApp({ outdir });
    const stack = new PortableStack(app, 'S3Backup');
    return `${written(app.synth().getStackArtifact(stack.artifactId).template)}\n`;
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

/** What lies deeper stands on one line: the AWS command line takes no more than 51,200 bytes. */
const DEEPEST_LINE = 4;

/** JSON with a line for each part down to that depth. */
function written(value: unknown, depth = 0): string {
  if (depth === DEEPEST_LINE || typeof value !== 'object' || value === null || Array.isArray(value)) {
    return JSON.stringify(value);
  }
  const indent = ' '.repeat(depth);
  const parts = Object.entries(value).map(([name, part]) => `${indent} ${JSON.stringify(name)}: ${written(part, depth + 1)}`);
  return parts.length === 0 ? '{}' : `{\n${parts.join(',\n')}\n${indent}}`;
}
