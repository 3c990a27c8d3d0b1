/** The stack as one CloudFormation template that anybody can deploy without this folder: settings are parameters. */
import { type CfnParameter, Fn, type ICfnConditionExpression, Validations } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { Backup } from './backup.ts';
import { DESCRIPTION } from './backup-stack.ts';
import { GROUPS, type ParameterName, RETENTION } from './parameters.ts';
import { isGiven, ParameterStack } from './parameter-stack.ts';
import { EXISTING_CHANGES_NOTHING } from './backup-place.ts';
import { TOPIC_OF_ANOTHER_STACK } from './problem-topic.ts';
import { TWO_KEYS } from './backup-key.ts';
import { COMPLIANCE_UNCONFIRMED, NO_BREAK_GLASS_ROLE } from './protection.ts';
import { NO_SECOND_BUCKET } from './second-backup.ts';
import { ONE_PROCESS } from './distributed.ts';
import { type DeployTimeValue, orAbsent } from './setting.ts';

export class PortableStack extends ParameterStack<ParameterName> {
  constructor(scope: Construct, id: string) {
    super(scope, id, DESCRIPTION, GROUPS);
    this.addBackup(this.parameters);
    this.addWebRules(this.parameters);
    this.addTopicRules(this.parameters);
    this.pinPackage(this.optional('CodeVersion'));
    this.addBucketRules(this.parameters);
    Validations.of(this).acknowledge({
      id: 'CloudFormation-Validate::W1001',
      reason: 'The output names the new primary bucket only under the condition that creates it.',
    }, {
      id: 'CloudFormation-Validate::W9052',
      reason: 'The validator goes through combinations of allowed values and stops early; scripts/lint looks at the template as well.',
    }, {
      id: 'CloudFormation-Validate::W1030',
      reason: 'What is empty is not used: it stands under the condition that it is given.',
    });
  }

  private addBackup(parameters: Record<ParameterName, CfnParameter>): void {
    new Backup(this, 'Backup', {
      code: lambda.Code.fromCfnParameters({
        bucketNameParam: parameters.CodeBucket,
        objectKeyParam: parameters.CodeKey,
      }),
      schedule: parameters.Schedule.valueAsString,
      memorySize: parameters.MemorySize.valueAsNumber,
      architecture: lambda.Architecture.custom(parameters.Architecture.valueAsString),
      oneRunAtATime: this.when('OneRunAtATimeIsYes', Fn.conditionEquals(parameters.OneRunAtATime, 'yes')),
      continuation: this.when('ContinuationIsYes', Fn.conditionEquals(parameters.Continuation, 'yes')),
      distributed: this.when('DistributedIsYes', Fn.conditionEquals(parameters.Distributed, 'yes')),
      logRetentionDays: parameters.LogRetentionDays.valueAsNumber,
      sourceBucketName: this.optional('SourceBucket'),
      backupBucketName: this.optional('BackupBucket'),
      existingBackupBucketName: this.optional('ExistingBackupBucket'),
      second: {
        bucketName: this.optional('SecondBackupBucket'),
        accountId: this.optional('SecondBackupAccount'),
        kmsKeyArn: this.optional('SecondKmsKeyArn'),
      },
      retention: this.retention(),
      objectLock: {
        exists: this.when('ObjectLockIsGiven', Fn.conditionNot(Fn.conditionEquals(parameters.ObjectLock, 'no'))),
        isCompliance: this.when('ObjectLockIsCompliance', Fn.conditionEquals(parameters.ObjectLock, 'compliance')),
        days: parameters.ObjectLockDays.valueAsNumber,
      },
      protection: {
        exists: this.when('ProtectBackupsIsYes', Fn.conditionEquals(parameters.ProtectBackups, 'yes')),
        breakGlassRoleArn: parameters.BreakGlassRoleArn.valueAsString,
      },
      watchJobs: this.when('WatchJobsIsAll', Fn.conditionEquals(parameters.WatchJobs, 'all')),
      existingTopicArn: this.optional('ExistingTopicArn'),
      notificationEmail: this.optional('NotificationEmail'),
      notify: this.optional('Notify'),
      heartbeatUrl: this.optional('HeartbeatUrl'),
      maxHoursWithoutBackup: parameters.MaxHoursWithoutBackup.valueAsNumber,
      dashboard: this.when('DashboardIsYes', Fn.conditionEquals(parameters.Dashboard, 'yes')),
      operationsKmsKeyArn: this.optional('OperationsKmsKeyArn'),
      timeZone: this.optional('TimeZone'),
      sourceKmsKeyArn: this.optional('SourceKmsKeyArn'),
      kmsKeyArn: this.optional('KmsKeyArn'),
      createKmsKey: this.when('CreateKmsKeyIsYes', Fn.conditionEquals(parameters.CreateKmsKey, 'yes')),
      formerKmsKeyArns: this.optional('FormerKmsKeyArns'),
      markDeletions: this.when('DeletionsIsMark', Fn.conditionEquals(parameters.Deletions, 'mark')),
      restore: this.when('RestoreIsYes', Fn.conditionEquals(parameters.Restore, 'yes')),
      restoreMarks: this.when('RestoreMarksIsYes', Fn.conditionEquals(parameters.RestoreMarks, 'yes')),
      drillSchedule: this.optional('DrillSchedule'),
      maxDaysWithoutDrill: parameters.MaxDaysWithoutDrill.valueAsNumber,
      web: this.when('WebIsWanted', Fn.conditionNot(Fn.conditionEquals(parameters.Web, 'no'))),
      webSettings: {
        cognito: this.when('WebIsCognito', Fn.conditionEquals(parameters.Web, 'cognito')),
        issuer: parameters.WebIssuer.valueAsString,
        clientId: parameters.WebClientId.valueAsString,
        access: this.optional('WebAccess'),
        maxObjects: this.optional('WebMaxObjects'),
        maxBytes: this.optional('WebMaxBytes'),
        maxCost: this.optional('WebMaxCost'),
      },
      events: this.when('EventsIsYes', Fn.conditionEquals(parameters.Events, 'yes')),
      endpointUrl: this.optional('AwsEndpointUrl'),
      options: {
        sourcePrefix: this.optional('SourcePrefix'),
        destinationPrefix: this.optional('DestinationPrefix'),
        include: this.optional('Include'),
        exclude: this.optional('Exclude'),
        includeTags: this.optional('IncludeTags'),
        storageClass: this.optional('StorageClass'),
        multipartThreshold: this.optional('MultipartThreshold'),
        websiteRedirects: this.optional('WebsiteRedirects'),
        serverSideEncryption: this.optional('ServerSideEncryption'),
        requestPayer: this.optional('RequestPayer'),
        mode: this.optional('Mode'),
        maxDeletions: this.optional('MaxDeletions'),
        maxDeletionsPercent: this.optional('MaxDeletionsPercent'),
        unusual: this.optional('Unusual'),
        unusualChangePercent: this.optional('UnusualChangePercent'),
        historyDays: this.optional('HistoryDays'),
        maxCostUsd: this.optional('MaxCostUsd'),
        eventMaxSize: this.optional('EventMaxSize'),
        eventTags: this.optional('EventTags'),
        maxConcurrency: this.optional('MaxConcurrency'),
      },
    });
  }

  /** What does not go together is refused before anything is made. */
  private addWebRules({ Restore, Web, WebIssuer, WebClientId }: Record<ParameterName, CfnParameter>): void {
    this.refuse('WebNeedsRestore', Fn.conditionNot(Fn.conditionEquals(Web, 'no')), [Fn.conditionEquals(Restore, 'yes'), 'Web needs Restore=yes.']);
    this.refuse(
      'WebNeedsIssuer', Fn.conditionEquals(Web, 'oidc'),
      [isGiven(WebIssuer), 'Web=oidc needs WebIssuer.'], [isGiven(WebClientId), 'Web=oidc needs WebClientId.'],
    );
  }

  private addTopicRules({ ExistingTopicArn, ExistingBackupBucket, NotificationEmail, WatchJobs }: Record<ParameterName, CfnParameter>): void {
    const asserted = [isGiven(ExistingBackupBucket), Fn.conditionEquals(NotificationEmail, ''), Fn.conditionEquals(WatchJobs, 'own')];
    this.refuse(
      'TopicIsOfAnotherStack', isGiven(ExistingTopicArn),
      ...asserted.map((assert): [ICfnConditionExpression, string] => [assert, TOPIC_OF_ANOTHER_STACK]),
    );
  }

  /** What CloudFormation refuses before it makes anything. */
  private addBucketRules(parameters: Record<ParameterName, CfnParameter>): void {
    const { BackupBucket, ExistingBackupBucket, CreateKmsKey, KmsKeyArn, SecondBackupBucket, SecondBackupAccount, SecondKmsKeyArn } = parameters;
    const { ObjectLock, ObjectLockConfirm, ProtectBackups, BreakGlassRoleArn, Distributed, MaxCostUsd, Unusual } = parameters;
    const days = Object.entries(RETENTION).map(([name, { default: usual }]) => [parameters[name as ParameterName], String(usual)] as const);
    const unchanged = [...days, [BackupBucket, ''], [ObjectLock, 'no'], [ProtectBackups, 'no'], [CreateKmsKey, 'no']] as const;
    this.refuse(
      'ExistingBucketStaysAsItIs', isGiven(ExistingBackupBucket),
      ...unchanged.map(([parameter, value]): [ICfnConditionExpression, string] => [Fn.conditionEquals(parameter, value), EXISTING_CHANGES_NOTHING]),
    );
    this.refuse('OneKey', Fn.conditionEquals(CreateKmsKey, 'yes'), [Fn.conditionEquals(KmsKeyArn, ''), TWO_KEYS]);
    this.refuse(
      'SecondHasABucket', Fn.conditionEquals(SecondBackupBucket, ''),
      [Fn.conditionEquals(SecondBackupAccount, ''), NO_SECOND_BUCKET], [Fn.conditionEquals(SecondKmsKeyArn, ''), NO_SECOND_BUCKET],
    );
    this.refuse(
      'ComplianceIsConfirmed', Fn.conditionEquals(ObjectLock, 'compliance'), [Fn.conditionEquals(ObjectLockConfirm, 'yes'), COMPLIANCE_UNCONFIRMED],
    );
    this.refuse(
      'DistributedIsOneBackup', Fn.conditionEquals(Distributed, 'yes'),
      [Fn.conditionEquals(SecondBackupBucket, ''), ONE_PROCESS], [Fn.conditionEquals(MaxCostUsd, ''), ONE_PROCESS],
      [Fn.conditionNot(Fn.conditionEquals(Unusual, 'hold')), ONE_PROCESS],
    );
    this.refuse('ProtectionHasARole', Fn.conditionEquals(ProtectBackups, 'yes'), [isGiven(BreakGlassRoleArn), NO_BREAK_GLASS_ROLE]);
  }

  /** All functions have one package. A new version of it under the same key would not deploy without its id. */
  private pinPackage(version: DeployTimeValue): void {
    for (const part of this.node.findAll()) {
      if (part instanceof lambda.CfnFunction) {
        part.addPropertyOverride('Code.S3ObjectVersion', orAbsent(version));
      }
    }
  }
}
