/**
 * Many sources of one backup bucket: a stack for each, with a schedule, a role and alarms of its own. The first makes the
 * bucket, unless one exists, and the topic, watch and dashboard of all; each backs up below a prefix of its own.
 */
import { type CfnParameterProps, Token } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { BackupProps } from './backup.ts';
import { BackupStack } from './backup-stack.ts';
import { objection, PARAMETERS } from './parameters.ts';
import { orAbsent } from './setting.ts';

/** What stands before the keys of a source, unless it says. */
const USUAL_PREFIX = '{source_bucket}/';

/** Why a key of the first stack is refused. */
export const KEY_OF_ONE_STACK = 'CreateKmsKey lets the roles of its own stack in, and no other: name a key that all of them may use with KmsKeyArn';

/** A source that is backed up. */
export interface Source {
  /** Name of the bucket. */
  readonly bucket: string;
  /**
   * When it is backed up.
   * @default - as the others
   */
  readonly schedule?: string;
  /**
   * Globs over keys, comma separated.
   * @default - as the others
   */
  readonly include?: string;
  /**
   * Globs over keys, comma separated; exclude wins.
   * @default - as the others
   */
  readonly exclude?: string;
  /**
   * Whether each new object is copied within seconds, by events.
   * @default - as the others
   */
  readonly events?: boolean;
  /**
   * Only keys below this prefix.
   * @default - all keys
   */
  readonly sourcePrefix?: string;
  /**
   * Put before each key in the backup bucket.
   * @default {source_bucket}/
   */
  readonly destinationPrefix?: string;
  /**
   * ARN of the key that encrypts it.
   * @default - none
   */
  readonly sourceKmsKeyArn?: string;
}

/** The parameters of the portable template that say what a field takes. */
const FIELDS: Record<keyof Source, CfnParameterProps | undefined> = {
  bucket: PARAMETERS.SourceBucket,
  schedule: PARAMETERS.Schedule,
  include: PARAMETERS.Include,
  exclude: PARAMETERS.Exclude,
  events: undefined,
  sourcePrefix: PARAMETERS.SourcePrefix,
  destinationPrefix: PARAMETERS.DestinationPrefix,
  sourceKmsKeyArn: PARAMETERS.SourceKmsKeyArn,
};

/** A stack for each source. What the sources do not say is as in `shared`, which is asked for each: code belongs to one stack. */
export function addSources(scope: Construct, name: string, shared: () => BackupProps, sources: readonly Source[]): BackupStack[] {
  refuseOverlaps(sources);
  const [first, ...others] = sources;
  if (first === undefined) {
    throw new Error('sources: the list is empty');
  }
  const props = shared();
  if (others.length > 0 && (props.createKmsKey ?? false) !== false) {
    throw new Error(`sources: ${KEY_OF_ONE_STACK}`);
  }
  const watchJobs = props.existingTopicArn === undefined && (others.length > 0 || props.watchJobs === true);
  const stack = new BackupStack(scope, name, { backup: { ...propsOf(first, props), watchJobs } });
  const further = (): BackupProps => {
    const { backupBucketName, objectLock, protection, retention, notificationEmail, ...rest } = shared();
    return {
      ...rest,
      existingBackupBucketName: orAbsent(rest.existingBackupBucketName) ?? stack.backupBucketName,
      existingTopicArn: stack.topicArn,
      watchJobs: false,
    };
  };
  return [stack, ...others.map((source) => new BackupStack(scope, stackName(name, source, sources), { backup: propsOf(source, further()) }))];
}

/** Sources from a list, or from its JSON, each field checked. */
export function readSources(value: unknown): Source[] | undefined {
  if (value === undefined || value === '') {
    return undefined;
  }
  const list: unknown = typeof value === 'string' ? parsed(value) : value;
  if (!Array.isArray(list) || list.length === 0) {
    throw new Error('sources: expected a list such as [{"bucket":"photos"},{"bucket":"letters","schedule":"rate(6 hours)"}]');
  }
  return list.map((one, at) => readSource(one, `sources[${at}]`));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`sources: no JSON: ${error instanceof Error ? error.message : error}`);
  }
}

function readSource(value: unknown, path: string): Source {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new Error(`${path}: expected an object with a bucket`);
  }
  for (const [name, given] of Object.entries(value)) {
    if (!Object.hasOwn(FIELDS, name)) {
      throw new Error(`${path}: "${name}" is not known; known are ${Object.keys(FIELDS).join(', ')}`);
    }
    const wanted = name === 'events' ? 'boolean' : 'string';
    const problem = typeof given === wanted ? objection(FIELDS[name as keyof Source] ?? {}, String(given)) : `expected a ${wanted}`;
    if (problem !== undefined) {
      throw new Error(`${path}.${name}: ${JSON.stringify(given)}: ${problem}`);
    }
  }
  const source = value as Source;
  if ((source.bucket ?? '') === '') {
    throw new Error(`${path}: a source needs a bucket`);
  }
  return source;
}

function propsOf(source: Source, shared: BackupProps): BackupProps {
  return {
    ...shared,
    sourceBucketName: source.bucket,
    sourceKmsKeyArn: source.sourceKmsKeyArn ?? shared.sourceKmsKeyArn,
    schedule: source.schedule ?? shared.schedule,
    events: source.events ?? shared.events,
    options: {
      ...shared.options,
      include: source.include ?? shared.options?.include,
      exclude: source.exclude ?? shared.options?.exclude,
      sourcePrefix: source.sourcePrefix,
      destinationPrefix: source.destinationPrefix ?? USUAL_PREFIX,
    },
  };
}

/** The name of a further stack: the bucket tells sources apart, and where it does not, the number. */
function stackName(name: string, source: Source, all: readonly Source[]): string {
  const ofBucket = (one: Source) => one.bucket.replaceAll(/[^A-Za-z0-9-]/g, '-');
  const same = all.filter((one) => ofBucket(one) === ofBucket(source));
  const number = same.length > 1 ? `-${all.indexOf(source) + 1}` : '';
  return `${name}-${ofBucket(source)}${number}`;
}

/**
 * The rule by which a run refuses a job. Jobs of one bucket with one destination prefix map each object to the same key,
 * and may overlap, but not be the same.
 */
function refuseOverlaps(sources: readonly Source[]): void {
  sources.forEach((one, at) => {
    for (const other of sources.slice(0, at)) {
      const [a, b] = [place(one), place(other)];
      const overlap = isSameMapping(one, other) ? a === b : a.startsWith(b) || b.startsWith(a);
      if (overlap) {
        throw new Error(
          `sources: ${other.bucket} below "${b}" and ${one.bucket} below "${a}" overlap in the backup bucket; give each source a `
          + `destinationPrefix of its own that ends in a slash, such as ${USUAL_PREFIX}`,
        );
      }
    }
  });
}

function isSameMapping(one: Source, other: Source): boolean {
  return one.bucket === other.bucket && destinationOf(one) === destinationOf(other);
}

/** What the keys of its backups begin with. */
function place(source: Source): string {
  return `${destinationOf(source)}${source.sourcePrefix ?? ''}`;
}

function destinationOf({ bucket, destinationPrefix = USUAL_PREFIX }: Source): string {
  if (Token.isUnresolved(bucket)) {
    throw new Error('sources: name each bucket, so that jobs can be told apart');
  }
  return destinationPrefix.replaceAll('{source_bucket}', bucket);
}
