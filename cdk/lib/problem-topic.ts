/** One topic for what somebody should know: messages of runs, alarms, and invocations that failed. A new one, or that of another stack. */
import { ArnFormat, Aws, CfnCondition, CfnResource, Fn, Stack } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sns from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { both, type Choice, decidedLater, either } from './choice.ts';
import { conditionOf, orAbsent, type Setting, valueOf } from './setting.ts';

/** Why settings of the topic are refused where there is one. */
export const TOPIC_OF_ANOTHER_STACK =
  'ExistingTopicArn is of the stack that watches for this one, in the same backup bucket: name that with ExistingBackupBucket, and leave NotificationEmail and WatchJobs as they are';

export interface TopicPlace {
  readonly topicArn: string;
  /** Whether the stack makes the topic. */
  readonly isNew: Choice;
  /** Sends the alarms there, when they go off and when they calm down. */
  announce(...alarms: cloudwatch.Alarm[]): void;
}

export interface ProblemTopicProps {
  /**
   * Address that gets a mail for each message, after it has confirmed the subscription.
   * @default - nobody is subscribed
   */
  readonly email?: Setting;
  /**
   * Key that encrypts the messages. Its policy must let CloudWatch use it.
   * @default - AWS encrypts them with a key of its own
   */
  readonly kmsKeyArn?: Setting;
  /**
   * Whether it takes alarms of other stacks of this account.
   * @default false
   */
  readonly ofOthers?: Choice;
}

/** A new topic, unless an existing one is named, now or on deployment. */
export function topicPlace(scope: Construct, id: string, existingArn: Setting | undefined, props: ProblemTopicProps): TopicPlace {
  if (typeof existingArn === 'string') {
    return { topicArn: existingArn, isNew: false, announce: (...alarms) => send(existingArn, alarms) };
  }
  const topic = new ProblemTopic(scope, id, props);
  if (existingArn === undefined) {
    return { topicArn: topic.topicArn, isNew: true, announce: (...alarms) => { send(topic.topicArn, alarms); topic.accept(); } };
  }
  const isNew = new CfnCondition(Stack.of(scope), 'CreateTopic', { expression: Fn.conditionNot(existingArn.given) });
  const topicArn = Fn.conditionIf(isNew.logicalId, topic.topicArn, existingArn.value).toString();
  return {
    topicArn, isNew, announce: (...alarms) => {
      // An alarm that exists with the topic alone has no other one to tell.
      const isAlone = (alarm: cloudwatch.Alarm) => (alarm.node.defaultChild as CfnResource).cfnOptions.condition === isNew;
      send(topicArn, alarms.filter((alarm) => !isAlone(alarm)));
      send(topic.topicArn, alarms.filter(isAlone));
      topic.accept();
      topic.existsIf(isNew);
    },
  };
}

function send(alarmActionArn: string, alarms: readonly cloudwatch.Alarm[]): void {
  const action = { bind: () => ({ alarmActionArn }) };
  alarms.forEach((alarm) => {
    alarm.addAlarmAction(action);
    alarm.addOkAction(action);
  });
}

class ProblemTopic extends sns.Topic {
  private readonly email: sns.CfnSubscription | undefined;
  private readonly ofOthers: Choice;

  constructor(scope: Construct, id: string, props: ProblemTopicProps) {
    super(scope, id, { displayName: 'S3 backup', enforceSSL: true });
    this.ofOthers = props.ofOthers ?? false;
    (this.node.defaultChild as sns.CfnTopic).kmsMasterKeyId = orAbsent(props.kmsKeyArn);
    if (props.email !== undefined) {
      const subscription = new sns.Subscription(this, 'Email', {
        topic: this,
        protocol: sns.SubscriptionProtocol.EMAIL,
        endpoint: valueOf(props.email),
      });
      this.email = subscription.node.defaultChild as sns.CfnSubscription;
      this.email.cfnOptions.condition = conditionOf(props.email);
    }
  }

  /** Makes it depend on what is decided on deployment, with its policy and its subscription. */
  existsIf(isNew: CfnCondition): void {
    const parts = this.node.findAll().filter((part) => CfnResource.isCfnResource(part));
    for (const part of parts) {
      part.cfnOptions.condition = part === this.email
        ? decidedLater(both(part.cfnOptions.condition ?? true, isNew, this, 'EmailOfNewTopic'))
        : isNew;
    }
  }

  /**
   * Lets CloudWatch in, which a topic with a policy of its own no longer does by default. CloudFormation names the alarms
   * of a stack after it.
   */
  accept(): void {
    this.addToResourcePolicy(new iam.PolicyStatement({
      sid: 'AcceptAlarms',
      principals: [new iam.ServicePrincipal('cloudwatch.amazonaws.com')],
      actions: ['sns:Publish'],
      resources: [this.topicArn],
      conditions: {
        ArnLike: { 'aws:SourceArn': Stack.of(this).formatArn({
          service: 'cloudwatch', resource: 'alarm', resourceName: either(this.ofOthers, '*', `${Aws.STACK_NAME}-*`),
          arnFormat: ArnFormat.COLON_RESOURCE_NAME,
        }) },
        StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
      },
    }));
  }
}
