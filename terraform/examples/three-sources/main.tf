# Three buckets, each with a backup of its own: other prefixes, hours and classes.

provider "aws" {
  region = "eu-west-1"
}

locals {
  sources = {
    orders = { bucket = "acme-orders", schedule = "cron(0 2 * * ? *)", storage_class = "STANDARD_IA" }
    photos = { bucket = "acme-photos", schedule = "cron(30 2 * * ? *)", storage_class = "GLACIER_IR" }
    logs   = { bucket = "acme-logs", schedule = "cron(0 4 ? * SUN *)", storage_class = "DEEP_ARCHIVE" }
  }
}

module "backup" {
  source   = "../.."
  for_each = local.sources

  name               = "s3-backup-${each.key}"
  package            = "../../../dist/bootstrap.zip"
  packages_bucket    = "acme-packages"
  packages_region    = "eu-west-1"
  source_bucket      = each.value.bucket
  schedule           = each.value.schedule
  time_zone          = "Europe/Dublin"
  storage_class      = each.value.storage_class
  notification_email = "ops@example.com"

  max_hours_without_backup = each.key == "logs" ? 170 : 26
}

output "backups" {
  description = "The bucket that holds the backups of each source."
  value       = { for name, backup in module.backup : name => backup.backup_bucket_name }
}
