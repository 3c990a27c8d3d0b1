/** The stack as one CloudFormation template that anybody can deploy without this folder: settings are parameters. */
import { CfnCondition, CfnParameter, CfnRule, DefaultStackSynthesizer, Fn, Stack, Validations } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { Backup } from './backup.ts';
import { DESCRIPTION } from './backup-stack.ts';
import { GROUPS, label, type ParameterName, PARAMETERS } from './parameters.ts';
import { EXISTING_CHANGES_NOTHING } from './backup-place.ts';
import { TWO_KEYS } from './backup-key.ts';
import { COMPLIANCE_UNCONFIRMED, NO_BREAK_GLASS_ROLE } from './protection.ts';
import { type DeployTimeValue, orAbsent } from './setting.ts';

export class PortableStack extends Stack {
  private readonly parameters: Record<ParameterName, CfnParameter>;

  constructor(scope: Construct, id: string) {
    super(scope, id, {
      description: DESCRIPTION,
      // No account has to be bootstrapped for it.
      synthesizer: new DefaultStackSynthesizer({ generateBootstrapVersionRule: false }),
    });
    this.parameters = Object.fromEntries(
      Object.entries(PARAMETERS).map(([name, props]) => [name, new CfnParameter(this, name, props)]),
    ) as Record<ParameterName, CfnParameter>;
    this.templateOptions.metadata = { 'AWS::CloudFormation::Interface': consoleLayout() };
    this.addBackup(this.parameters);
    this.addWebRules(this.parameters);
    this.pinPackage(this.optional('CodeVersion'));
    this.addBucketRules(this.parameters);
    Validations.of(this).acknowledge({
      id: 'CloudFormation-Validate::W1001',
      reason: 'The output names the new primary bucket only under the condition that creates it.',
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
      logRetentionDays: parameters.LogRetentionDays.valueAsNumber,
      sourceBucketName: this.optional('SourceBucket'),
      backupBucketName: this.optional('BackupBucket'),
      existingBackupBucketName: this.optional('ExistingBackupBucket'),
      objectLock: {
        exists: this.when('ObjectLockIsGiven', Fn.conditionNot(Fn.conditionEquals(parameters.ObjectLock, 'no'))),
        isCompliance: this.when('ObjectLockIsCompliance', Fn.conditionEquals(parameters.ObjectLock, 'compliance')),
        days: parameters.ObjectLockDays.valueAsNumber,
      },
      protection: {
        exists: this.when('ProtectBackupsIsYes', Fn.conditionEquals(parameters.ProtectBackups, 'yes')),
        breakGlassRoleArn: parameters.BreakGlassRoleArn.valueAsString,
      },
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
        mode: this.optional('Mode'),
        maxDeletions: this.optional('MaxDeletions'),
        maxDeletionsPercent: this.optional('MaxDeletionsPercent'),
        unusual: this.optional('Unusual'),
        unusualChangePercent: this.optional('UnusualChangePercent'),
        maxCostUsd: this.optional('MaxCostUsd'),
        eventMaxSize: this.optional('EventMaxSize'),
        eventTags: this.optional('EventTags'),
        maxConcurrency: this.optional('MaxConcurrency'),
      },
    });
  }

  /** What does not go together is refused before anything is made. */
  private addWebRules({ Restore, Web, WebIssuer, WebClientId }: Record<ParameterName, CfnParameter>): void {
    const given = (parameter: CfnParameter) => Fn.conditionNot(Fn.conditionEquals(parameter, ''));
    new CfnRule(this, 'WebNeedsRestore', {
      ruleCondition: Fn.conditionNot(Fn.conditionEquals(Web, 'no')),
      assertions: [{ assert: Fn.conditionEquals(Restore, 'yes'), assertDescription: 'Web needs Restore=yes.' }],
    });
    new CfnRule(this, 'WebNeedsIssuer', {
      ruleCondition: Fn.conditionEquals(Web, 'oidc'),
      assertions: [
        { assert: given(WebIssuer), assertDescription: 'Web=oidc needs WebIssuer.' },
        { assert: given(WebClientId), assertDescription: 'Web=oidc needs WebClientId.' },
      ],
    });
  }

  /** What CloudFormation refuses before it makes anything. */
  private addBucketRules({ BackupBucket, ExistingBackupBucket, CreateKmsKey, KmsKeyArn, ObjectLock, ObjectLockConfirm, ProtectBackups, BreakGlassRoleArn }: Record<ParameterName, CfnParameter>): void {
    new CfnRule(this, 'ExistingBucketStaysAsItIs', {
      ruleCondition: Fn.conditionNot(Fn.conditionEquals(ExistingBackupBucket, '')),
      assertions: [[BackupBucket, ''], [ObjectLock, 'no'], [ProtectBackups, 'no'], [CreateKmsKey, 'no']].map(([parameter, value]) => (
        { assert: Fn.conditionEquals(parameter, value), assertDescription: EXISTING_CHANGES_NOTHING }
      )),
    });
    new CfnRule(this, 'OneKey', {
      ruleCondition: Fn.conditionEquals(CreateKmsKey, 'yes'),
      assertions: [{ assert: Fn.conditionEquals(KmsKeyArn, ''), assertDescription: TWO_KEYS }],
    });
    new CfnRule(this, 'ComplianceIsConfirmed', {
      ruleCondition: Fn.conditionEquals(ObjectLock, 'compliance'),
      assertions: [{ assert: Fn.conditionEquals(ObjectLockConfirm, 'yes'), assertDescription: COMPLIANCE_UNCONFIRMED }],
    });
    new CfnRule(this, 'ProtectionHasARole', {
      ruleCondition: Fn.conditionEquals(ProtectBackups, 'yes'),
      assertions: [{ assert: Fn.conditionNot(Fn.conditionEquals(BreakGlassRoleArn, '')), assertDescription: NO_BREAK_GLASS_ROLE }],
    });
  }

  /** All functions have one package. A new version of it under the same key would not deploy without its id. */
  private pinPackage(version: DeployTimeValue): void {
    for (const part of this.node.findAll()) {
      if (part instanceof lambda.CfnFunction) {
        part.addPropertyOverride('Code.S3ObjectVersion', orAbsent(version));
      }
    }
  }

  /** A parameter that counts only if somebody filled it in. */
  private optional(name: ParameterName): DeployTimeValue {
    const parameter = this.parameters[name];
    return {
      value: parameter.valueAsString,
      given: this.when(`${name}IsGiven`, Fn.conditionNot(Fn.conditionEquals(parameter, ''))),
    };
  }

  private when(id: string, expression: CfnCondition['expression']): CfnCondition {
    return new CfnCondition(this, id, { expression });
  }
}

function consoleLayout() {
  return {
    ParameterGroups: GROUPS.map(({ label: title, parameters }) => ({
      Label: { default: title },
      Parameters: Object.keys(parameters),
    })),
    ParameterLabels: Object.fromEntries(Object.keys(PARAMETERS).map((name) => [name, { default: label(name) }])),
  };
}
