"""A run that many functions share: the state machine of the template hands out its pieces, and closes it."""

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
from local import Aws, CommandFailed, Stack, outputs_of
from test_continuation import execution, put_at_once

OBJECTS = 800
PIECES = 50
# A piece that fails is repeated so often.
REPEATED = 3
SECONDS_TO_BEGIN = 60


@pytest.fixture(scope="module")
def shared(aws: Aws) -> Stack:
    """A stack whose workers copy one object after the other, so that one of them can be killed at work."""
    return Stack.deploy(aws, "shared", Distributed="yes", MaxConcurrency="1")


@pytest.fixture(scope="module")
def machine(aws: Aws, shared: Stack) -> str:
    return outputs_of(aws, shared.name)["DistributedStateMachineArn"]


@pytest.fixture(scope="module")
def quick(aws: Aws, machine: str) -> str:
    """The same state machine with waits of a second."""
    return copied(aws, machine, "quick", "Cut")


@pytest.fixture(scope="module")
def of_pieces(aws: Aws, machine: str) -> str:
    """The same from the Map on, for pieces that were cut by hand."""
    return copied(aws, machine, "of-pieces", "Pieces")


def copied(aws: Aws, machine: str, name: str, first: str) -> str:
    described = aws("stepfunctions", "describe-state-machine", "--state-machine-arn", machine)
    definition = json.loads(re.sub(r'"IntervalSeconds":\d+', '"IntervalSeconds":1', described["definition"]))
    definition["StartAt"] = first
    return aws(
        "stepfunctions", "create-state-machine", "--name", name, "--role-arn", described["roleArn"],
        "--definition", json.dumps(definition),
    )["stateMachineArn"]


def cut_by_hand(aws: Aws, shared: Stack, keys: "list[str]") -> dict:
    """A run of fifty pieces: so few keys, which are a page of a listing, are worth one piece."""
    part = aws.invoke(f"{shared.name}-worker", {"operation": "ranges"}).result
    place = {"bucket": part["distributed"]["bucket"], "key": part["distributed"]["key"]}
    ends = keys[OBJECTS // PIECES - 1:-1:OBJECTS // PIECES]
    starts = [{}, *({"after": end} for end in ends)]
    ranges = [{**start, "until": end} for start, end in zip(starts, ends)] + [starts[-1]]
    of_run = place["key"].replace("ranges.json", "distributed.json")
    run = json.loads(aws.get(shared.backup, of_run))
    aws.put(shared.backup, of_run, json.dumps({**run, "ranges": ranges}).encode())
    [request] = json.loads(aws.get(shared.backup, place["key"]))
    cursors = ({**request["cursor"], "piece": number} for number in range(1, PIECES + 1))
    requests = [{**request, "cursor": cursor} for cursor in cursors]
    aws.put(shared.backup, place["key"], json.dumps(requests).encode())
    return {**place, "cursor": part["cursor"]}


def workers(aws: Aws, shared: Stack) -> "list[int]":
    """The processes of the worker of this AWS, oldest first."""
    mine = {f"AWS_LAMBDA_FUNCTION_NAME={shared.name}-worker", f"AWS_ENDPOINT_URL={aws.env['AWS_ENDPOINT_URL']}"}
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            variables = (process / "environ").read_text(encoding="utf-8", errors="replace").split("\0")
        except OSError:
            continue
        if mine.issubset(variables):
            found.append(int(process.name))
    return sorted(found)


def role_of_worker(aws: Aws, shared: Stack) -> str:
    [row] = [
        row for row in aws("lambda", "list-functions")["Functions"] if row["FunctionName"] == f"{shared.name}-worker"
    ]
    return row["Role"]


@contextmanager
def piece_that_cannot_be_written(aws: Aws, shared: Stack, number: int) -> Iterator[None]:
    """A worker that may not say what it did about a piece."""
    policy = ("--role-name", role_of_worker(aws, shared).split("/")[-1], "--policy-name", "denied")
    piece = f"arn:aws:s3:::{shared.backup}/.s3-backup/*/runs/*/pieces/{number:04}.json"
    statement = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": piece}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws("iam", "put-role-policy", *policy, "--policy-document", document)
    try:
        yield
    finally:
        aws("iam", "delete-role-policy", *policy)


def map_run(aws: Aws, ended: dict) -> "tuple[dict, list[dict]]":
    """What became of the pieces of an execution: how many, and each of their executions."""
    [row] = aws("stepfunctions", "list-map-runs", "--execution-arn", ended["executionArn"])["mapRuns"]
    arn = ("--map-run-arn", row["mapRunArn"])
    counts = aws("stepfunctions", "describe-map-run", *arn)["executionCounts"]
    return counts, aws("stepfunctions", "list-executions", *arn)["executions"]


def longest_first(pieces: "list[dict]") -> "list[dict]":
    """The executions of pieces: one that was repeated is among the first, and to ask for each takes a second."""
    return sorted(pieces, key=lambda piece: moment(piece["startDate"]) - moment(piece["stopDate"]))


def moment(date: "str | float") -> float:
    """A date of the AWS command line, whose versions write numbers or ISO 8601."""
    return datetime.fromisoformat(date).timestamp() if isinstance(date, str) else date


def failures(aws: Aws, piece: dict) -> "list[dict]":
    """How the invocations for a piece failed."""
    history = aws("stepfunctions", "get-execution-history", "--execution-arn", piece["executionArn"])["events"]
    return [event for event in history if event["type"].endswith(("TaskFailed", "LambdaFunctionFailed"))]


def test_fifty_pieces_are_backed_up_side_by_side_although_a_worker_is_killed(
    aws: Aws, shared: Stack, of_pieces: str, tmp_path: Path
) -> None:
    keys = [f"many/{number:05}" for number in range(OBJECTS)]
    put_at_once(aws, shared.primary, keys, tmp_path)

    request = cut_by_hand(aws, shared, keys)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(execution, aws, of_pieces, request)
        end = time.monotonic() + SECONDS_TO_BEGIN
        # One of them has made the run. Those that were started since have a piece each.
        while len(begun := workers(aws, shared)) < 4:
            assert time.monotonic() < end and not running.done(), "no workers have begun"
            time.sleep(0.02)
        os.kill(begun[-1], signal.SIGKILL)
        ended = running.result()

    assert ended["status"] == "SUCCEEDED", ended
    closed = json.loads(ended["output"])
    assert (closed["status"], closed["errors"], closed["cursor"]) == ("complete", 0, None)
    assert f"Backed up {OBJECTS:,} objects" in closed["message"]
    assert aws.keys(shared.backup, "many/") == keys
    counts, pieces = map_run(aws, ended)
    assert counts["succeeded"] == counts["total"] == PIECES
    assert any(failures(aws, piece) for piece in longest_first(pieces)), "nobody was killed at work"
    # The next run, by one function, believes the snapshot.
    after = shared.run({})
    assert (after["objects_unchanged"], after["objects_copied"]) == (OBJECTS, 0)


def test_the_next_execution_finds_the_snapshot_and_copies_what_is_new(
    aws: Aws, shared: Stack, machine: str
) -> None:
    aws.put(shared.primary, "many/new", b"new")

    ended = execution(aws, machine, {})

    assert ended["status"] == "SUCCEEDED", ended
    assert "1 copied" in json.loads(ended["output"])["message"]


def test_of_two_executions_at_once_one_waits_for_the_other(aws: Aws, shared: Stack, quick: str) -> None:
    aws.put(shared.primary, "many/of two", b"new")

    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: execution(aws, quick, {}), range(2)))

    assert [ended["status"] for ended in both] == ["SUCCEEDED"] * 2, both
    messages = sorted(json.loads(ended["output"])["message"].split(": ", 1)[1] for ended in both)
    assert [message.split(", ")[0] for message in messages] == ["0 copied", "1 copied"], messages
    assert len(aws.versions(shared.backup, "many/of two")) == 1


def test_a_piece_that_stays_failed_is_named_and_another_execution_makes_up_for_it(
    aws: Aws, shared: Stack, quick: str, machine: str
) -> None:
    aws.put(shared.primary, "many/00000", b"changed")

    with piece_that_cannot_be_written(aws, shared, 1):
        ended = execution(aws, quick, {})

    assert (ended["status"], ended["error"]) == ("FAILED", "BackupIncomplete"), ended
    assert "; the cursor continues what is left" in ended["cause"]
    counts, pieces = map_run(aws, ended)
    assert counts["failed"] == 1
    [failed] = [piece for piece in pieces if piece["status"] == "FAILED"]
    assert len(failures(aws, failed)) == 1 + REPEATED
    again = execution(aws, machine, {})
    assert again["status"] == "SUCCEEDED", again
    assert aws.get(shared.backup, "many/00000") == b"changed"


def test_a_run_that_cannot_be_cut_fails_the_execution(aws: Aws, shared: Stack, machine: str) -> None:
    aws.set_versioning(shared.backup, "Suspended")
    try:
        ended = execution(aws, machine, {})
    finally:
        aws.set_versioning(shared.backup, "Enabled")

    assert (ended["status"], ended["error"]) == ("FAILED", "DestinationError")


def test_the_role_of_a_worker_can_neither_take_a_backup_away_nor_write_the_source(aws: Aws, shared: Stack) -> None:
    aws.put(shared.backup, "written by hand", b"backup")
    [version] = aws.versions(shared.backup, "written by hand")
    role = aws.as_role(role_of_worker(aws, shared))

    assert role.keys(shared.primary) == aws.keys(shared.primary)
    for command, bucket, *arguments in (
        ("delete-object", shared.backup, "--key", "written by hand", "--version-id", version["VersionId"]),
        ("delete-object", shared.backup, "--key", "written by hand"),
        ("put-bucket-versioning", shared.backup, "--versioning-configuration", "Status=Suspended"),
        ("put-object", shared.primary, "--key", "x", "--body", "LICENSE"),
        ("list-objects-v2", "packages"),
    ):
        with pytest.raises(CommandFailed, match="AccessDenied"):
            role("s3api", command, "--bucket", bucket, *arguments)
