"""What an operator is told, and how the stack comes and goes: on the AWS of this machine, with permissions enforced."""

import json
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from local import PACKAGE, Aws, Stack, log_lines, outputs_of

SECONDS_TO_WAIT = 150


def wait_for(what: str, look: "Callable[[], object]") -> object:
    """The first answer that is anything."""
    deadline = time.monotonic() + SECONDS_TO_WAIT
    while time.monotonic() < deadline:
        if seen := look():
            return seen
        time.sleep(1)
    raise AssertionError(f"no {what} within {SECONDS_TO_WAIT} s")


@pytest.fixture(scope="module")
def mailbox(aws: Aws, scheduled: Stack) -> str:
    """A queue that gets what is published to the topic of the stack that runs every minute."""
    queue = sqs(aws, "create-queue", "--queue-name", "mailbox")["QueueUrl"]
    found = sqs(aws, "get-queue-attributes", "--queue-url", queue, "--attribute-names", "QueueArn")
    arn = found["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs(aws, "set-queue-attributes", "--queue-url", queue, "--attributes", json.dumps({"Policy": policy}))
    aws("sns", "subscribe", "--topic-arn", topic_of(aws, scheduled), "--protocol", "sqs", "--notification-endpoint", arn)
    return queue


def sqs(aws: Aws, *arguments: str) -> dict:
    # Version 1 of the command line knows an older address of SQS, which goes before the variable.
    return aws("sqs", *arguments, "--endpoint-url", aws.env["AWS_ENDPOINT_URL"])


def topic_of(aws: Aws, stack: Stack) -> str:
    return outputs_of(aws, stack.name)["TopicArn"]


def received(aws: Aws, queue: str) -> "list[dict]":
    messages = sqs(aws, "receive-message", "--queue-url", queue, "--max-number-of-messages", "10").get("Messages", [])
    return [json.loads(message["Body"]) for message in messages]


def test_the_schedule_runs_and_the_message_arrives(aws: Aws, scheduled: Stack, mailbox: str) -> None:
    def message() -> "dict | None":
        told = received(aws, mailbox)
        return next((row for row in told if row.get("Subject", "").startswith("s3-backup COMPLETE")), None)

    told = wait_for("message of a run", message)

    assert told["Subject"].endswith(f"({scheduled.primary})")
    assert told["Message"].startswith("Backed up ")
    attributes = {name: row["Value"] for name, row in told["MessageAttributes"].items()}
    assert attributes == {"status": "complete", "operation": "backup", "errors": "0", "source": scheduled.primary}


def test_the_metrics_are_a_bare_line_of_the_log(aws: Aws, stack: Stack) -> None:
    result = stack.run({})

    metrics = [json.loads(line) for line in log_lines(aws, stack.log, '"_aws"')]
    line = next(line for line in metrics if line["RunId"] == result["run_id"])
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "S3Backup"
    assert directive["Dimensions"] == [["Job"], ["Job", "Destination"]]
    assert (line["Job"], line["Destination"], line["Complete"]) == (stack.name, stack.backup, 1.0)
    assert line["SecondsLeft"] > 800
    assert stack.log == f"/aws/lambda/{stack.name}-backup"


def test_a_topic_that_is_gone_is_a_warning(stack: Stack) -> None:
    gone = "arn:aws:sns:us-east-1:000000000000:no-such-topic"
    with stack.settings(BACKUP_SNS_TOPIC_ARN=gone):
        result = stack.run({})

    assert result["status"] == "complete"
    [message] = [warning["message"] for warning in result["warnings"] if warning["code"] == "notification"]
    assert gone in message


def test_the_watch_fires_by_itself_and_writes_its_metric(aws: Aws, stack: Stack) -> None:
    stack.run({})
    rules = aws("events", "list-rules")["Rules"]
    rule = next(row["Name"] for row in rules if row["Name"].startswith(f"{stack.name}-BackupWatch"))
    group = f"/aws/lambda/{stack.name}-watch"
    aws("events", "put-rule", "--name", rule, "--schedule-expression", "rate(1 minute)")
    try:
        [line, *_] = wait_for("line of the watch", lambda: log_lines(aws, group, "HoursSinceComplete"))
    finally:
        aws("events", "put-rule", "--name", rule, "--schedule-expression", "rate(1 hour)")

    metrics = json.loads(line)
    assert metrics["Job"] == stack.name
    assert 0 <= metrics["HoursSinceComplete"] < 1


class Scripts:
    """The scripts that deploy and destroy, on a stack of their own."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws

    def run(self, script: str, *arguments: str) -> subprocess.CompletedProcess:
        return self.aws.run(f"scripts/{script}", "--stack", "scripted", *arguments)

    def succeed(self, script: str, *arguments: str) -> str:
        done = self.run(script, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def scripts(aws: Aws) -> "Iterator[Scripts]":
    scripts = Scripts(aws)
    yield scripts
    scripts.run("destroy.sh", "--packages", "--yes")


def test_deploy_and_destroy_can_be_repeated(aws: Aws, scripts: Scripts, tmp_path: Path) -> None:
    endpoint = f"AwsEndpointUrl={aws.env['AWS_ENDPOINT_URL']}"

    first = scripts.succeed("deploy.sh", "--yes", "--run", "--parameter", endpoint)
    again = scripts.succeed("deploy.sh", "--yes")
    changed = scripts.succeed("deploy.sh", "--yes", "--parameter", "MemorySize=1024")
    newer = tmp_path / "newer.zip"
    newer.write_bytes(PACKAGE.read_bytes())
    with zipfile.ZipFile(newer, "a") as package:
        package.writestr("newer", "")
    upgraded = scripts.succeed("deploy.sh", "--yes", "--package", str(newer))

    assert "Add\tAWS::S3::Bucket" in first and "a backup is under way" in first
    assert "no change: stack scripted is up to date" in again and "the package is there" in again
    assert "Modify\tAWS::Lambda::Function" in changed
    assert "Modify\tAWS::Lambda::Function" in upgraded
    function = aws("lambda", "get-function-configuration", "--function-name", "scripted-backup")
    assert function["MemorySize"] == 1024
    assert function["Environment"]["Variables"]["AWS_ENDPOINT_URL"] == aws.env["AWS_ENDPOINT_URL"]

    gone = scripts.succeed("destroy.sh", "--yes")
    twice = scripts.succeed("destroy.sh", "--yes", "--packages")
    thrice = scripts.succeed("destroy.sh", "--yes", "--packages")

    assert "stack scripted is gone" in gone and gone.count(" stays: ") >= 2
    assert "packages and templates: --packages takes it away" in gone
    assert "there is no stack scripted" in twice and "packages-000000000000-us-east-1 is gone" in twice
    assert "there is no bucket" in thrice
    kept = [row["Name"] for row in aws("s3api", "list-buckets")["Buckets"]]
    assert any(name.startswith("scripted-backupbackupbucket") for name in kept)


def test_scripts_say_what_is_wrong(aws: Aws, scripts: Scripts) -> None:
    for arguments, problem in [
        (("--package", "no-such.zip"), "there is no package at no-such.zip"),
        (("--parameter", "MemorySize"), "--parameter MemorySize: expected KEY=VALUE"),
        (("--stakc", "x"), "--stakc is unknown; see --help"),
        (("--package",), "--package needs a value"),
    ]:
        done = scripts.run("deploy.sh", "--yes", *arguments)
        assert done.returncode == 1
        assert done.stderr == f"error: {problem}" + done.stderr[len(f"error: {problem}") :]
    nobody = scripts.run("deploy.sh", "--parameter", "MemorySize=512")
    assert "run it on a terminal, or with --yes" in nobody.stderr
    usage = scripts.succeed("deploy.sh", "--help")
    assert usage.startswith("usage: scripts/deploy.sh") and "--parameter KEY=VALUE" in usage
