"""What cannot or must not run is a function error with a type that alarms and scripts can rely on."""

import json

from local import STATE, Aws, Stack


def test_a_typo_in_the_payload_is_a_request_error(stack: Stack) -> None:
    kind, message = stack.refusal({"operation": "backup", "dryrun": True})

    assert kind == "RequestError"
    assert '"dryrun"' in message
    assert "dry_run" in message


def test_an_event_that_is_not_a_schedule_is_a_request_error(stack: Stack) -> None:
    kind, message = stack.refusal({"source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification"})

    assert kind == "RequestError"
    assert "aws.ec2" in message


def test_every_mistake_in_the_settings_is_told_in_one_configuration_error(stack: Stack) -> None:
    with stack.settings(SOURCE_BUCKET=None, BACKUP_MODE="fulll", BACKUP_EXLUDE="*.tmp"):
        kind, message = stack.refusal({})

    assert kind == "ConfigError"
    for mistake in ("SOURCE_BUCKET", "is not set", "BACKUP_MODE", "fulll", "BACKUP_EXLUDE", "is unknown"):
        assert mistake in message


def test_a_backup_bucket_without_versioning_is_a_destination_error_and_gets_nothing(aws: Aws, stack: Stack) -> None:
    aws.put(stack.primary, "unversioned/object", b"content")
    aws.set_versioning(stack.backup, "Suspended")
    try:
        kind, message = stack.refusal({})
        kept = aws.keys(stack.backup, "unversioned/")
    finally:
        aws.set_versioning(stack.backup, "Enabled")

    assert kind == "DestinationError"
    assert stack.backup in message
    assert "versioning" in message
    assert kept == []
    assert stack.run({})["status"] == "complete"


def test_a_bucket_is_not_backed_up_into_itself(stack: Stack) -> None:
    with stack.settings(DESTINATION_BUCKET=stack.primary):
        kind, message = stack.refusal({})

    assert kind == "DestinationError"
    assert stack.primary in message


def test_a_backup_bucket_of_somebody_else_is_a_destination_error(stack: Stack) -> None:
    with stack.settings(DESTINATION_BUCKET="nobody-has-this-bucket"):
        kind, message = stack.refusal({})

    assert kind == "DestinationError"
    assert "nobody-has-this-bucket" in message


def test_a_source_that_the_role_may_not_read_is_a_source_error(aws: Aws, stack: Stack) -> None:
    foreign = aws.new_bucket("salaries")
    with stack.settings(SOURCE_BUCKET=foreign):
        kind, message = stack.refusal({})

    assert kind == "SourceError"
    assert foreign in message
    assert "s3:ListBucket" in message


def test_a_run_beside_another_one_is_refused_until_that_one_has_ended(aws: Aws, stack: Stack) -> None:
    stack.run({})
    [key] = [key for key in aws.keys(stack.backup, STATE) if key.endswith("/lease.json")]
    given_back = aws.get(stack.backup, key)
    held = {**json.loads(given_back), "run_id": "2026-11-21T02-00-00Z-beef", "token": "t", "released_at": None}
    aws.put(stack.backup, key, json.dumps(held).encode())
    try:
        kind, message = stack.refusal({})
        dry = stack.run({"operation": "backup", "dry_run": True})
    finally:
        aws.put(stack.backup, key, given_back)

    assert kind == "AlreadyRunning"
    assert "2026-11-21T02-00-00Z-beef" in message
    assert held["holder"] == f"function {stack.function}"
    assert dry["status"] == "complete"
    assert stack.run({})["status"] == "complete"
