import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { DEFAULT_MINIMUM_OBJECT_SIZE, LIFECYCLE_POLICY_FILE, lifecycleConfiguration } from '../lib/lifecycle.ts';

import { backupProps } from '../lib/context.ts';
import { COPY_TEMPLATE_FILE, PORTABLE_TEMPLATE_FILE } from '../lib/portable-template.ts';
import { LOCK_DAYS, lifecycleWith, MOST_DAYS, NONCURRENT_DAYS } from '../lib/retention.ts';
import { packageFile } from './stacks.ts';

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

/** What the program tags of its own objects. */
const OLD_STATE = { And: { Prefix: '.s3-backup/', Tags: [{ Key: 's3-backup:unnamed', Value: 'true' }] } };

test('no rule expires a current version but of state that the program has tagged', () => {
  assert.deepEqual(all('Expiration'), [
    { Filter: OLD_STATE, is: { Days: 30 } },
    { Filter: { Prefix: '' }, is: { ExpiredObjectDeleteMarker: true } },
  ]);
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
  assert.deepEqual(all('NoncurrentVersionExpiration'), [
    { Filter: { Prefix: '' }, is: { NoncurrentDays: 2555 } },
    { Filter: OLD_STATE, is: { NoncurrentDays: 30 } },
  ]);
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
  assert.deepEqual(withDefaults(configurations[0].Rules).map(toS3Api), policy.Rules);
  assert.equal(configurations[0].TransitionDefaultMinimumObjectSize, DEFAULT_MINIMUM_OBJECT_SIZE);
});

/** Rules with the defaults of the parameters that they name. */
function withDefaults(rules: any[]): any[] {
  return JSON.parse(JSON.stringify(rules), (_, value) => (
    value?.Ref === undefined ? value : Number(template.Parameters[value.Ref].Default)
  ));
}

test('the days are parameters, and nothing else of a rule is', () => {
  const named = JSON.stringify(Object.values<any>(template.Resources).map(({ Properties }) => Properties.LifecycleConfiguration ?? {}));
  const parameters = ['NoncurrentDays', 'StandardIaDays', 'GlacierIrDays', 'ReplacedGlacierDays', 'ReplacedDeepArchiveDays'];

  assert.deepEqual([...named.matchAll(/"Ref":"(\w+)"/g)].map(([, name]) => name).sort(), parameters.sort());
  assert.deepEqual(lifecycleWith({}), lifecycleConfiguration(policy));
  const { rules } = lifecycleWith({ noncurrentDays: 365, glacierIrDays: MOST_DAYS, replacedGlacierDays: 1 }) as any;
  assert.deepEqual(rules[0].transitions.map((move: any) => move.transitionInDays), [30, MOST_DAYS]);
  assert.deepEqual(rules[1].noncurrentVersionTransitions.map((move: any) => move.transitionInDays), [1, 180]);
  assert.deepEqual(rules[2].noncurrentVersionExpiration, { noncurrentDays: 365 });
  assert.deepEqual(rules[3].noncurrentVersionExpiration, { noncurrentDays: 30 }, 'old state has days of its own');
});

test('whatever is set, current backups stay where they are read at once', () => {
  const classes = (lifecycleWith({ standardIaDays: 30, glacierIrDays: 60 }) as any).rules.flatMap(({ transitions = [] }: any) => transitions)
    .map(({ storageClass }: any) => storageClass);

  assert.deepEqual(classes, ['STANDARD_IA', 'GLACIER_IR']);
});

test('a lock that outlives what it locks is refused, and days that S3 would refuse', () => {
  const fromContext = (values: Record<string, string>) => backupProps((name) => ({ code: packageFile, ...values })[name]);
  const locked = { objectLock: 'governance', objectLockDays: '90' };

  assert.throws(() => fromContext({ ...locked, noncurrentDays: '60' }), /ObjectLockDays is longer than NoncurrentDays/);
  assert.deepEqual(fromContext({ ...locked, noncurrentDays: '90' }).retention, { noncurrentDays: 90 });
  assert.throws(() => fromContext({ glacierIrDays: '59', standardIaDays: '30' }), /expected 60 to 36500/);
  assert.throws(() => fromContext({ standardIaDays: '61' }), /-c standardIaDays=61: GlacierIrDays must be 30 days or more behind/);
  assert.throws(() => fromContext({ replacedGlacierDays: '180' }), /ReplacedDeepArchiveDays must be behind ReplacedGlacierDays/);
  assert.throws(() => fromContext({ noncurrentDays: '31' }), /expected one of 30, 60, 90/);
  assert.throws(() => fromContext({ existingBackupBucket: 'backups', noncurrentDays: '30' }), /changes nothing about that bucket/);
});

for (const [name, file] of [['main', PORTABLE_TEMPLATE_FILE], ['copy', COPY_TEMPLATE_FILE]] as const) {
  test(`the ${name} template lets a lock be exactly as long as replaced versions are kept, and no longer`, () => {
    const { Parameters, Rules } = JSON.parse(readFileSync(file, 'utf8'));
    const refused = (kept: number, locked: number) => Rules.LockEndsInTime.Assertions.some(({ Assert }: any) => {
      const [isOther, isInTime] = Assert['Fn::Or'];
      return isOther['Fn::Not'][0]['Fn::Equals'][1] === String(kept) && !isInTime['Fn::Contains'][0].includes(String(locked));
    });

    assert.deepEqual(Parameters.NoncurrentDays.AllowedValues, NONCURRENT_DAYS.map(String));
    assert.deepEqual(Parameters.ObjectLockDays.AllowedValues, LOCK_DAYS.map(String));
    for (const kept of NONCURRENT_DAYS) {
      for (const locked of LOCK_DAYS) {
        assert.equal(refused(kept, locked), locked > kept, `${locked} of ${kept}`);
      }
    }
    assert.match(JSON.stringify(Rules), /ObjectLockDays is longer than NoncurrentDays/);
  });
}

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
    Filter: filterOf(rule),
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

function filterOf(rule: any): any {
  if (rule.TagFilters) {
    return { And: { Prefix: rule.Prefix, Tags: rule.TagFilters } };
  }
  return 'ObjectSizeGreaterThan' in rule ? { ObjectSizeGreaterThan: rule.ObjectSizeGreaterThan } : { Prefix: '' };
}
