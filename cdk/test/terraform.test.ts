import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { PORTABLE_TEMPLATE_FILE } from '../lib/portable-template.ts';

const template = JSON.parse(readFileSync(PORTABLE_TEMPLATE_FILE, 'utf8'));
const file = (name: string) => readFileSync(new URL(`../../terraform/${name}`, import.meta.url), 'utf8');

/** Set by the module itself. */
const OWN_PARAMETERS = ['CodeBucket', 'CodeKey', 'CodeVersion'];
/** Inputs that are no parameters. */
const OWN_INPUTS = ['name', 'package', 'packages_bucket', 'packages_region'];

function snake(name: string): string {
  return name.replaceAll(/(?<!^)(?=[A-Z])/g, '_').toLowerCase();
}

function declared(text: string, kind: string): string[] {
  return [...text.matchAll(new RegExp(`^${kind} "(\\w+)" \\{$`, 'gm'))].map(([, name]) => name!);
}

test('the inputs of the Terraform module are the parameters of the template', () => {
  const parameters = Object.keys(template.Parameters).filter((name) => !OWN_PARAMETERS.includes(name));
  const given = [...file('main.tf').matchAll(/^ {4,}([A-Z]\w+) += .*?var\.(\w+)/gm)]
    .map(([, name, input]) => [name!, input!]).filter(([name]) => !OWN_PARAMETERS.includes(name!));

  assert.deepEqual(given.map(([name]) => name).sort(), parameters.sort());
  assert.deepEqual(given.filter(([name, input]) => snake(name!) !== input), []);
  assert.deepEqual(
    declared(file('variables.tf'), 'variable').filter((name) => !OWN_INPUTS.includes(name)).sort(),
    parameters.map(snake).sort(),
  );
});

test('an input has the description of its parameter, and only secrets are sensitive', () => {
  const variables = file('variables.tf').split(/^variable /gm);
  for (const [name, { Description, NoEcho }] of Object.entries<any>(template.Parameters)) {
    const block = variables.find((text) => text.startsWith(`"${snake(name)}" {`));
    if (block !== undefined) {
      assert.ok(block.includes(`description = ${JSON.stringify(Description)}\n`), name);
      assert.equal(block.includes('sensitive   = true'), NoEcho === true, name);
    }
  }
});

test('the outputs of the Terraform module are those of the template', () => {
  const outputs = file('outputs.tf');

  assert.deepEqual(declared(outputs, 'output').sort(), Object.keys(template.Outputs).map(snake).sort());
  for (const [name, { Condition }] of Object.entries<any>(template.Outputs)) {
    const read = Condition === undefined
      ? `aws_cloudformation_stack.backup.outputs["${name}"]`
      : `lookup(aws_cloudformation_stack.backup.outputs, "${name}", null)`;
    assert.ok(outputs.includes(`= ${read}\n`), name);
  }
});
