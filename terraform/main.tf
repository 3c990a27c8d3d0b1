# The stack of the released template, as one resource: nothing about it is said twice.

locals {
  # A parameter that is null keeps the default of the template.
  given = {
    for name, value in {
      SourceBucket            = var.source_bucket
      BackupBucket            = var.backup_bucket
      ExistingBackupBucket    = var.existing_backup_bucket
      SourceKmsKeyArn         = var.source_kms_key_arn
      KmsKeyArn               = var.kms_key_arn
      FormerKmsKeyArns        = join(",", var.former_kms_key_arns)
      SecondBackupBucket      = var.second_backup_bucket
      SecondBackupAccount     = var.second_backup_account
      SecondKmsKeyArn         = var.second_kms_key_arn
      NoncurrentDays          = var.noncurrent_days
      StandardIaDays          = var.standard_ia_days
      GlacierIrDays           = var.glacier_ir_days
      ReplacedGlacierDays     = var.replaced_glacier_days
      ReplacedDeepArchiveDays = var.replaced_deep_archive_days
      ObjectLock              = var.object_lock
      ObjectLockDays          = var.object_lock_days
      ObjectLockConfirm       = var.object_lock_confirm == null ? null : var.object_lock_confirm ? "yes" : "no"
      ProtectBackups          = var.protect_backups == null ? null : var.protect_backups ? "yes" : "no"
      BreakGlassRoleArn       = var.break_glass_role_arn
      CreateKmsKey            = var.create_kms_key == null ? null : var.create_kms_key ? "yes" : "no"
      SourcePrefix            = var.source_prefix
      DestinationPrefix       = var.destination_prefix
      Include                 = join(",", var.include)
      Exclude                 = join(",", var.exclude)
      IncludeTags             = join(",", [for name, value in var.include_tags : "${name}=${value}"])
      StorageClass            = var.storage_class
      MultipartThreshold      = var.multipart_threshold
      WebsiteRedirects        = var.website_redirects
      ServerSideEncryption    = var.server_side_encryption
      RequestPayer            = var.request_payer
      Mode                    = var.mode
      Deletions               = var.deletions
      MaxDeletions            = var.max_deletions
      MaxDeletionsPercent     = var.max_deletions_percent
      Unusual                 = var.unusual
      UnusualChangePercent    = var.unusual_change_percent
      HistoryDays             = var.history_days
      MaxCostUsd              = var.max_cost_usd
      MaxConcurrency          = var.max_concurrency
      Schedule                = var.schedule
      TimeZone                = var.time_zone
      MemorySize              = var.memory_size
      Architecture            = var.architecture
      OneRunAtATime           = var.one_run_at_a_time == null ? null : var.one_run_at_a_time ? "yes" : "no"
      Continuation            = var.continuation == null ? null : var.continuation ? "yes" : "no"
      Distributed             = var.distributed == null ? null : var.distributed ? "yes" : "no"
      Events                  = var.events == null ? null : var.events ? "yes" : "no"
      EventMaxSize            = var.event_max_size
      EventTags               = var.event_tags
      Restore                 = var.restore == null ? null : var.restore ? "yes" : "no"
      RestoreMarks            = var.restore_marks == null ? null : var.restore_marks ? "yes" : "no"
      DrillSchedule           = var.drill_schedule
      MaxDaysWithoutDrill     = var.max_days_without_drill
      Web                     = var.web
      WebIssuer               = var.web_issuer
      WebClientId             = var.web_client_id
      WebAccess               = var.web_access
      WebMaxObjects           = var.web_max_objects
      WebMaxBytes             = var.web_max_bytes
      WebMaxCost              = var.web_max_cost
      WatchJobs               = var.watch_jobs
      ExistingTopicArn        = var.existing_topic_arn
      NotificationEmail       = var.notification_email
      Notify                  = var.notify
      MaxHoursWithoutBackup   = var.max_hours_without_backup
      Dashboard               = var.dashboard == null ? null : var.dashboard ? "yes" : "no"
      OperationsKmsKeyArn     = var.operations_kms_key_arn
      LogRetentionDays        = var.log_retention_days
      AwsEndpointUrl          = var.aws_endpoint_url
    } : name => tostring(value) if value != null && value != ""
  }

  # Apart, so that the plan shows the others.
  secret = nonsensitive(var.heartbeat_url == null) ? {} : {
    HeartbeatUrl = var.heartbeat_url
  }
}

# Under their hashes, so that a new package is always deployed.
resource "aws_s3_object" "package" {
  bucket = var.packages_bucket
  key    = "packages/${filesha256(var.package)}.zip"
  source = var.package
}

resource "aws_s3_object" "template" {
  bucket = var.packages_bucket
  key    = "templates/${filesha256(local.template)}.json"
  source = local.template
}

locals {
  template = "${path.module}/../cdk/cloudformation/s3-backup.template.json"
}

resource "aws_cloudformation_stack" "backup" {
  name         = var.name
  template_url = "https://${var.packages_bucket}.s3.${var.packages_region}.amazonaws.com/${aws_s3_object.template.key}"
  capabilities = ["CAPABILITY_IAM"]
  parameters = merge(local.given, local.secret, {
    CodeBucket = var.packages_bucket
    CodeKey    = aws_s3_object.package.key
  })
}
