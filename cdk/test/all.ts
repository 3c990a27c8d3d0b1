/** Runs all tests in one process: loading the CDK takes most of the time. */
import { readdirSync } from 'node:fs';

for (const file of readdirSync(import.meta.dirname).sort()) {
  if (file.endsWith('.test.ts')) {
    await import(`./${file}`);
  }
}
