"""Plan, verification, repair, marking of deletions and history, under the function's own role."""

import json
from pathlib import Path

import pytest
from local import Aws, CommandFailed, Stack

FILES = {f"proof/{number}": b"content" for number in range(5)}


@pytest.fixture(scope="module")
def marking(aws: Aws) -> Stack:
    """A stack that marks what is gone, with everything backed up."""
    stack = Stack.deploy(aws, "marking", Deletions="mark")
    aws.put_all(stack.primary, FILES)

    plan = stack.run({"operation": "plan"})
    assert {row["key"]: row["reason"] for row in plan["plan"]["objects"]} == dict.fromkeys(FILES, "new")
    assert aws.keys(stack.backup) == []

    run = stack.run({})
    assert (run["status"], run["objects_copied"]) == ("complete", len(FILES))
    assert run["requests"]["copy"] == plan["plan"]["requests"]["copy"]
    return stack


def test_a_backup_that_was_written_over_is_found_and_repaired(aws: Aws, marking: Stack) -> None:
    key = "proof/1"
    aws.put(marking.backup, key, b"CONTENT")

    found = marking.run({"operation": "verify"})
    assert (found["status"], found["statusCode"]) == ("incomplete", 500)
    [row] = found["verified"]["objects"]
    assert (row["key"], row["verdict"], row["properties"]) == (key, "different", ["etag"])

    repaired = marking.run({"operation": "verify", "deep": True, "repair": True})
    assert (repaired["status"], repaired["verified"]["repaired"]) == ("complete", 1)
    assert aws.get(marking.backup, key) == b"content"

    again = marking.run({"operation": "verify", "deep": True})
    assert (again["status"], again["verified"]["equal"]) == ("complete", len(FILES))
    assert again["verified"]["compared_deep"] == len(FILES)


def test_what_is_gone_is_marked_and_its_versions_stay(aws: Aws, marking: Stack) -> None:
    key = "proof/2"
    aws("s3api", "delete-object", "--bucket", marking.primary, "--key", key)

    run = marking.run({})

    assert (run["status"], run["objects_marked_deleted"]) == ("complete", 1)
    assert key not in aws.keys(marking.backup)
    [version] = aws.versions(marking.backup, key)
    with aws.file() as body:
        named = ("--key", key, "--version-id", version["VersionId"])
        aws("s3api", "get-object", "--bucket", marking.backup, *named, body)
        assert body.read_bytes() == b"content"
    as_function = aws.as_role(marking.role())
    with pytest.raises(CommandFailed, match="AccessDenied"):
        as_function("s3api", "delete-object", "--bucket", marking.backup, *named)


def test_the_history_tells_what_changed(aws: Aws, marking: Stack, command: Path) -> None:
    aws.put(marking.primary, "proof/3", b"other content")
    marking.run({})
    buckets = ("--source", marking.primary, "--destination", marking.backup)

    runs = aws.run(command, "runs", *buckets, "--json")
    diff = aws.run(command, "diff", "latest~1", "latest", *buckets)

    assert runs.returncode == 0, runs.stderr
    [destination] = json.loads(runs.stdout)["destinations"]
    assert destination["runs"][0]["objects"] == len(aws.keys(marking.primary))
    assert diff.returncode == 0, diff.stderr
    assert "changed  proof/3 (content, 7 B -> 13 B)" in diff.stdout.splitlines()


def test_an_emptied_source_wipes_nothing(aws: Aws, marking: Stack) -> None:
    marking.run({})
    before = aws.keys(marking.backup)
    aws("s3", "rm", "--recursive", "--only-show-errors", f"s3://{marking.primary}/")

    run = marking.run({})

    assert (run["status"], run["statusCode"], run["objects_marked_deleted"]) == ("held", 500, 0)
    assert run["deletions"]["due"] == len(before)
    assert aws.keys(marking.backup) == before
