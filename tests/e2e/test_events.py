"""Backup on upload: from the bucket by EventBridge and a queue to the function, under its own role, and back on failure."""

import json
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cache
from pathlib import Path

import botocore.session
import pytest
from local import ROOT, Aws, CommandFailed, Stack

SECONDS = 60
UPLOADS = 100
SECONDS_OF_MOST = 5.0
ODD = "events/a b+c%.txt"
BESIDE_POISON = "beside-poison"


@pytest.fixture(scope="module")
def answered(aws: Aws) -> Stack:
    """A stack whose dead letters die soon: the wait between two receives is six minutes in the template. One message dies
    while others are tested."""
    stack = Stack.deploy(aws, "answered", Events="yes")
    [queue] = queues(aws, stack, "Queue")
    sqs(aws, "set-queue-attributes", "--queue-url", queue, "--attributes", "VisibilityTimeout=2")
    aws.put(stack.primary, BESIDE_POISON, b"content")
    send(aws, stack, "poison", event_of(stack.primary, BESIDE_POISON))
    return stack


def sqs(aws: Aws, *arguments: str) -> dict:
    """The AWS CLI 1 does not read AWS_ENDPOINT_URL for queues."""
    return aws("--endpoint-url", aws.env["AWS_ENDPOINT_URL"], "sqs", *arguments)


@cache
def queues(aws: Aws, stack: Stack, name: str) -> "list[str]":
    rows = aws("cloudformation", "describe-stack-resources", "--stack-name", stack.name)["StackResources"]
    ids = [
        row["PhysicalResourceId"] for row in rows
        if row["ResourceType"] == "AWS::SQS::Queue" and row["LogicalResourceId"].startswith(f"BackupEvents{name}")
    ]
    return [
        found if found.startswith("http") else sqs(aws, "get-queue-url", "--queue-name", found)["QueueUrl"]
        for found in ids
    ]


def until(seen: "Callable[[], object]", what: str) -> None:
    end = time.monotonic() + SECONDS
    while not seen():
        assert time.monotonic() < end, f"not within {SECONDS} s: {what}"
        time.sleep(0.3)


def event_of(bucket: str, key: str) -> str:
    detail = {"bucket": {"name": bucket}, "object": {"key": key}}
    return json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": detail})


def send(aws: Aws, stack: Stack, *bodies: str) -> None:
    [queue] = queues(aws, stack, "Queue")
    entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
    sqs(aws, "send-message-batch", "--queue-url", queue, "--entries", json.dumps(entries))


def dead(aws: Aws, stack: Stack) -> int:
    [letters] = queues(aws, stack, "DeadLetters")
    return messages(aws, letters)[0]


def waiting(aws: Aws, stack: Stack) -> int:
    """Events that nobody has answered yet; the poison comes back every two seconds."""
    [queue] = queues(aws, stack, "Queue")
    return sum(messages(aws, queue))


def messages(aws: Aws, queue: str) -> "list[int]":
    """Messages of a queue that are visible, and those that somebody works on."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    shown = sqs(aws, "get-queue-attributes", "--queue-url", queue, "--attribute-names", *names)
    return [int(shown["Attributes"][name]) for name in names]


def role_of_events(aws: Aws, stack: Stack) -> str:
    return aws("lambda", "get-function-configuration", "--function-name", f"{stack.name}-events")["Role"]


def test_an_upload_is_in_the_backup_within_seconds_and_the_night_copies_nothing(aws: Aws, answered: Stack) -> None:
    aws.put(answered.primary, ODD, b"content")

    until(lambda: {ODD, BESIDE_POISON} <= set(aws.keys(answered.backup)), "the copies")

    assert aws.get(answered.backup, ODD) == b"content"
    night = answered.run({})
    assert night["missed_by_events"] == night["objects_copied"] == 0, night


def test_most_of_many_uploads_arrive_within_seconds(aws: Aws, answered: Stack, tmp_path: Path) -> None:
    for number in range(UPLOADS):
        (tmp_path / f"{number:03}").write_text(str(number))
    aws("s3", "cp", tmp_path, f"s3://{answered.primary}/many/", "--recursive", "--only-show-errors")

    until(lambda: len(aws.keys(answered.backup, "many/")) == UPLOADS, "all copies")

    def times(bucket: str) -> "dict[str, float]":
        listed = aws("s3api", "list-objects-v2", "--bucket", bucket, "--prefix", "many/")["Contents"]
        return {row["Key"]: instant(row["LastModified"]) for row in listed}

    uploaded, copied = times(answered.primary), times(answered.backup)
    waits = sorted(copied[key] - uploaded[key] for key in uploaded)
    print(f"upload to copy: median {waits[UPLOADS // 2]:.2f} s, 95th of {UPLOADS} {waits[94]:.2f} s")
    assert waits[94] <= SECONDS_OF_MOST, waits


def test_a_burst_of_writes_of_one_object_is_one_copy_or_two(aws: Aws, answered: Stack) -> None:
    s3 = botocore.session.get_session().create_client(
        "s3", region_name=aws.env["AWS_REGION"], endpoint_url=aws.env["AWS_ENDPOINT_URL"],
        verify=aws.env.get("AWS_CA_BUNDLE"), aws_access_key_id=aws.env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=aws.env["AWS_SECRET_ACCESS_KEY"],
    )
    writes = [b"write %d" % number for number in range(10)]
    with ThreadPoolExecutor(len(writes)) as pool:
        list(pool.map(lambda body: s3.put_object(Bucket=answered.primary, Key="burst", Body=body), writes))

    last = aws.get(answered.primary, "burst")
    until(lambda: "burst" in aws.keys(answered.backup) and aws.get(answered.backup, "burst") == last, "the last write")
    until(lambda: waiting(aws, answered) == 0, "all events")

    # Two, if the window of a batch ends in the middle of them.
    assert len(aws.versions(answered.backup, "burst")) <= 2


def instant(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_a_poisoned_message_dies_alone_and_an_alarm_waits_for_it(aws: Aws, answered: Stack) -> None:
    until(lambda: dead(aws, answered) == 1, "the dead letter")

    assert BESIDE_POISON in aws.keys(answered.backup)
    alarms = aws("cloudwatch", "describe-alarms")["MetricAlarms"]
    [alarm] = [
        row for row in alarms
        if row["MetricName"] == "ApproximateNumberOfMessagesVisible" and "answered" in row["AlarmName"]
    ]
    assert alarm["Threshold"] == 0
    assert alarm["AlarmActions"]


def test_dead_letters_are_counted_and_sent_to_their_queue_again(aws: Aws, answered: Stack, tmp_path: Path) -> None:
    """MiniStack cannot move messages: an `aws` before the real one says that it has."""
    [letters] = queues(aws, answered, "DeadLetters")
    sqs(aws, "send-message", "--queue-url", letters, "--message-body", event_of(answered.primary, "mended"))
    count = dead(aws, answered)
    asked = tmp_path / "asked"
    stand_in = tmp_path / "aws"
    real = shutil.which("aws", path=aws.env["PATH"])
    moved = f'echo "$*" >>{asked} && echo COMPLETED'
    stand_in.write_text(f'#!/bin/sh\ncase "$*" in *message-move-task*) {moved} ;; *) exec {real} "$@" ;; esac\n')
    stand_in.chmod(0o755)
    moving = Aws({**aws.env, "PATH": f"{tmp_path}:{aws.env['PATH']}"}, aws.folder)

    def script(*arguments: str) -> "tuple[int, str]":
        ended = moving.run(ROOT / "scripts" / "redrive-events.sh", answered.name, *arguments)
        return ended.returncode, ended.stdout + ended.stderr

    assert count > 0
    assert script("--check") == (3, f"{count} dead letters\n")
    assert script() == (0, f"{count} dead letters\nall of them are in the queue again\n")
    assert f"sqs start-message-move-task --source-arn {arn_of(aws, letters)}\n" in asked.read_text()

    sqs(aws, "purge-queue", "--queue-url", letters)
    assert script("--check") == (0, "0 dead letters\n")


def arn_of(aws: Aws, queue: str) -> str:
    name = "QueueArn"
    return sqs(aws, "get-queue-attributes", "--queue-url", queue, "--attribute-names", name)["Attributes"][name]


def test_an_event_of_the_backup_bucket_is_refused_and_not_copied(aws: Aws, answered: Stack) -> None:
    before = aws.keys(answered.backup)
    send(aws, answered, event_of(answered.backup, "loop"))

    def log() -> str:
        shown = aws("logs", "filter-log-events", "--log-group-name", "/aws/lambda/answered-events")
        return "\n".join(row["message"] for row in shown["events"])

    until(lambda: "refused_events" in log(), "the warning")
    assert answered.backup in log()
    assert aws.keys(answered.backup) == before


def test_its_role_can_neither_delete_nor_write_elsewhere(aws: Aws, answered: Stack) -> None:
    version = aws.versions(answered.backup, ODD)[-1]["VersionId"]
    role = aws.as_role(role_of_events(aws, answered))
    forbidden = [
        ("delete-object", answered.backup, "--key", ODD, "--version-id", version),
        ("put-object", answered.primary, "--key", ODD, "--body", "lifecycle-policy.json"),
        ("put-object", answered.backup, "--key", ".s3-backup/x", "--body", "lifecycle-policy.json"),
        ("list-objects-v2", "packages"),
    ]
    for command, bucket, *arguments in forbidden:
        with pytest.raises(CommandFailed, match="AccessDenied"):
            role("s3api", command, "--bucket", bucket, *arguments)


def test_events_of_an_existing_bucket_are_switched_on_and_off_beside_its_others(aws: Aws) -> None:
    bucket = aws.new_bucket("events-by-hand")
    arn = "arn:aws:sqs:us-east-1:000000000000:told-by-hand"
    allowed = {
        "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs(aws, "create-queue", "--queue-name", "told-by-hand", "--attributes", json.dumps({"Policy": policy}))
    rule = {"Id": "other", "QueueArn": arn, "Events": ["s3:ObjectRemoved:*"]}
    aws(
        "s3api", "put-bucket-notification-configuration", "--bucket", bucket,
        "--notification-configuration", json.dumps({"QueueConfigurations": [rule]}),
    )

    def script(*arguments: str) -> int:
        return aws.run(ROOT / "scripts" / "enable-events.sh", bucket, *arguments).returncode

    codes = [script("--check"), script(), script("--check"), script("--undo"), script("--check")]

    assert codes == [3, 0, 0, 0, 3]
    after = aws("s3api", "get-bucket-notification-configuration", "--bucket", bucket)
    assert [row["Id"] for row in after["QueueConfigurations"]] == ["other"]
