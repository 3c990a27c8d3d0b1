/** Backup on upload: events of the primary bucket come through a queue to a function of their own, which copies. */
import { CfnResource, Duration, Fn } from 'aws-cdk-lib';
import * as awsEvents from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { type Choice, decidedLater, onlyIf } from './choice.ts';
import { EventsRole } from './events-role.ts';
import { FailureAlarm } from './failure-alarm.ts';
import { counted } from './metrics.ts';
import { ProblemAlarm } from './problem-alarm.ts';
import { functionName, type ProgramProps, programLog, programProps, programVariables } from './program-function.ts';

/** What copies of one batch may take. */
const TIMEOUT = Duration.seconds(60);
/** Six times the timeout of the function, as AWS advises: until then nobody else gets a message. */
const VISIBILITY = Duration.seconds(360);
/** One bad message is one bad message, whatever else is in the batch. */
const BATCH_SIZE = 50;
/** Batches of more than ten need one. */
const BATCHING_WINDOW = Duration.seconds(1);
/** A receive that Lambda throttles would count as one of the five. Reserved concurrency throttles; this does not. */
const MAX_CONCURRENCY = 10;
const MAX_RECEIVES = 5;
/** Five receives, six minutes apart, and then it is a dead letter: one that is older waits because nobody works. */
const LATE = Duration.hours(1);
const RETENTION = Duration.days(14);

/** What moves nothing in a listing is told by events only: tags. */
const DETAIL_TYPES = ['Object Created', 'Object Tags Added', 'Object Tags Deleted', 'Object ACL Updated'];
/** Without it, a backup bucket that is backed up would feed itself. */
const NOT_STATE = [{ 'anything-but': { prefix: '.s3-backup/' } }];

export interface EventsProps extends ProgramProps {
  /** Whether events are answered. */
  readonly events: Choice;
}

export class Events extends Construct {
  readonly function: lambda.Function;
  readonly deadLetters: sqs.Queue;
  readonly alarms: (ProblemAlarm | FailureAlarm)[];
  private readonly queue: sqs.Queue;
  private readonly exists: Choice;

  constructor(scope: Construct, id: string, props: EventsProps) {
    super(scope, id);
    this.exists = props.events;
    this.deadLetters = new sqs.Queue(this, 'DeadLetters', {
      encryption: sqs.QueueEncryption.SQS_MANAGED, enforceSSL: true, retentionPeriod: RETENTION,
    });
    const queue = this.queue = new sqs.Queue(this, 'Queue', {
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: RETENTION,
      visibilityTimeout: VISIBILITY,
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: MAX_RECEIVES },
    });
    this.rule(props, queue);
    this.function = this.program(props, queue);
    new lambda.EventSourceMapping(this, 'Mapping', {
      target: this.function,
      eventSourceArn: queue.queueArn,
      batchSize: BATCH_SIZE,
      maxBatchingWindow: BATCHING_WINDOW,
      maxConcurrency: MAX_CONCURRENCY,
      reportBatchItemFailures: true,
    });
    this.alarms = [
      new FailureAlarm(this, 'Failed', { function: this.function, what: 'events' }),
      new ProblemAlarm(this, 'Dead', {
        what: 'Events could not be answered, and their objects wait for the next run.',
        section: 'dead-letters',
        metric: this.deadLetters.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum' }),
      }),
      new ProblemAlarm(this, 'Late', {
        what: 'Events wait in their queue, and nobody answers them.',
        section: 'events-late',
        metric: queue.metricApproximateAgeOfOldestMessage({ statistic: 'Maximum' }),
        above: LATE.toSeconds(),
      }),
      new ProblemAlarm(this, 'Refused', {
        what: 'Events of a bucket that is not the source were refused.', section: 'events-refused', metric: counted('EventsRefused'),
      }),
    ];
    this.onlyIf(props.events);
  }

  /** The name of the queue, or this text where a deployment decides that there is none. */
  queueNameOr(none: string): string {
    const condition = decidedLater(this.exists);
    const { queueName } = this.queue;
    return condition === undefined ? queueName : Fn.conditionIf(condition.logicalId, queueName, none).toString();
  }

  private program(props: EventsProps, queue: sqs.Queue): lambda.Function {
    const logGroup = programLog(this, 'events', props);
    const { role } = new EventsRole(this, 'Access', {
      ...props, sourceArn: props.source.bucketArn, destinationArn: props.destination.bucketArn, logGroup, queueArn: queue.queueArn,
    });
    // A queue has its own retries and dead letters; nothing else invokes it.
    const { onFailure, retryAttempts, ...program } = programProps(props);
    return new lambda.Function(this, 'Function', {
      ...program,
      functionName: functionName('events'),
      description: 'Copies each new object of the primary bucket into the backup bucket.',
      handler: 'events',
      timeout: TIMEOUT,
      environment: programVariables(props, props.options ?? {}),
      role: role.withoutPolicyUpdates(),
      logGroup,
    });
  }

  /** Whole events: a transformer that reshapes them breaks at a quote in a key. */
  private rule(props: EventsProps, queue: sqs.Queue): void {
    const { sourcePrefix } = props.options ?? {};
    const rule = new awsEvents.Rule(this, 'Rule', {
      description: 'Brings what happens in the primary bucket to the queue.',
      eventPattern: {
        source: ['aws.s3'],
        detailType: DETAIL_TYPES,
        detail: { bucket: { name: [props.source.bucketName] }, object: { key: NOT_STATE } },
      },
      // Where the queue could not be reached, the event is not lost either.
      targets: [new targets.SqsQueue(queue, { deadLetterQueue: this.deadLetters })],
    });
    const keys = typeof sourcePrefix === 'object'
      ? Fn.conditionIf(sourcePrefix.given.logicalId, [{ prefix: sourcePrefix.value }], NOT_STATE)
      : sourcePrefix && [{ prefix: sourcePrefix }];
    if (keys !== undefined && keys !== '') {
      (rule.node.defaultChild as awsEvents.CfnRule).addPropertyOverride('EventPattern.detail.object.key', keys);
    }
  }

  /** All of it depends on the choice; what depends on more has its condition already. */
  private onlyIf(events: Choice): void {
    const more = new Map(this.node.findAll().filter(hasCondition).map((part) => [part, part.cfnOptions.condition]));
    onlyIf(events, this);
    for (const [part, condition] of more) {
      part.cfnOptions.condition = condition;
    }
  }
}

function hasCondition(part: unknown): part is CfnResource {
  return CfnResource.isCfnResource(part as Construct) && (part as CfnResource).cfnOptions.condition !== undefined;
}
