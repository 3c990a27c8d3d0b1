output "backup_role_arn" {
  description = "The role that makes the backup."
  value       = aws_cloudformation_stack.backup.outputs["BackupRoleArn"]
}

output "watch_role_arn" {
  description = "The role that looks how old the backup is."
  value       = lookup(aws_cloudformation_stack.backup.outputs, "WatchRoleArn", null)
}

output "restore_role_arn" {
  description = "The role that restores."
  value       = lookup(aws_cloudformation_stack.backup.outputs, "RestoreRoleArn", null)
}

output "web_role_arn" {
  description = "The role of the page."
  value       = lookup(aws_cloudformation_stack.backup.outputs, "WebRoleArn", null)
}

output "events_role_arn" {
  description = "The role that answers events."
  value       = lookup(aws_cloudformation_stack.backup.outputs, "EventsRoleArn", null)
}

output "state_machine_arn" {
  description = "Continues the backup until it is done."
  value       = lookup(aws_cloudformation_stack.backup.outputs, "StateMachineArn", null)
}

output "distributed_state_machine_arn" {
  description = "Backs up by many functions at once."
  value       = lookup(aws_cloudformation_stack.backup.outputs, "DistributedStateMachineArn", null)
}

output "events_function_name" {
  description = "The function that answers events."
  value       = lookup(aws_cloudformation_stack.backup.outputs, "EventsFunctionName", null)
}

output "events_dead_letters_url" {
  description = "The queue of events that could not be answered."
  value       = lookup(aws_cloudformation_stack.backup.outputs, "EventsDeadLettersUrl", null)
}

output "restore_function_name" {
  description = "The function that restores."
  value       = lookup(aws_cloudformation_stack.backup.outputs, "RestoreFunctionName", null)
}

output "restore_state_machine_arn" {
  description = "Continues a restore until it is done."
  value       = lookup(aws_cloudformation_stack.backup.outputs, "RestoreStateMachineArn", null)
}

output "scratch_bucket_name" {
  description = "The bucket in which restores are rehearsed."
  value       = lookup(aws_cloudformation_stack.backup.outputs, "ScratchBucketName", null)
}

output "web_url" {
  description = "The page where people get files back."
  value       = lookup(aws_cloudformation_stack.backup.outputs, "WebUrl", null)
}

output "web_function_name" {
  description = "The function of the page."
  value       = lookup(aws_cloudformation_stack.backup.outputs, "WebFunctionName", null)
}

output "web_user_pool_id" {
  description = "The people who may use the page."
  value       = lookup(aws_cloudformation_stack.backup.outputs, "WebUserPoolId", null)
}

output "web_user_pool_client_id" {
  description = "The page, as the user pool knows it."
  value       = lookup(aws_cloudformation_stack.backup.outputs, "WebUserPoolClientId", null)
}

output "web_sign_in_url" {
  description = "Where people sign in."
  value       = lookup(aws_cloudformation_stack.backup.outputs, "WebSignInUrl", null)
}

output "source_bucket_name" {
  description = "The bucket that is backed up."
  value       = aws_cloudformation_stack.backup.outputs["SourceBucketName"]
}

output "backup_bucket_name" {
  description = "The bucket that holds the backups."
  value       = aws_cloudformation_stack.backup.outputs["BackupBucketName"]
}

output "function_name" {
  description = "The function that makes the backup."
  value       = aws_cloudformation_stack.backup.outputs["FunctionName"]
}

output "log_group_name" {
  description = "The log of the function."
  value       = aws_cloudformation_stack.backup.outputs["LogGroupName"]
}

output "topic_arn" {
  description = "Subscribe to this topic to hear of problems."
  value       = aws_cloudformation_stack.backup.outputs["TopicArn"]
}
