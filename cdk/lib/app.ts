/** An application with the feature flags of cdk.json, which only the CDK command line would read by itself. */
import { readFileSync } from 'node:fs';
import { App, type AppProps } from 'aws-cdk-lib';

const { context } = JSON.parse(readFileSync(new URL('../cdk.json', import.meta.url), 'utf8'));

export function newApp(props: AppProps = {}): App {
  return new App({ analyticsReporting: false, ...props, context: { ...context, ...props.context } });
}
