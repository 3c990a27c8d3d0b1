/** One topic for what somebody should know: messages of runs, alarms, and invocations that failed. */
import { ArnFormat, Aws, Stack } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as actions from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sns from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { conditionOf, orAbsent, type Setting, valueOf } from './setting.ts';

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
}

export class ProblemTopic extends sns.Topic {
  constructor(scope: Construct, id: string, props: ProblemTopicProps) {
    super(scope, id, { displayName: 'S3 backup', enforceSSL: true });
    (this.node.defaultChild as sns.CfnTopic).kmsMasterKeyId = orAbsent(props.kmsKeyArn);
    if (props.email !== undefined) {
      const subscription = new sns.Subscription(this, 'Email', {
        topic: this,
        protocol: sns.SubscriptionProtocol.EMAIL,
        endpoint: valueOf(props.email),
      });
      (subscription.node.defaultChild as sns.CfnSubscription).cfnOptions.condition = conditionOf(props.email);
    }
  }

  /**
   * Sends the alarms here, when they go off and when they calm down. A topic with a policy of its own no longer lets
   * CloudWatch in by default. CloudFormation names the alarms of a stack after it.
   */
  announce(...alarms: cloudwatch.Alarm[]): void {
    const action = new actions.SnsAction(this);
    alarms.forEach((alarm) => {
      alarm.addAlarmAction(action);
      alarm.addOkAction(action);
    });
    this.addToResourcePolicy(new iam.PolicyStatement({
      sid: 'AcceptAlarms',
      principals: [new iam.ServicePrincipal('cloudwatch.amazonaws.com')],
      actions: ['sns:Publish'],
      resources: [this.topicArn],
      conditions: {
        ArnLike: { 'aws:SourceArn': Stack.of(this).formatArn({
          service: 'cloudwatch', resource: 'alarm', resourceName: `${Aws.STACK_NAME}-*`, arnFormat: ArnFormat.COLON_RESOURCE_NAME,
        }) },
        StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
      },
    }));
  }
}
