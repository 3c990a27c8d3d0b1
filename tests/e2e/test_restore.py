"""What a run had comes back under a role of its own, in place and elsewhere, and can be taken back."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from botocore.config import Config
from botocore.session import Session
from local import Aws, CommandFailed, Stack, next_second, outputs_of
from odd_keys import KEYS, PERMISSION_MISTAKEN, contents

LARGE = "large object"
LARGE_BYTES = 12 * 2**20
AT_ONCE = 8
CHANGED = [*KEYS[:3], LARGE, "came later"]
HEADERS = ("ContentType", "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "StorageClass")

State = dict[str, dict]


class Bucket:
    """A bucket, looked at by the SDK: each object in all that a copy carries. A command for each look would take minutes."""

    def __init__(self, aws: Aws, name: str) -> None:
        self.name = name
        session = Session()
        session.set_credentials(aws.env["AWS_ACCESS_KEY_ID"], aws.env["AWS_SECRET_ACCESS_KEY"])
        self.s3 = session.create_client(
            "s3", region_name="us-east-1", endpoint_url=aws.env["AWS_ENDPOINT_URL"], verify=aws.env["AWS_CA_BUNDLE"],
            config=Config(max_pool_connections=AT_ONCE),
        )

    def put(self, key: str, content: bytes, **more: object) -> None:
        self.s3.put_object(Bucket=self.name, Key=key, Body=content, **more)

    def put_parts(self, key: str, content: bytes, size: int) -> None:
        upload = {"Bucket": self.name, "Key": key}
        upload["UploadId"] = self.s3.create_multipart_upload(**upload, ContentType="text/parts")["UploadId"]
        parts = []
        for number, start in enumerate(range(0, len(content), size), 1):
            part = self.s3.upload_part(**upload, PartNumber=number, Body=content[start : start + size])
            parts.append({"PartNumber": number, "ETag": part["ETag"]})
        self.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})

    def delete(self, key: str) -> None:
        self.s3.delete_object(Bucket=self.name, Key=key)

    def state(self) -> State:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        keys = [row["Key"] for page in pages for row in page.get("Contents", [])]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(keys, pool.map(self.properties, keys)))

    def properties(self, key: str) -> dict:
        found = self.s3.get_object(Bucket=self.name, Key=key)
        tags = self.s3.get_object_tagging(Bucket=self.name, Key=key)["TagSet"]
        return {
            "etag": found["ETag"],
            "content": hashlib.sha256(found["Body"].read()).hexdigest(),
            "metadata": found["Metadata"],
            "tags": {tag["Key"]: tag["Value"] for tag in tags},
            "headers": {name: found[name] for name in HEADERS if name in found},
        }

    def versions(self) -> "set[tuple[str, str]]":
        """Those of the keys that change: MiniStack cannot list the versions of all keys, with control characters in one."""
        pages = [self.s3.list_object_versions(Bucket=self.name, Prefix=key) for key in CHANGED]
        rows = [row for page in pages for kind in ("Versions", "DeleteMarkers") for row in page.get(kind, [])]
        return {(row["Key"], row["VersionId"]) for row in rows}


@dataclass(frozen=True)
class World:
    """Three states of a bucket, each with the run that has backed it up."""

    stack: Stack
    restorer: str
    primary: Bucket
    runs: "list[tuple[str, State]]"

    def restore(self, payload: dict) -> dict:
        answer = self.stack.aws.invoke(self.restorer, {"operation": "restore", **payload})
        assert answer.error is None, answer.result
        return answer.result


def first(primary: Bucket) -> None:
    for number, (key, content) in enumerate(contents([key for key in KEYS if key not in PERMISSION_MISTAKEN]).items()):
        more = {"Metadata": {"number": str(number)}} if number % 3 == 0 else {}
        tags = {"Tagging": f"number={number}&kind=odd"} if number % 4 == 0 else {}
        primary.put(key, content, ContentType="text/x-odd", CacheControl="max-age=60", **more, **tags)
    primary.put_parts(LARGE, b"first" * (LARGE_BYTES // 5), 5 * 2**20)


def second(primary: Bucket) -> None:
    primary.put(KEYS[0], b"other content")
    primary.put(KEYS[1], b"content 1", Metadata={"only": "metadata"})
    primary.delete(KEYS[2])
    primary.delete(LARGE)
    primary.put("came later", b"x", Tagging="a=b")


def third(primary: Bucket) -> None:
    primary.put(KEYS[2], b"is back")
    primary.delete("came later")
    primary.put_parts(LARGE, b"other" * (LARGE_BYTES // 5), 6 * 2**20)


@pytest.fixture(scope="module")
def world(aws: Aws) -> World:
    stack = Stack.deploy(aws, "restoring", Restore="yes", RestoreMarks="yes")
    aws.set_versioning(stack.primary, "Enabled")
    primary = Bucket(aws, stack.primary)
    runs = []
    for change in (first, second, third):
        change(primary)
        result = stack.run({})
        assert result["status"] == "complete", result
        runs.append((result["run_id"], primary.state()))
        next_second()
    return World(stack, outputs_of(aws, stack.name)["RestoreFunctionName"], primary, runs)


@pytest.mark.parametrize("number", range(3))
def test_a_state_comes_back_in_place_and_an_undo_takes_it_back(world: World, number: int) -> None:
    run, expected = world.runs[number]
    before, versions = world.primary.state(), world.primary.versions()
    backup = Bucket(world.stack.aws, world.stack.backup).versions()

    done = world.restore({"all": True, "run": run, "extra": "mark"})

    assert done["status"] == "complete", done
    assert world.primary.state() == expected
    undone = world.restore({"undo": done["restore"]["id"]})
    assert undone["status"] == "complete", undone
    assert world.primary.state() == before
    assert world.primary.versions() >= versions
    assert Bucket(world.stack.aws, world.stack.backup).versions() == backup


def test_each_state_comes_back_into_another_bucket(aws: Aws, world: World, command: Path) -> None:
    job = ["--source", world.stack.primary, "--destination", world.stack.backup, "--json"]
    before = world.primary.versions()
    for number, (run, expected) in enumerate(world.runs):
        target = aws.new_bucket(f"elsewhere-{number}", versioned=True)

        done = aws.run(command, "restore", "--all", "--run", run, "--to", f"s3://{target}", *job)

        assert done.returncode == 0, done.stderr
        assert Bucket(aws, target).state() == expected
    assert world.primary.versions() == before


def test_the_function_that_backs_up_cannot_restore(world: World) -> None:
    run, _ = world.runs[0]
    before = world.primary.versions()

    answer = world.stack.aws.invoke(world.stack.function, {"operation": "restore", "all": True, "run": run})

    assert "s3:PutObject" in str(answer.result) or "AccessDenied" in str(answer.result), answer.result
    assert world.primary.versions() == before


FORBIDDEN = {
    "delete a version of a backup": ("delete-object", "backup", "--key", LARGE, "--version-id", "{version}"),
    "hide a backup": ("delete-object", "backup", "--key", LARGE),
    "write a backup": ("put-object", "backup", "--key", LARGE, "--body", "lifecycle-policy.json"),
    "write a snapshot": ("put-object", "backup", "--key", ".s3-backup/x/snapshots/latest.json"),
    "suspend versioning of the backup": (
        "put-bucket-versioning", "backup", "--versioning-configuration", "Status=Suspended",
    ),
    "suspend versioning of the target": (
        "put-bucket-versioning", "primary", "--versioning-configuration", "Status=Suspended",
    ),
    "change the lifecycle": (
        "put-bucket-lifecycle-configuration", "backup", "--lifecycle-configuration", "file://lifecycle-policy.json",
    ),
    "delete a version of the target": ("delete-object", "primary", "--key", LARGE, "--version-id", "null"),
    "write another bucket": ("put-object", "packages", "--key", "x"),
    "read another bucket": ("list-objects-v2", "packages"),
}


@pytest.fixture(scope="module")
def as_restorer(aws: Aws, world: World) -> Aws:
    configuration = aws("lambda", "get-function-configuration", "--function-name", world.restorer)
    return aws.as_role(configuration["Role"])


def test_the_role_that_restores_may_do_nothing_else(aws: Aws, as_restorer: Aws, world: World) -> None:
    [version, *_] = aws.versions(world.stack.backup, LARGE)
    names = {"backup": world.stack.backup, "primary": world.stack.primary}

    def attempt(forbidden: str) -> "str | None":
        command, bucket, *arguments = FORBIDDEN[forbidden]
        arguments = [argument.format(version=version["VersionId"]) for argument in arguments]
        try:
            as_restorer("s3api", command, "--bucket", names.get(bucket, bucket), *arguments)
        except CommandFailed as refused:
            return None if "AccessDenied" in str(refused) else str(refused)
        return "it was allowed"

    with ThreadPoolExecutor(4) as pool:
        found = dict(zip(FORBIDDEN, pool.map(attempt, FORBIDDEN)))

    assert {name: problem for name, problem in found.items() if problem} == {}
