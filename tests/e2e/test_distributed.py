"""A run that many functions share: the state machine of the template hands out its pieces, and closes it."""

import json
from pathlib import Path

import pytest
from local import Aws, Stack, outputs_of
from test_continuation import execution, put_at_once

OBJECTS = 2_600


@pytest.fixture(scope="module")
def shared(aws: Aws) -> Stack:
    return Stack.deploy(aws, "shared", Distributed="yes")


@pytest.fixture(scope="module")
def machine(aws: Aws, shared: Stack) -> str:
    return outputs_of(aws, shared.name)["DistributedStateMachineArn"]


def test_the_pieces_of_a_run_are_backed_up_side_by_side_and_closed(
    aws: Aws, shared: Stack, machine: str, tmp_path: Path
) -> None:
    keys = [f"many/{number:05}" for number in range(OBJECTS)]
    put_at_once(aws, shared.primary, keys, tmp_path)

    ended = execution(aws, machine, {})

    assert ended["status"] == "SUCCEEDED", ended
    closed = json.loads(ended["output"])
    assert (closed["status"], closed["errors"], closed["cursor"]) == ("complete", 0, None)
    assert f"Backed up {OBJECTS:,} objects" in closed["message"]
    assert aws.keys(shared.backup, "many/") == keys
    [requests] = [key for key in aws.keys(shared.backup, ".s3-backup/") if key.endswith("/ranges.json")]
    pieces = json.loads(aws.get(shared.backup, requests))
    assert len(pieces) > 1
    # The next run, by one function, believes the snapshot.
    after = shared.run({})
    assert (after["objects_unchanged"], after["objects_copied"]) == (OBJECTS, 0)


def test_a_second_execution_finds_the_snapshot_and_copies_what_is_new(
    aws: Aws, shared: Stack, machine: str
) -> None:
    aws.put(shared.primary, "many/new", b"new")

    ended = execution(aws, machine, {})

    assert ended["status"] == "SUCCEEDED", ended
    assert "1 copied" in json.loads(ended["output"])["message"]


def test_a_run_that_cannot_be_cut_fails_the_execution(aws: Aws, shared: Stack, machine: str) -> None:
    aws.set_versioning(shared.backup, "Suspended")
    try:
        ended = execution(aws, machine, {})
    finally:
        aws.set_versioning(shared.backup, "Enabled")

    assert (ended["status"], ended["error"]) == ("FAILED", "DestinationError")
