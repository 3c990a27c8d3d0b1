// The browser of the tests: Chromium from npm. It brings the libraries that a machine may lack, and unpacks
// them only where it believes to be on Lambda.
import { chromium } from 'playwright-core';

process.env.AWS_LAMBDA_JS_RUNTIME ??= 'nodejs22.x';
const { default: sparticuz } = await import('@sparticuz/chromium');

/** Flags that would turn off what is tested here, or end the browser with its first page. */
const UNWANTED = ['--single-process', '--no-zygote', '--disable-web-security', '--allow-running-insecure-content'];

/** Starts it, with these flags more. */
export async function start(more = []) {
  const executablePath = await sparticuz.executablePath();
  const args = [...sparticuz.args.filter((flag) => !UNWANTED.includes(flag)), ...more];
  return chromium.launch({ executablePath, args, env: process.env, headless: true });
}
