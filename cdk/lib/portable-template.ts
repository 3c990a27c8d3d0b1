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
    return `${JSON.stringify(app.synth().getStackArtifact(stack.artifactId).template, null, 1)}\n`;
  } finally {
    rmSync(outdir, { recursive: true });
  }
}
