/** The application for `cdk deploy`. The only file that reads the context. */
import { newApp } from '../lib/app.ts';
import { BackupStack } from '../lib/backup-stack.ts';
import { backupProps, refuseUnknown, sourcesOf } from '../lib/context.ts';
import { addSources } from '../lib/sources.ts';

const app = newApp();
const asked = new Set<string>();
const context = (name: string): unknown => {
  asked.add(name);
  return app.node.tryGetContext(name);
};

try {
  const name = String(context('stackName') ?? 'S3Backup');
  const backup = backupProps(context);
  const sources = sourcesOf(context);
  refuseUnknown(Object.keys(app.node.getAllContext()), asked);
  if (sources === undefined) {
    new BackupStack(app, name, { backup });
  } else {
    addSources(app, name, () => backupProps(context), sources);
  }
  app.synth();
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}
