/**
 * Turns lifecycle-policy.json, which the S3 API takes as it is, into the rules of a CloudFormation bucket.
 *
 * The two forms differ in small ways that CloudFormation does not report, so an element that is not known here is an
 * error: a rule is never dropped silently.
 */
import { readFileSync } from 'node:fs';
import type { CfnBucket } from 'aws-cdk-lib/aws-s3';

/** The one copy of the policy; the AWS CLI, this stack and the tests all read it. */
export const LIFECYCLE_POLICY_FILE = new URL('../../lifecycle-policy.json', import.meta.url);

/**
 * Objects below 128 KiB never change their class: transition requests and minimum charges cost more than they save.
 * This is a request header of the S3 API, so it cannot be in the file.
 */
export const DEFAULT_MINIMUM_OBJECT_SIZE = 'all_storage_classes_128K';

type Json = Record<string, unknown>;
type Change = (value: any, path: string) => Json;
type Shape = Record<string, Change>;

const as = (name: string): Change => (value) => ({ [name]: value });
const asDate = (name: string): Change => (value) => ({ [name]: new Date(value) });
const fields = (shape: Shape): Change => (value, path) => mapObject(value, path, shape);
const listOf = (name: string, shape: Shape): Change => (value, path) => ({
  [name]: asList(value, path).map((item, index) => mapObject(item, `${path}[${index}]`, shape)),
});

const TAG: Shape = { Key: as('key'), Value: as('value') };

const FILTER: Shape = {
  // An empty prefix means the whole bucket, which CloudFormation says by having no prefix.
  Prefix: (value) => (value === '' ? {} : { prefix: value }),
  Tag: (value, path) => ({ tagFilters: [mapObject(value, path, TAG)] }),
  ObjectSizeGreaterThan: as('objectSizeGreaterThan'),
  ObjectSizeLessThan: as('objectSizeLessThan'),
};

const RULE: Shape = {
  ID: as('id'),
  Status: as('status'),
  Filter: fields({
    ...FILTER,
    And: fields({
      Prefix: FILTER.Prefix,
      Tags: listOf('tagFilters', TAG),
      ObjectSizeGreaterThan: FILTER.ObjectSizeGreaterThan,
      ObjectSizeLessThan: FILTER.ObjectSizeLessThan,
    }),
  }),
  Expiration: fields({
    Days: as('expirationInDays'),
    Date: asDate('expirationDate'),
    ExpiredObjectDeleteMarker: as('expiredObjectDeleteMarker'),
  }),
  Transitions: listOf('transitions', {
    Days: as('transitionInDays'),
    Date: asDate('transitionDate'),
    StorageClass: as('storageClass'),
  }),
  // The name that gets lost: NoncurrentDays in the S3 API is TransitionInDays here, but stays for the expiration.
  NoncurrentVersionTransitions: listOf('noncurrentVersionTransitions', {
    NoncurrentDays: as('transitionInDays'),
    NewerNoncurrentVersions: as('newerNoncurrentVersions'),
    StorageClass: as('storageClass'),
  }),
  NoncurrentVersionExpiration: (value, path) => ({
    noncurrentVersionExpiration: mapObject(value, path, {
      NoncurrentDays: as('noncurrentDays'),
      NewerNoncurrentVersions: as('newerNoncurrentVersions'),
    }),
  }),
  AbortIncompleteMultipartUpload: (value, path) => ({
    abortIncompleteMultipartUpload: mapObject(value, path, { DaysAfterInitiation: as('daysAfterInitiation') }),
  }),
};

/** The policy of the backup bucket. */
export function backupLifecycle(): CfnBucket.LifecycleConfigurationProperty {
  return lifecycleConfiguration(JSON.parse(readFileSync(LIFECYCLE_POLICY_FILE, 'utf8')));
}

/** A policy in the form of the S3 API as a CloudFormation property. */
export function lifecycleConfiguration(policy: unknown): CfnBucket.LifecycleConfigurationProperty {
  const { rules } = mapObject(policy, 'lifecycle policy', { Rules: listOf('rules', RULE) });
  if (!Array.isArray(rules) || rules.length === 0) {
    throw new Error('lifecycle policy: "Rules" is missing or empty');
  }
  return { rules, transitionDefaultMinimumObjectSize: DEFAULT_MINIMUM_OBJECT_SIZE };
}

function mapObject(value: unknown, path: string, shape: Shape): Json {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new Error(`${path}: expected an object`);
  }
  return Object.assign({}, ...Object.entries(value).map(([key, inner]) => {
    if (!Object.hasOwn(shape, key)) {
      throw new Error(`${path}: "${key}" is not known; allowed: ${Object.keys(shape).join(', ')}`);
    }
    return shape[key](inner, `${path}.${key}`);
  }));
}

function asList(value: unknown, path: string): unknown[] {
  if (!Array.isArray(value)) {
    throw new Error(`${path}: expected a list`);
  }
  return value;
}
