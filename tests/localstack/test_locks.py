"""The built command line on buckets of LocalStack that lock each version by default: a backup, a second night, a restore and
a drill work there, and no version can be deleted before its time.
"""

import json
import os
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import botocore.session
import pytest
from botocore.exceptions import ClientError
from conftest import ROOT

PROGRAM = ROOT / "target/debug/s3-backup"
SECONDS = 120
PART = 5 * 1024 * 1024
DAYS = 30
MODES = ("GOVERNANCE", "COMPLIANCE")
STATE = ".s3-backup/"


@dataclass(frozen=True)
class Locked:
    """A source, and a backup bucket that locks each version."""

    endpoint: str
    mode: str

    @property
    def source(self) -> str:
        return f"source-{self.mode.lower()}"

    @property
    def backup(self) -> str:
        return f"backup-{self.mode.lower()}"

    @property
    def scratch(self) -> str:
        return f"scratch-{self.mode.lower()}"

    @property
    def s3(self):  # noqa: ANN201, for botocore makes its clients while it runs
        return botocore.session.get_session().create_client(
            "s3", endpoint_url=self.endpoint, region_name="us-east-1", aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def make(self) -> None:
        self.s3.create_bucket(Bucket=self.source)
        self.s3.create_bucket(Bucket=self.scratch)
        versioned = {"Status": "Enabled"}
        self.s3.put_bucket_versioning(Bucket=self.scratch, VersioningConfiguration=versioned)
        self.s3.create_bucket(Bucket=self.backup, ObjectLockEnabledForBucket=True)
        rule = {"DefaultRetention": {"Mode": self.mode, "Days": DAYS}}
        configuration = {"ObjectLockEnabled": "Enabled", "Rule": rule}
        self.s3.put_object_lock_configuration(Bucket=self.backup, ObjectLockConfiguration=configuration)

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=self.source, Key=key, Body=body)

    def put_in_parts(self, key: str) -> None:
        upload = self.s3.create_multipart_upload(Bucket=self.source, Key=key)["UploadId"]
        here = {"Bucket": self.source, "Key": key, "UploadId": upload}
        parts = [
            {"PartNumber": n, "ETag": self.s3.upload_part(**here, PartNumber=n, Body=bytes([n]) * size)["ETag"]}
            for n, size in enumerate((PART, PART, 10), 1)
        ]
        self.s3.complete_multipart_upload(**here, MultipartUpload={"Parts": parts})

    def body(self, bucket: str, key: str) -> bytes:
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def versions(self) -> "list[tuple[str, str]]":
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=self.backup)
        return [(row["Key"], row["VersionId"]) for page in pages for row in page.get("Versions", [])]

    def command(self, *words: str) -> str:
        # A backup proves something only if it is of a later second.
        time.sleep(1.1)
        variables = {
            "PATH": os.environ["PATH"], "AWS_ENDPOINT_URL": self.endpoint, "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
            "BACKUP_MULTIPART_THRESHOLD": "5 MiB",
        }
        buckets = ["--source", self.source, "--destination", self.backup]
        done = subprocess.run(
            [PROGRAM, *words, *buckets], env=variables, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def result(self, *words: str) -> dict:
        return json.loads(self.command(*words, "--json"))


@pytest.fixture(scope="module", params=MODES)
def locked(request: pytest.FixtureRequest, localstack: str) -> Locked:
    """Two nights of a backup, the second with a change."""
    if not PROGRAM.exists():
        pytest.exit(f"there is no {PROGRAM}: build it with 'cargo build --bin s3-backup'", returncode=1)
    locked = Locked(localstack, request.param)
    locked.make()
    for key in ("a", "b", "changes"):
        locked.put(key, b"1")
    locked.put_in_parts("large")
    first = locked.result("run")
    locked.put("changes", b"2 and more")
    second = locked.result("run")
    assert (first["status"], first["objects_copied"]) == ("complete", 4), first
    assert (second["status"], second["objects_copied"], second["errors"]) == ("complete", 1, 0), second
    return locked


def test_a_second_night_keeps_what_it_replaces_and_a_third_copies_nothing(locked: Locked) -> None:
    third = locked.result("run")

    assert (third["objects_copied"], third["objects_unchanged"]) == (0, 4), third
    changed = [version for key, version in locked.versions() if key == "changes"]
    bodies = [locked.s3.get_object(Bucket=locked.backup, Key="changes", VersionId=version) for version in changed]
    assert {body["Body"].read() for body in bodies} == {b"1", b"2 and more"}
    verified = locked.result("verify", "--deep")["verified"]
    assert (verified["equal"], verified["wrong"]) == (4, 0), verified


def test_each_version_is_locked_copies_in_parts_and_the_programs_own_objects_too(locked: Locked) -> None:
    versions = locked.versions()

    assert {"a", "b", "changes", "large"} < {key for key, _ in versions}
    assert any(key.startswith(STATE) for key, _ in versions)
    soonest = datetime.now(timezone.utc) + timedelta(days=DAYS - 1)
    for key, version in versions:
        head = locked.s3.head_object(Bucket=locked.backup, Key=key, VersionId=version)
        assert (head["ObjectLockMode"], head["ObjectLockRetainUntilDate"] > soonest) == (locked.mode, True), key


def test_a_restore_brings_back_what_was_there_and_what_was_overwritten(locked: Locked) -> None:
    locked.s3.delete_object(Bucket=locked.source, Key="a")
    locked.put("b", b"encrypted by somebody")

    restored = locked.result("restore", "--all", "--run", "latest", "--yes")

    assert (restored["status"], restored["errors"]) == ("complete", 0), restored
    assert (locked.body(locked.source, "a"), locked.body(locked.source, "b")) == (b"1", b"1")


def test_a_drill_passes(locked: Locked) -> None:
    drilled = locked.result("drill", "--to", f"s3://{locked.scratch}/drill/")

    assert drilled["status"] == "complete", drilled
    assert drilled["objects_restored"] >= 4, drilled


def test_deletions_are_marked_and_no_version_goes(locked: Locked) -> None:
    locked.put("goes", b"1")
    locked.result("run")
    before = set(locked.versions())
    locked.s3.delete_object(Bucket=locked.source, Key="goes")

    marked = locked.result("run", "--deletions", "mark")

    assert marked["objects_marked_deleted"] == 1, marked
    assert before <= set(locked.versions())
    with pytest.raises(ClientError, match="NoSuchKey"):
        locked.body(locked.backup, "goes")


def test_no_version_can_be_deleted(locked: Locked) -> None:
    before = locked.versions()
    # Governance gives way to whoever may bypass it, which nothing of ours may.
    ways = [{}] if locked.mode == "GOVERNANCE" else [{}, {"BypassGovernanceRetention": True}]

    for key, version in before:
        for way in ways:
            with pytest.raises(ClientError, match="AccessDenied"):
                locked.s3.delete_object(Bucket=locked.backup, Key=key, VersionId=version, **way)

    assert before
    assert locked.versions() == before


def test_the_doctor_sees_the_lock(locked: Locked) -> None:
    shown = locked.command("doctor")

    assert f"{locked.mode.lower()}, {DAYS} days" in shown, shown
