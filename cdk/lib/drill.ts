/** Drills: a schedule rehearses a restore into a bucket of its own, in which nothing stays for more than a day or two. */
import { CfnResource, Duration, Validations } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { type Choice, onlyIf } from './choice.ts';
import { wildcardIn } from './findings.ts';
import { counted, seen } from './metrics.ts';
import * as permissions from './permissions.ts';
import { PrivateBucket } from './private-bucket.ts';
import { ProblemAlarm } from './problem-alarm.ts';
import { allow } from './statement.ts';

/** A start that had to wait for longer is dropped: the next one comes. */
const WAITS = Duration.hours(1);
/** How long the objects of a drill are kept, and how long what hides them. */
const KEPT = Duration.days(1);

/** A week, and a day for a drill that waits for an archive. */
export const DEFAULT_MAX_DAYS = 8;

export interface DrillProps {
  /** The function that restores. */
  readonly function: IFunction;
  /** Its role. */
  readonly role: iam.IRole;
  /** ARN of the backup bucket. */
  readonly backupArn: string;
  /** When, as an EventBridge expression in UTC. */
  readonly schedule: string;
  /** Whether there are drills. */
  readonly exists: Choice;
  /**
   * Days without a drill that passed after which somebody is told.
   * @default DEFAULT_MAX_DAYS
   */
  readonly maxDaysWithoutDrill?: number;
}

export class Drill extends Construct {
  readonly scratch: PrivateBucket;
  readonly alarms: ProblemAlarm[];

  constructor(scope: Construct, id: string, props: DrillProps) {
    super(scope, id);
    this.scratch = new PrivateBucket(this, 'Scratch', { versioned: true });
    this.scratch.addLifecycleRule({
      id: 'drills-expire-after-a-day', expiration: KEPT, noncurrentVersionExpiration: KEPT, abortIncompleteMultipartUploadAfter: KEPT,
    });
    this.allow(props);
    new events.Rule(this, 'Schedule', {
      description: 'Rehearses a restore.',
      schedule: events.Schedule.expression(props.schedule),
      targets: [new targets.LambdaFunction(props.function, {
        maxEventAge: WAITS,
        event: events.RuleTargetInput.fromObject({ operation: 'drill', to: `s3://${this.scratch.bucketName}/` }),
      })],
    });
    this.alarms = [
      new ProblemAlarm(this, 'Failed', {
        what: 'What a drill restored is not what was backed up.', section: 'drill-failed', metric: counted('DrillFailed'),
      }),
      new ProblemAlarm(this, 'None', {
        what: 'No drill passed for too long.',
        section: 'no-drill',
        metric: seen('DaysSinceDrill'),
        above: props.maxDaysWithoutDrill ?? DEFAULT_MAX_DAYS,
        periods: 2,
        orNothing: true,
      }),
    ];
    Validations.of(this.scratch).acknowledge({
      id: 'AwsSolutions-S1', reason: 'It holds copies of a drill for a day; the backup bucket logs who reads the originals.',
    });
    onlyIf(props.exists, this);
    // The permission of a rule to start a function lies beside that function.
    for (const part of props.function.node.findAll().filter((part) => part.node.id.includes('DrillSchedule'))) {
      (part as CfnResource).cfnOptions.condition = (this.scratch.node.defaultChild as CfnResource).cfnOptions.condition;
    }
  }

  private allow({ role, backupArn }: DrillProps): void {
    const scratchObjects = this.scratch.arnForObjects('*');
    const drills = `${backupArn}/.s3-backup/*/drills/*`;
    const policy = new iam.Policy(this, 'Policy', {
      roles: [role],
      statements: [
        allow('ListScratch', permissions.RESTORE_TARGET_BUCKET_ACTIONS, this.scratch.bucketArn),
        allow('AddToScratch', permissions.RESTORE_TARGET_OBJECT_ACTIONS, scratchObjects),
        allow('HideInScratch', permissions.MARKING_ACTIONS, scratchObjects),
        allow('WriteDrill', permissions.DRILL_ACTIONS, drills),
      ],
    });
    Validations.of(policy).acknowledge(
      { id: wildcardIn(scratchObjects, this), reason: 'A drill writes any object of this one bucket, and hides it.' },
      { id: wildcardIn(drills, this), reason: 'The drills of all jobs in this bucket.' },
    );
  }
}
