/** One topic for everything that somebody should look at. */
import { Aws, type CfnResource, Fn } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as actions from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sns from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { conditionOf, type Setting, valueOf } from './setting.ts';

export interface ProblemTopicProps {
  /**
   * Address that gets a mail for each problem, after it has confirmed the subscription.
   * @default - nobody is subscribed
   */
  readonly email?: Setting;
}

export class ProblemTopic extends sns.Topic {
  constructor(scope: Construct, id: string, props: ProblemTopicProps) {
    super(scope, id, { displayName: 'S3 backup problems', enforceSSL: true });
    if (props.email !== undefined) {
      const subscription = new sns.Subscription(this, 'Email', {
        topic: this,
        protocol: sns.SubscriptionProtocol.EMAIL,
        endpoint: valueOf(props.email),
      });
      (subscription.node.defaultChild as sns.CfnSubscription).cfnOptions.condition = conditionOf(props.email);
    }
  }

  /** Sends the alarms here. A topic with a policy of its own no longer lets CloudWatch in by default. */
  announce(...alarms: cloudwatch.Alarm[]): void {
    alarms.forEach((alarm) => alarm.addAlarmAction(new actions.SnsAction(this)));
    this.addToResourcePolicy(new iam.PolicyStatement({
      sid: 'AcceptAlarms',
      principals: [new iam.ServicePrincipal('cloudwatch.amazonaws.com')],
      actions: ['sns:Publish'],
      resources: [this.topicArn],
      conditions: {
        ArnEquals: { 'aws:SourceArn': alarms.map(arnIfPresent) },
        StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
      },
    }));
  }
}

/** The ARN of an alarm, or nothing where the alarm exists only under a condition that does not hold. */
function arnIfPresent(alarm: cloudwatch.Alarm): string {
  const { condition } = (alarm.node.defaultChild as CfnResource).cfnOptions;
  return condition ? Fn.conditionIf(condition.logicalId, alarm.alarmArn, Aws.NO_VALUE).toString() : alarm.alarmArn;
}
