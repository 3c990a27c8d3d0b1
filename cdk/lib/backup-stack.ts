/** The stack for `cdk deploy`: everything about it is known when it is synthesised. */
import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { Backup, type BackupProps } from './backup.ts';

export const DESCRIPTION = 'Nightly backup of an S3 bucket into a versioned bucket.';

export interface BackupStackProps extends StackProps {
  /** The parts that are deployed. */
  readonly backup: BackupProps;
}

export class BackupStack extends Stack {
  /** The bucket that holds the backups. */
  readonly backupBucketName: string;
  /** The topic that is told of problems. */
  readonly topicArn: string;

  constructor(scope: Construct, id: string, props: BackupStackProps) {
    super(scope, id, { description: DESCRIPTION, ...props });
    const backup = new Backup(this, 'Backup', props.backup);
    this.backupBucketName = backup.backupBucketName;
    this.topicArn = backup.topicArn;
  }
}
