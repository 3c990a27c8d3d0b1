/** The application for `cdk deploy`. The only file that reads the context. */
import { newApp } from '../lib/app.ts';
import { BackupStack } from '../lib/backup-stack.ts';
import { backupProps } from '../lib/context.ts';

const app = newApp();
const context = (name: string): unknown => app.node.tryGetContext(name);

try {
  new BackupStack(app, String(context('stackName') ?? 'S3Backup'), { backup: backupProps(context) });
  app.synth();
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}
