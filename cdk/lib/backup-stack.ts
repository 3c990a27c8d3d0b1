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

  constructor(scope: Construct, id: string, props: BackupStackProps) {
    super(scope, id, { description: DESCRIPTION, ...props });
    this.backupBucketName = new Backup(this, 'Backup', props.backup).backupBucketName;
  }
}
