/**
 * What the roles of a backup in another account may do with a second backup bucket and its key.
 *
 * Between accounts both sides have to allow an action: these are the statements of the bucket and of the key, those of the
 * roles are in second-backup.ts.
 */
import { Aws, Fn } from 'aws-cdk-lib';
import { type Choice } from './choice.ts';
import * as permissions from './permissions.ts';
import { conditionOf, type Setting, valueOf } from './setting.ts';

/** Each may be several, comma separated: those of many sources. */
export interface CopyRoles {
  /** The role of runs. */
  readonly backup: Setting;
  /** The role of restores. */
  readonly restore: Setting;
  /** The role of the watch. */
  readonly watch: Setting;
  /** The role that answers events. */
  readonly events: Setting;
  /** The role of the page. */
  readonly web: Setting;
  /** Whether runs place delete markers. */
  readonly marks: Choice;
}

/** The statements of the bucket policy, behind the one that demands TLS. */
export function bucketStatements(bucketArn: string, { backup, restore, watch, events, web, marks }: CopyRoles): unknown[] {
  const objects = `${bucketArn}/*`;
  const state = `${bucketArn}/.s3-backup/*`;
  const list = [...permissions.DESTINATION_BUCKET_ACTIONS, ...permissions.DESTINATION_SETTING_ACTIONS];
  return [
    allow('BackupLists', backup, list, bucketArn),
    allow('BackupAdds', backup, permissions.DESTINATION_OBJECT_ACTIONS, objects),
    onlyWhen(marks, allow('BackupMarks', backup, permissions.MARKING_ACTIONS, objects)),
    allow('RestoreLists', restore, permissions.RESTORE_SOURCE_BUCKET_ACTIONS, bucketArn),
    allow('RestoreReads', restore, permissions.RESTORE_SOURCE_OBJECT_ACTIONS, objects),
    allow('RestoreReadsState', restore, permissions.RESTORE_STATE_READ_ACTIONS, state),
    allow('RestoreWritesState', restore, permissions.RESTORE_STATE_WRITE_ACTIONS, `${bucketArn}/.s3-backup/*/restores/*`),
    allow('WatchLists', watch, permissions.WATCH_BUCKET_ACTIONS, bucketArn),
    allow('WatchReads', watch, permissions.WATCH_OBJECT_ACTIONS, state),
    allow('EventsList', events, permissions.DESTINATION_BUCKET_ACTIONS, bucketArn),
    allow('EventsAdd', events, permissions.DESTINATION_OBJECT_ACTIONS, objects),
    allow('WebLists', web, permissions.WEB_BACKUP_ACTIONS, bucketArn),
    allow('WebReads', web, permissions.WEB_VERSION_ACTIONS, objects),
    allow('WebReadsState', web, permissions.WATCH_OBJECT_ACTIONS, state),
  ];
}

/** The statements of the key policy, behind the one of the account. */
export function keyStatements({ backup, restore, watch, events, web }: CopyRoles): unknown[] {
  return [
    allowKey('BackupUses', backup, permissions.DESTINATION_KEY_ACTIONS),
    allowKey('RestoreUses', restore, permissions.RESTORE_KEY_ACTIONS),
    allowKey('WatchDecrypts', watch, permissions.FORMER_KEY_ACTIONS),
    allowKey('EventsUse', events, permissions.DESTINATION_KEY_ACTIONS),
    allowKey('WebDecrypts', web, permissions.FORMER_KEY_ACTIONS),
  ];
}

function allow(sid: string, role: Setting, actions: readonly string[], resource: string): unknown {
  const statement = { Sid: sid, Effect: 'Allow', Principal: { AWS: Fn.split(',', valueOf(role)) }, Action: [...actions], Resource: resource };
  return onlyWhen(conditionOf(role) ?? true, statement);
}

/** Only through S3 in the region of the bucket. */
function allowKey(sid: string, role: Setting, actions: readonly string[]): unknown {
  const statement = {
    Sid: sid, Effect: 'Allow', Principal: { AWS: Fn.split(',', valueOf(role)) }, Action: [...actions], Resource: '*',
    Condition: { StringEquals: { 'kms:ViaService': `s3.${Aws.REGION}.${Aws.URL_SUFFIX}` } },
  };
  return onlyWhen(conditionOf(role) ?? true, statement);
}

function onlyWhen(exists: Choice, statement: unknown): unknown {
  return typeof exists === 'boolean' ? statement : Fn.conditionIf(exists.logicalId, statement, Aws.NO_VALUE);
}
