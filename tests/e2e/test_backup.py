"""The function backs up, through `aws lambda invoke` and under its own role."""

import os

import odd_keys
import pytest
from local import Aws, Stack

RULE_EVENT = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "123456789012",
    "time": "2026-11-21T02:00:00Z",
    "region": "us-east-1",
    "resources": ["arn:aws:events:us-east-1:123456789012:rule/s3-backup"],
    "detail": {},
}
SCHEDULER_EVENT = {
    **RULE_EVENT,
    "source": "aws.scheduler",
    "resources": ["arn:aws:scheduler:us-east-1:123456789012:schedule/default/s3-backup"],
    "detail": "{}",
}

def payload(prefix: str, **fields: object) -> dict:
    """A request for a run over the keys of one test."""
    return {"operation": "backup", "prefix": prefix, **fields}


def counts(result: dict) -> "tuple[int, int, int, int]":
    assert result["statusCode"] == (200 if result["status"] == "complete" else 500)
    return tuple(
        result[name] for name in ("objects_found", "objects_copied", "objects_unchanged", "errors")
    )


def test_a_run_copies_what_is_new_or_changed_and_keeps_what_it_replaces(aws: Aws, stack: Stack) -> None:
    files = {
        "story/sample-file-1.txt": b"This is sample file 1",
        "story/sample-file-2.txt": b"This is sample file 2",
        "story/sample-file-3.txt": b"This is sample file 3",
        "story/data/logs/app.log": b"Application log entry",
        "story/data/config.json": b"System configuration data",
    }
    changed = "story/sample-file-1.txt"
    aws.put_all(stack.primary, files)

    first = stack.run(payload("story/"))
    assert counts(first) == (5, 5, 0, 0)
    assert first["message"] == "Backed up 5 objects: 5 copied"
    assert first["bytes_copied"] == sum(map(len, files.values()))
    assert aws.get_all(stack.backup, list(files)) == files

    second = stack.run(payload("story/"))
    assert counts(second) == (5, 0, 5, 0)
    assert second["requests"]["copy"] == 0

    # It has the same size, so that the size cannot tell.
    aws.put(stack.primary, changed, b"THIS IS SAMPLE FILE 1")
    third = stack.run(payload("story/"))
    assert counts(third) == (5, 1, 4, 0)
    assert aws.get(stack.backup, changed) == b"THIS IS SAMPLE FILE 1"

    now, before = aws.versions(stack.backup, changed)
    assert (now["IsLatest"], before["IsLatest"]) == (True, False)
    with aws.file() as body:
        aws(
            "s3api", "get-object", "--bucket", stack.backup, "--key", changed, "--version-id", before["VersionId"], body
        )
        assert body.read_bytes() == files[changed]
    assert len(aws.versions(stack.backup, "story/sample-file-2.txt")) == 1


@pytest.mark.parametrize(
    "event",
    [
        pytest.param({}, id="empty"),
        pytest.param({"operation": "backup"}, id="operation"),
        pytest.param(RULE_EVENT, id="rule"),
        pytest.param(SCHEDULER_EVENT, id="scheduler"),
    ],
)
def test_every_payload_of_a_backup_run_copies_everything(
    aws: Aws, stack: Stack, event: dict, request: pytest.FixtureRequest
) -> None:
    key = f"payload/{request.node.callspec.id}"
    aws.put(stack.primary, key, b"to be backed up")

    found, copied, unchanged, errors = counts(stack.run(event))

    assert (found, errors) == (copied + unchanged, 0)
    assert copied >= 1
    assert aws.get(stack.backup, key) == b"to be backed up"


def test_a_dry_run_tells_what_it_would_copy_and_copies_nothing(aws: Aws, stack: Stack) -> None:
    aws.put(stack.primary, "dry/object", b"four")

    result = stack.run(payload("dry/", dry_run=True))

    assert (result["dry_run"], result["objects_to_copy"], result["bytes_to_copy"]) == (True, 1, 4)
    assert counts(result) == (1, 0, 0, 0)
    assert aws.keys(stack.backup, "dry/") == []


def test_a_full_run_copies_again_what_is_unchanged(aws: Aws, stack: Stack) -> None:
    aws.put(stack.primary, "full/object", b"content")
    stack.run(payload("full/"))

    assert counts(stack.run(payload("full/", mode="full"))) == (1, 1, 0, 0)
    assert len(aws.versions(stack.backup, "full/object")) == 2


def test_what_is_deleted_from_the_primary_bucket_stays_in_the_backup(aws: Aws, stack: Stack) -> None:
    aws.put(stack.primary, "deleted/object", b"precious")
    stack.run(payload("deleted/"))
    aws("s3api", "delete-object", "--bucket", stack.primary, "--key", "deleted/object")

    assert counts(stack.run(payload("deleted/"))) == (0, 0, 0, 0)
    assert aws.get(stack.backup, "deleted/object") == b"precious"


def test_metadata_headers_and_tags_travel_with_an_object(aws: Aws, stack: Stack) -> None:
    aws.put(
        stack.primary, "described/object", b"content",
        "--metadata", "owner=finance", "--content-type", "text/x-special", "--cache-control", "max-age=60",
        "--tagging", "keep=yes",
    )

    assert counts(stack.run(payload("described/"))) == (1, 1, 0, 0)

    head = aws("s3api", "head-object", "--bucket", stack.backup, "--key", "described/object")
    assert head["Metadata"] == {"owner": "finance"}
    assert (head["ContentType"], head["CacheControl"]) == ("text/x-special", "max-age=60")
    tags = aws("s3api", "get-object-tagging", "--bucket", stack.backup, "--key", "described/object")
    assert tags["TagSet"] == [{"Key": "keep", "Value": "yes"}]


def test_odd_keys_are_copied_byte_for_byte(aws: Aws, stack: Stack) -> None:
    contents = odd_keys.contents(odd_keys.KEYS)
    aws.put_all(stack.primary, contents)
    assert contents.keys() <= set(aws.keys(stack.primary))

    result = stack.run({})

    assert (result["status"], result["failures"]) == ("complete", [])
    assert result["objects_copied"] >= len(contents)
    assert aws.get_all(stack.backup, list(contents)) == contents
    assert stack.run({})["objects_copied"] == 0


def test_empty_objects_and_multi_part_uploads_are_copied(aws: Aws, stack: Stack) -> None:
    # The command line uploads more than 8 MiB in parts.
    large = os.urandom(9 * 1024 * 1024)
    aws.put(stack.primary, "sizes/empty", b"")
    with aws.file(large) as body:
        uploaded = aws.run("aws", "s3", "cp", body, f"s3://{stack.primary}/sizes/large", "--only-show-errors")
    assert uploaded.returncode == 0, uploaded.stderr
    head = aws("s3api", "head-object", "--bucket", stack.primary, "--key", "sizes/large")
    assert head["ETag"].endswith('-2"')

    assert counts(stack.run(payload("sizes/"))) == (2, 2, 0, 0)

    assert aws.get(stack.backup, "sizes/empty") == b""
    assert aws.get(stack.backup, "sizes/large") == large
