"""A second copy in another region, filled in one pass, and several sources in one backup bucket: each comes back."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from local import ROOT, STATE, Aws, CommandFailed, Stack, log_lines, next_second, outputs_of

COPY_TEMPLATE = ROOT / "cdk" / "cloudformation" / "s3-backup-copy.template.json"
ELSEWHERE = "eu-central-1"
CONTENTS = {"a/1.txt": b"one", "a/2.txt": b"two", "b.txt": b"three"}
SOURCES = ("photos", "letters", "sounds")


@dataclass(frozen=True)
class Doubled:
    """A stack, and the bucket of its copy in another region."""

    stack: Stack
    elsewhere: Aws
    second: str
    restorer: str

    def keys(self) -> "tuple[list[str], list[str]]":
        """Those of both backups."""
        return self.stack.aws.keys(self.stack.backup), self.elsewhere.keys(self.second)


@pytest.fixture(scope="module")
def doubled(aws: Aws) -> Doubled:
    # The roles come first, then the bucket whose policy names them, then the bucket is named to the stack.
    Stack.deploy(aws, "doubled", Restore="yes")
    roles = outputs_of(aws, "doubled")
    elsewhere = Aws({**aws.env, "AWS_REGION": ELSEWHERE, "AWS_DEFAULT_REGION": ELSEWHERE}, aws.folder)
    code = elsewhere.new_bucket_in(ELSEWHERE, "packages-elsewhere")
    elsewhere(
        "cloudformation", "deploy", "--stack-name", "doubled-copy", "--template-file", COPY_TEMPLATE, "--s3-bucket", code,
        "--parameter-overrides", *(f"{name}={roles[name]}" for name in ("BackupRoleArn", "WatchRoleArn", "RestoreRoleArn")),
    )
    second = outputs_of(elsewhere, "doubled-copy")["BackupBucketName"]
    stack = Stack.deploy(aws, "doubled", Restore="yes", SecondBackupBucket=second)
    aws.put_all(stack.primary, CONTENTS)
    return Doubled(stack, elsewhere, second, outputs_of(aws, "doubled")["RestoreFunctionName"])


def test_the_copy_lies_in_the_other_region(doubled: Doubled) -> None:
    place = doubled.elsewhere("s3api", "get-bucket-location", "--bucket", doubled.second)

    assert place["LocationConstraint"] == ELSEWHERE


def test_one_run_fills_both(doubled: Doubled) -> None:
    result = doubled.stack.run({})

    assert (result["status"], result["objects_copied"]) == ("complete", 2 * len(CONTENTS)), result
    assert doubled.keys() == (sorted(CONTENTS), sorted(CONTENTS))
    again = doubled.stack.run({})
    assert (again["objects_copied"], again["objects_unchanged"]) == (0, 2 * len(CONTENTS)), again


def test_one_that_is_broken_is_named_and_the_other_is_filled(aws: Aws, doubled: Doubled, command: Path) -> None:
    stack, second = doubled.stack, doubled.second
    aws.put(stack.primary, "came later", b"new")
    next_second()
    doubled.elsewhere.set_versioning(second, "Suspended")
    try:
        shown = aws.run(
            command, "run", "--source", stack.primary, "--destination", stack.backup, "--destination", second, "--json"
        )
    finally:
        doubled.elsewhere.set_versioning(second, "Enabled")

    assert shown.returncode == 3, shown.stderr
    result = json.loads(shown.stdout)
    assert result["status"] == "incomplete"
    assert second in json.dumps(result["failures"])
    first, other = doubled.keys()
    assert ("came later" in first, "came later" in other) == (True, False)
    made_good = stack.run({})
    assert made_good["status"] == "complete", made_good
    assert "came later" in doubled.keys()[1]


def test_what_is_lost_comes_back_from_the_second(aws: Aws, doubled: Doubled) -> None:
    for key in CONTENTS:
        aws("s3api", "delete-object", "--bucket", doubled.stack.primary, "--key", key)

    asked = {"operation": "restore", "all": True, "run": "latest", "from": doubled.second}
    answer = aws.invoke(doubled.restorer, asked)

    assert answer.error is None, answer.result
    assert (answer.result["status"], answer.result["objects_restored"]) == ("complete", len(CONTENTS)), answer.result
    assert answer.result["restore"]["from"] == doubled.second
    assert aws.get_all(doubled.stack.primary, list(CONTENTS)) == CONTENTS


def test_the_role_of_the_backup_cannot_take_the_copy_away(aws: Aws, doubled: Doubled) -> None:
    role = aws.as_role(doubled.stack.role())
    for arguments in (
        ("delete-object", "--key", "b.txt"),
        ("put-bucket-versioning", "--versioning-configuration", "Status=Suspended"),
        ("delete-bucket-policy",),
    ):
        command, *more = arguments
        with pytest.raises(CommandFailed, match="AccessDenied"):
            role("s3api", command, "--bucket", doubled.second, *more)


@pytest.fixture(scope="module")
def shared(aws: Aws) -> "dict[str, Stack]":
    """A stack for each source; the first makes the bucket of all."""
    prefix = "{source_bucket}/"
    for source in SOURCES:
        aws.new_bucket(source, versioned=True)
        aws.put(source, "same name", source.encode())

    def deploy(source: str, **more: str) -> Stack:
        return Stack.deploy(aws, f"of-{source}", SourceBucket=source, DestinationPrefix=prefix, Restore="yes", **more)

    first = deploy(SOURCES[0], WatchJobs="all")
    of_first = {"ExistingBackupBucket": first.backup, "ExistingTopicArn": outputs_of(aws, first.name)["TopicArn"]}
    with ThreadPoolExecutor() as pool:
        others = pool.map(lambda source: deploy(source, **of_first), SOURCES[1:])
        return dict(zip(SOURCES, [first, *others]))


def test_three_sources_share_a_bucket_and_each_comes_back(aws: Aws, shared: "dict[str, Stack]") -> None:
    [backup] = {stack.backup for stack in shared.values()}
    with ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda stack: stack.run({}), shared.values()))
    assert [result["status"] for result in results] == ["complete"] * len(SOURCES), results
    assert aws.keys(backup) == sorted(f"{source}/same name" for source in SOURCES)
    assert len({key.split("/")[1] for key in aws.keys(backup, STATE) if key.endswith("/latest.json")}) == len(SOURCES)

    def lose_and_restore(source: str) -> bytes:
        aws.put(source, "same name", b"damaged")
        restorer = outputs_of(aws, shared[source].name)["RestoreFunctionName"]
        answer = aws.invoke(restorer, {"operation": "restore", "all": True, "run": "latest"})
        assert answer.error is None, answer.result
        assert answer.result["objects_restored"] == 1, answer.result
        return aws.get(source, "same name")

    with ThreadPoolExecutor() as pool:
        assert list(pool.map(lose_and_restore, SOURCES)) == [source.encode() for source in SOURCES]


def test_one_watch_tells_of_each_source_and_one_topic_hears_of_all(aws: Aws, shared: "dict[str, Stack]") -> None:
    first, *others = shared.values()
    with ThreadPoolExecutor() as pool:
        assert {result["status"] for result in pool.map(lambda stack: stack.run({}), shared.values())} == {"complete"}

    answer = aws.invoke(f"{first.name}-watch", {})

    assert answer.error is None, answer.result
    names = [stack.name for stack in shared.values()]
    assert sorted(job["job"] for job in answer.result["jobs"]) == sorted(names), answer.result
    assert all(job["hours_since_complete"] < 1 for job in answer.result["jobs"]), answer.result
    lines = [json.loads(line) for line in log_lines(aws, f"/aws/lambda/{first.name}-watch", "HoursSinceComplete")]
    written = {line["Job"]: line for line in lines}
    assert sorted(written) == sorted(names)
    assert all(line["HoursSinceComplete"] < 1 for line in written.values()), written
    topics = {outputs_of(aws, name)["TopicArn"] for name in names}
    assert len(topics) == 1
    for stack in others:
        resources = aws("cloudformation", "describe-stack-resources", "--stack-name", stack.name)["StackResources"]
        kinds = {resource["ResourceType"] for resource in resources}
        assert not kinds & {"AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "AWS::CloudWatch::Dashboard"}, kinds
        assert "WatchRoleArn" not in outputs_of(aws, stack.name)
        alarms = aws("cloudwatch", "describe-alarms", "--alarm-name-prefix", stack.name)["MetricAlarms"]
        [age] = [alarm for alarm in alarms if alarm["MetricName"] == "HoursSinceComplete"]
        assert age["Dimensions"] == [{"Name": "Job", "Value": stack.name}]
        assert {*age["AlarmActions"], *age["OKActions"]} == topics


def test_the_role_of_the_watch_reads_what_the_program_wrote_and_nothing_else(
    aws: Aws, shared: "dict[str, Stack]"
) -> None:
    first = shared[SOURCES[0]]
    assert first.run({})["status"] == "complete"
    role = aws.as_role(outputs_of(aws, first.name)["WatchRoleArn"])
    register = f"{STATE}jobs.json"

    assert first.name in role.get(first.backup, register).decode()
    for command, bucket, *more in (
        ("get-object", first.backup, "--key", f"{SOURCES[0]}/same name", "/dev/null"),
        ("get-object", first.primary, "--key", "same name", "/dev/null"),
        ("put-object", first.backup, "--key", register, "--body", "LICENSE"),
        ("delete-object", first.backup, "--key", register),
        ("delete-bucket-policy", first.backup),
    ):
        with pytest.raises(CommandFailed, match="AccessDenied"):
            role("s3api", command, "--bucket", bucket, *more)
