import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { DEFAULT_MINIMUM_OBJECT_SIZE, LIFECYCLE_POLICY_FILE, lifecycleConfiguration } from '../lib/lifecycle.ts';

const policy = JSON.parse(readFileSync(LIFECYCLE_POLICY_FILE, 'utf8'));
const template = JSON.parse(readFileSync(new URL('../cloudformation/s3-backup.template.json', import.meta.url), 'utf8'));

/** All values that the rules of the policy have under a name, next to the filter of their rule. */
function all(name: string): any[] {
  return policy.Rules.filter((rule: any) => name in rule).map((rule: any) => ({ Filter: rule.Filter, is: rule[name] }));
}

test('the policy has only what the S3 API takes', () => {
  assert.deepEqual(Object.keys(policy), ['Rules']);
  assert.ok(policy.Rules.every((rule: any) => rule.Status === 'Enabled' && rule.ID.length <= 255));
  assert.equal(new Set(policy.Rules.map((rule: any) => rule.ID)).size, policy.Rules.length);
});

test('no rule expires a current version', () => {
  const expirations = all('Expiration').map(({ is }) => is);

  assert.deepEqual(expirations, [{ ExpiredObjectDeleteMarker: true }]);
});

test('current backups move to cheaper classes that can be read at once', () => {
  assert.deepEqual(all('Transitions'), [{
    Filter: { ObjectSizeGreaterThan: 131072 },
    is: [{ Days: 30, StorageClass: 'STANDARD_IA' }, { Days: 90, StorageClass: 'GLACIER_IR' }],
  }]);
});

test('replaced versions are archived, and expire after seven years', () => {
  assert.deepEqual(all('NoncurrentVersionTransitions'), [{
    Filter: { ObjectSizeGreaterThan: 131072 },
    is: [{ NoncurrentDays: 90, StorageClass: 'GLACIER' }, { NoncurrentDays: 180, StorageClass: 'DEEP_ARCHIVE' }],
  }]);
  assert.deepEqual(all('NoncurrentVersionExpiration'), [{ Filter: { Prefix: '' }, is: { NoncurrentDays: 2555 } }]);
});

test('unfinished uploads are aborted after a week, whatever their size', () => {
  assert.deepEqual(all('AbortIncompleteMultipartUpload'), [{ Filter: { Prefix: '' }, is: { DaysAfterInitiation: 7 } }]);
});

test('the template carries the policy without loss', () => {
  const configurations = Object.entries<any>(template.Resources)
    .filter(([id]) => !id.includes('Scratch'))
    .map(([, resource]) => resource)
    .filter(({ Type, Properties }) => Type === 'AWS::S3::Bucket' && Properties.VersioningConfiguration !== undefined)
    .map(({ Properties }) => Properties.LifecycleConfiguration);

  assert.equal(configurations.length, 1);
  assert.deepEqual(configurations[0].Rules.map(toS3Api), policy.Rules);
  assert.equal(configurations[0].TransitionDefaultMinimumObjectSize, DEFAULT_MINIMUM_OBJECT_SIZE);
});

test('every element of the S3 API is mapped', () => {
  const everything = {
    Rules: [
      {
        ID: 'a', Status: 'Disabled',
        Filter: { And: { Prefix: 'p/', Tags: [{ Key: 'k', Value: 'v' }], ObjectSizeGreaterThan: 1, ObjectSizeLessThan: 9 } },
        Expiration: { Days: 5 },
        Transitions: [{ Date: '2031-01-01T00:00:00.000Z', StorageClass: 'GLACIER' }],
        NoncurrentVersionExpiration: { NoncurrentDays: 7, NewerNoncurrentVersions: 3 },
        NoncurrentVersionTransitions: [{ NoncurrentDays: 2, NewerNoncurrentVersions: 4, StorageClass: 'GLACIER' }],
      },
      { ID: 'b', Status: 'Enabled', Filter: { Tag: { Key: 'k', Value: 'v' } }, Expiration: { Date: '2031-01-01T00:00:00.000Z' } },
    ],
  };

  assert.deepEqual(lifecycleConfiguration(everything).rules, [
    {
      id: 'a', status: 'Disabled',
      prefix: 'p/', tagFilters: [{ key: 'k', value: 'v' }], objectSizeGreaterThan: 1, objectSizeLessThan: 9,
      expirationInDays: 5,
      transitions: [{ transitionDate: new Date('2031-01-01'), storageClass: 'GLACIER' }],
      noncurrentVersionExpiration: { noncurrentDays: 7, newerNoncurrentVersions: 3 },
      noncurrentVersionTransitions: [{ transitionInDays: 2, newerNoncurrentVersions: 4, storageClass: 'GLACIER' }],
    },
    { id: 'b', status: 'Enabled', tagFilters: [{ key: 'k', value: 'v' }], expirationDate: new Date('2031-01-01') },
  ]);
});

const MISTAKES: [string, unknown, string][] = [
  ['an unknown element of a rule', { Rules: [{ ID: 'a', Expire: {} }] },
    'lifecycle policy.Rules[0]: "Expire" is not known; allowed: ID, Status, Filter, Expiration, Transitions, '
    + 'NoncurrentVersionTransitions, NoncurrentVersionExpiration, AbortIncompleteMultipartUpload'],
  ['the CloudFormation name of an element', { Rules: [{ NoncurrentVersionTransitions: [{ TransitionInDays: 1 }] }] },
    'lifecycle policy.Rules[0].NoncurrentVersionTransitions[0]: "TransitionInDays" is not known; allowed: '
    + 'NoncurrentDays, NewerNoncurrentVersions, StorageClass'],
  ['an element of the answer of the S3 API', { TransitionDefaultMinimumObjectSize: 'x', Rules: [] },
    'lifecycle policy: "TransitionDefaultMinimumObjectSize" is not known; allowed: Rules'],
  ['an object instead of a list', { Rules: {} }, 'lifecycle policy.Rules: expected a list'],
  ['a text instead of an object', { Rules: [{ Filter: 'logs/' }] }, 'lifecycle policy.Rules[0].Filter: expected an object'],
  ['no rules', { Rules: [] }, 'lifecycle policy: "Rules" is missing or empty'],
  ['nothing', {}, 'lifecycle policy: "Rules" is missing or empty'],
  ['a name that every object has', { Rules: [{ constructor: {} }] },
    'lifecycle policy.Rules[0]: "constructor" is not known; allowed: ID, Status, Filter, Expiration, Transitions, '
    + 'NoncurrentVersionTransitions, NoncurrentVersionExpiration, AbortIncompleteMultipartUpload'],
];

for (const [what, wrong, message] of MISTAKES) {
  test(`${what} is an error`, () => {
    assert.throws(() => lifecycleConfiguration(wrong), { message });
  });
}

/** One rule of the template as the S3 API has it. Written apart from the mapper, so that the two check each other. */
function toS3Api(rule: any): any {
  const back: any = {
    ID: rule.Id,
    Status: rule.Status,
    Filter: 'ObjectSizeGreaterThan' in rule ? { ObjectSizeGreaterThan: rule.ObjectSizeGreaterThan } : { Prefix: '' },
  };
  if (rule.ExpiredObjectDeleteMarker !== undefined || rule.ExpirationInDays !== undefined) {
    back.Expiration = {
      ...(rule.ExpirationInDays === undefined ? {} : { Days: rule.ExpirationInDays }),
      ...(rule.ExpiredObjectDeleteMarker === undefined ? {} : { ExpiredObjectDeleteMarker: rule.ExpiredObjectDeleteMarker }),
    };
  }
  if (rule.Transitions) {
    back.Transitions = rule.Transitions.map((t: any) => ({ Days: t.TransitionInDays, StorageClass: t.StorageClass }));
  }
  if (rule.NoncurrentVersionTransitions) {
    back.NoncurrentVersionTransitions = rule.NoncurrentVersionTransitions
      .map((t: any) => ({ NoncurrentDays: t.TransitionInDays, StorageClass: t.StorageClass }));
  }
  for (const same of ['NoncurrentVersionExpiration', 'AbortIncompleteMultipartUpload']) {
    if (rule[same]) {
      back[same] = rule[same];
    }
  }
  return back;
}
