/** The package of the function, built beforehand. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as lambda from 'aws-cdk-lib/aws-lambda';

export const DEFAULT_PACKAGE = fileURLToPath(new URL('../../dist/bootstrap.zip', import.meta.url));

export function packagedCode(path: string = DEFAULT_PACKAGE): lambda.Code {
  if (!existsSync(path)) {
    throw new Error(`there is no package at ${path}: build it with "make package", or name another one with -c code=<file>`);
  }
  return lambda.Code.fromAsset(path);
}
