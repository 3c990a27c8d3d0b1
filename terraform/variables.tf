# The inputs are the parameters of the template; `npm test` in cdk compares them.

variable "name" {
  description = "Name of the stack."
  type        = string
  default     = "s3-backup"
}

variable "package" {
  description = "Package of the function, as \"make package\" writes it."
  type        = string
}

variable "packages_bucket" {
  description = "Bucket in the region of the stack that gets the package and the template."
  type        = string
}

variable "packages_region" {
  description = "Region of that bucket, which is that of the stack."
  type        = string
}

variable "source_bucket" {
  description = "Existing bucket to back up. Empty: a new one is created."
  type        = string
  default     = null
}

variable "backup_bucket" {
  description = "Name of the new bucket for the backups. Empty: generated."
  type        = string
  default     = null
}

variable "existing_backup_bucket" {
  description = "Existing versioned bucket for the backups, of another source or a deleted stack. Nothing about it is changed."
  type        = string
  default     = null
}

variable "source_kms_key_arn" {
  description = "ARN of the KMS key that encrypts the bucket to back up, if there is one."
  type        = string
  default     = null
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the backups. Empty: keys that Amazon S3 manages."
  type        = string
  default     = null
}

variable "create_kms_key" {
  description = "Make a KMS key that encrypts the backups, in the place of KmsKeyArn. It stays when the stack is deleted."
  type        = bool
  default     = null
}

variable "former_kms_key_arns" {
  description = "ARNs of the KMS keys that encrypted the backups before, comma separated, without blanks."
  type        = list(string)
  default     = []
}

variable "second_backup_bucket" {
  description = "Second bucket for the backups, in another region or account, made by s3-backup-copy.template.json. Empty: none."
  type        = string
  default     = null
}

variable "second_backup_account" {
  description = "Account that must own SecondBackupBucket. Empty: the account of this stack."
  type        = string
  default     = null
}

variable "second_kms_key_arn" {
  description = "ARN of the KMS key that encrypts the backups in SecondBackupBucket. Empty: keys that Amazon S3 manages."
  type        = string
  default     = null
}

variable "noncurrent_days" {
  description = "Days after which replaced versions expire. The version on top never does."
  type        = number
  default     = null
}

variable "standard_ia_days" {
  description = "Days after which current backups above 128 KiB move to STANDARD_IA; 36500 is never."
  type        = number
  default     = null
}

variable "glacier_ir_days" {
  description = "Days after which current backups above 128 KiB move to GLACIER_IR; 36500 is never."
  type        = number
  default     = null
}

variable "replaced_glacier_days" {
  description = "Days after which replaced versions above 128 KiB move to GLACIER; 36500 is never."
  type        = number
  default     = null
}

variable "replaced_deep_archive_days" {
  description = "Days after which replaced versions above 128 KiB move to DEEP_ARCHIVE; 36500 is never."
  type        = number
  default     = null
}

variable "object_lock" {
  description = "Keep each version for ObjectLockDays, whoever deletes it. Only when the stack is made: it cannot be changed later."
  type        = string
  default     = null
}

variable "object_lock_days" {
  description = "Days for which a version is locked; not more than NoncurrentDays."
  type        = number
  default     = null
}

variable "object_lock_confirm" {
  description = "\"yes\" is demanded for compliance: nobody can take such a lock back, and what is locked is paid for until it ends."
  type        = bool
  default     = null
}

variable "protect_backups" {
  description = "Deny deletions of versions and changes of lifecycle, versioning and policy to everybody but BreakGlassRoleArn."
  type        = bool
  default     = null
}

variable "break_glass_role_arn" {
  description = "ARN of the role that ProtectBackups does not bind, and that later changes of the backup bucket need."
  type        = string
  default     = null
}

variable "source_prefix" {
  description = "Only keys below this prefix are backed up."
  type        = string
  default     = null
}

variable "destination_prefix" {
  description = "Put before each key in the backup bucket; {source_bucket} is replaced."
  type        = string
  default     = null
}

variable "include" {
  description = "Globs over keys, comma separated. Empty: all keys."
  type        = list(string)
  default     = []
}

variable "exclude" {
  description = "Globs over keys, comma separated; exclude wins."
  type        = list(string)
  default     = []
}

variable "include_tags" {
  description = "name=value pairs, comma separated: only objects with all of these tags. Empty: all."
  type        = map(string)
  default     = {}
}

variable "storage_class" {
  description = "Storage class of the copies; \"source\" keeps the class of each object. Empty: STANDARD."
  type        = string
  default     = null
}

variable "multipart_threshold" {
  description = "Objects above it are copied in parts: 5 MiB to 5 GiB. Empty: 1 GiB."
  type        = string
  default     = null
}

variable "website_redirects" {
  description = "Objects whose website redirect is looked up, because S3 does not copy it. Empty: empty ones."
  type        = string
  default     = null
}

variable "server_side_encryption" {
  description = "Encryption header of each copy and of what the program writes, where a policy demands one. Empty: as the keys say."
  type        = string
  default     = null
}

variable "request_payer" {
  description = "\"requester\" where the account of this stack pays for requests to the bucket to back up. Empty: its owner."
  type        = string
  default     = null
}

variable "mode" {
  description = "\"full\" copies everything again. Empty: incremental."
  type        = string
  default     = null
}

variable "deletions" {
  description = "\"mark\" puts a delete marker into the backup for what is gone from the source. Its versions stay."
  type        = string
  default     = null
}

variable "max_deletions" {
  description = "A run with more deletions is held until it is confirmed, but never with ten or fewer. Empty: 100."
  type        = number
  default     = null
}

variable "max_deletions_percent" {
  description = "A run that deletes more of the backup, in percent, is held until it is confirmed. Empty: 10."
  type        = number
  default     = null
}

variable "unusual" {
  description = "What is done when many more objects have changed than usual: \"hold\" copies nothing until it is confirmed. Empty: warn."
  type        = string
  default     = null
}

variable "unusual_change_percent" {
  description = "Changes of so many of the known objects, in percent, are never unusual. Empty: 20."
  type        = number
  default     = null
}

variable "history_days" {
  description = "Days for which runs stay restore points; 0 keeps all of them. Empty: 365."
  type        = number
  default     = null
}

variable "max_cost_usd" {
  description = "Dollars that a run may spend on copies; what is left is for the next one. Empty: as many as it takes."
  type        = number
  default     = null
}

variable "max_concurrency" {
  description = "Upper bound of copies in flight. Empty: derived from the memory."
  type        = number
  default     = null
}

variable "schedule" {
  description = "When the backup is made, as an EventBridge expression in UTC, or in TimeZone."
  type        = string
  default     = null
}

variable "time_zone" {
  description = "Time zone of the schedule, such as Europe/Berlin. Empty: UTC."
  type        = string
  default     = null
}

variable "memory_size" {
  description = "Memory of the function in MB; 1,769 MB is one whole vCPU."
  type        = number
  default     = null
}

variable "architecture" {
  description = "Processor that the package was built for."
  type        = string
  default     = null
}

variable "one_run_at_a_time" {
  description = "Reserve one concurrent execution. \"no\" only where the account has none to spare."
  type        = bool
  default     = null
}

variable "continuation" {
  description = "Start an AWS Step Functions state machine that continues a backup of more than 15 minutes until it is done."
  type        = bool
  default     = null
}

variable "distributed" {
  description = "Make a state machine that backs up by 20 functions at once, for a first run over very many objects."
  type        = bool
  default     = null
}

variable "events" {
  description = "Copy each new object within seconds, by events. An existing source: scripts/enable-events.sh afterwards."
  type        = bool
  default     = null
}

variable "event_max_size" {
  description = "Objects above it are left to the run by events: bytes, MiB or GiB. Empty: 5 GiB."
  type        = string
  default     = null
}

variable "event_tags" {
  description = "What events do when only tags have changed. Empty: copy."
  type        = string
  default     = null
}

variable "restore" {
  description = "Make a function that restores from the backup, with a role of its own."
  type        = bool
  default     = null
}

variable "restore_marks" {
  description = "Restores may place delete markers in the source: an undo needs them for objects that a restore created."
  type        = bool
  default     = null
}

variable "drill_schedule" {
  description = "When a restore is rehearsed in a scratch bucket, for example rate(7 days). Only with Restore. Empty: never."
  type        = string
  default     = null
}

variable "max_days_without_drill" {
  description = "Days without a drill that passed after which an alarm goes off. Only with DrillSchedule."
  type        = number
  default     = null
}

variable "web" {
  description = "Make a page where people get files back, with a user pool or with a sign-in of your own. Only with Restore."
  type        = string
  default     = null
}

variable "web_issuer" {
  description = "Address of the issuer of tokens. Only with Web=oidc."
  type        = string
  default     = null
}

variable "web_client_id" {
  description = "The page, as the issuer knows it. Only with Web=oidc."
  type        = string
  default     = null
}

variable "web_access" {
  description = "What further groups may do on the page, and in which folders: team-a=restorer:team-a/. Empty: none."
  type        = string
  default     = null
}

variable "web_max_objects" {
  description = "Files that are put back on the page without an administrator. Empty: 10,000."
  type        = number
  default     = null
}

variable "web_max_bytes" {
  description = "Bytes that are put back on the page without an administrator. Empty: 100 GiB."
  type        = number
  default     = null
}

variable "web_max_cost" {
  description = "US dollars that a restore on the page may cost without an administrator. Empty: 5."
  type        = number
  default     = null
}

variable "watch_jobs" {
  description = "Jobs that the watch and the dashboard show. \"all\": each that backs up into the bucket, whose stacks name the topic of this one."
  type        = string
  default     = null
}

variable "existing_topic_arn" {
  description = "Topic of the stack with WatchJobs=all and the same backup bucket. No topic, watch and dashboard are made then."
  type        = string
  default     = null
}

variable "notification_email" {
  description = "Address that gets a mail for each message and alarm. Empty: nobody."
  type        = string
  default     = null
}

variable "notify" {
  description = "Which runs are told of. Empty: always."
  type        = string
  default     = null
}

variable "heartbeat_url" {
  description = "HTTPS address of a monitor that is asked for after each complete backup. Empty: none."
  type        = string
  default     = null
  sensitive   = true
}

variable "max_hours_without_backup" {
  description = "Hours without a complete run after which an alarm goes off."
  type        = number
  default     = null
}

variable "dashboard" {
  description = "Make a dashboard in CloudWatch."
  type        = bool
  default     = null
}

variable "operations_kms_key_arn" {
  description = "ARN of the KMS key that encrypts the topic and the logs. Empty: keys of AWS."
  type        = string
  default     = null
}

variable "log_retention_days" {
  description = "How long the log of the function is kept."
  type        = number
  default     = null
}

variable "aws_endpoint_url" {
  description = "Only for a local AWS: address that the function calls. Empty: AWS itself."
  type        = string
  default     = null
}
