"""The whole job of s3-backup against one store, step by step, with what has to come out of each."""

import json
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import boto3
from botocore.config import Config

PROGRAM = Path("target/debug/s3-backup").resolve()
SECONDS = 120
MEBIBYTE = 1024 * 1024
KEYS = ("a", "b.txt", "c \u00e9 +&", "deep/er/x", "gone", "z")
# A real listing has `data 2.txt` before `data/x`, for a space comes before a slash.
ODD_KEYS = ("data/x", "data 2.txt", "data/")


class Failed(Exception):
    """What did not come out as it has to."""


@dataclass
class Played:
    """What became of the job on one store."""

    steps: dict = field(default_factory=dict)
    warnings: set = field(default_factory=set)
    texts: list = field(default_factory=list)


STEPS = ("run", "unchanged", "changed", "in parts", "deletions", "verify --deep", "plan", "diff", "runs", "restore",
         "undo", "odd keys")


class Job:
    """A source and a versioned backup bucket in one store."""

    def __init__(self, endpoint: str, creates_buckets: bool) -> None:
        self.endpoint = endpoint
        config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}, read_timeout=30)
        self.s3 = boto3.client(
            "s3", endpoint_url=endpoint, aws_access_key_id="test", aws_secret_access_key="test",
            region_name="us-east-1", config=config,
        )
        for pair in (("source", "backup"), ("source-odd", "backup-odd")) if creates_buckets else ():
            for bucket in pair:
                self.s3.create_bucket(Bucket=bucket)
            self.s3.put_bucket_versioning(Bucket=pair[1], VersioningConfiguration={"Status": "Enabled"})
        self.played = Played()

    def play(self) -> Played:
        for step in STEPS:
            try:
                getattr(self, "step_" + step.replace(" --", "_").replace(" ", "_"))()
                self.played.steps[step] = "yes"
            except Exception as error:  # One store's trouble is a line of the table.
                self.played.steps[step] = "no"
                self.played.texts.append((step, " ".join(str(error).split())[:600]))
        return self.played

    def step_run(self) -> None:
        for key in KEYS:
            self.put(key, f"1 {key}")
        self.expect(self.run(), objects_found=len(KEYS), objects_copied=len(KEYS))

    def step_unchanged(self) -> None:
        # What was written in the second of its copy is copied once more.
        self.run()
        self.expect(self.run(), objects_copied=0, objects_unchanged=len(KEYS))

    def step_changed(self) -> None:
        self.put("a", "2 and more")
        self.put("new", "1")
        self.expect(self.run(), objects_copied=2, objects_unchanged=len(KEYS) - 1)
        body = self.s3.get_object(Bucket="backup", Key="a")["Body"].read()
        if body != b"2 and more":
            raise Failed(f"the backup of a is {body!r}")

    def step_in_parts(self) -> None:
        upload = self.s3.create_multipart_upload(Bucket="source", Key="large", Metadata={"m": "1"})["UploadId"]
        here = {"Bucket": "source", "Key": "large", "UploadId": upload}
        sizes = (5 * MEBIBYTE, 5 * MEBIBYTE, 10)
        parts = [
            {"PartNumber": n, "ETag": self.s3.upload_part(**here, PartNumber=n, Body=bytes([n]) * size)["ETag"]}
            for n, size in enumerate(sizes, 1)
        ]
        self.s3.complete_multipart_upload(**here, MultipartUpload={"Parts": parts})
        self.expect(self.run(), objects_copied=1)
        copy = self.s3.get_object(Bucket="backup", Key="large")
        if copy["Body"].read() != b"".join(bytes([n]) * size for n, size in enumerate(sizes, 1)):
            raise Failed("the backup of large has other bytes")
        if copy["Metadata"] != {"m": "1"}:
            raise Failed(f"the backup of large has the metadata {copy['Metadata']}")

    def step_deletions(self) -> None:
        self.s3.delete_object(Bucket="source", Key="gone")
        self.expect(self.run("--deletions", "mark"), objects_marked_deleted=1)
        pages = self.s3.list_object_versions(Bucket="backup", Prefix="gone")
        if not pages.get("DeleteMarkers") or not pages.get("Versions"):
            raise Failed("the backup of gone has no marker, or no version below it")

    def step_verify_deep(self) -> None:
        result = self.result("verify", "--deep")
        counts = result["verified"]
        if counts["equal"] != result["objects_found"] or counts["wrong"]:
            raise Failed(f"verified {counts}")

    def step_plan(self) -> None:
        self.expect(self.result("plan"), objects_copied=0)

    def step_diff(self) -> None:
        text = self.command("diff", "latest~1", "latest")
        if "large" not in text and "gone" not in text:
            raise Failed(f"diff says {text}")

    def step_runs(self) -> None:
        runs = json.loads(self.command("runs", "--json"))
        if "run_id" not in json.dumps(runs):
            raise Failed(f"runs says {runs}")

    def step_restore(self) -> None:
        self.put("b.txt", "encrypted by somebody")
        result = self.result("restore", "b.txt", "large", "--run", "latest", "--yes")
        self.expect(result, objects_found=2, objects_unchanged=1)
        self.restore = result["restore"]["id"]
        self.expect_body("b.txt", b"1 b.txt")

    def step_undo(self) -> None:
        self.expect(self.result("restore", "--undo", self.restore, "--yes"), errors=0)
        self.expect_body("b.txt", b"encrypted by somebody")

    def expect_body(self, key: str, body: bytes) -> None:
        seen = self.s3.get_object(Bucket="source", Key=key)["Body"].read()
        if seen != body:
            raise Failed(f"{key} is {seen!r} in the source, not {body!r}")

    def step_odd_keys(self) -> None:
        for key in ODD_KEYS:
            self.s3.put_object(Bucket="source-odd", Key=key, Body=b"1")
        result = self.run(buckets=("source-odd", "backup-odd"))
        self.expect(result, objects_copied=len(ODD_KEYS))

    def put(self, key: str, body: str) -> None:
        self.s3.put_object(Bucket="source", Key=key, Body=body.encode(), Metadata={"m": "1"}, Tagging="t=1")

    def run(self, *flags: str, buckets: tuple = ("source", "backup")) -> dict:
        time.sleep(1.1)
        result = self.result("run", *flags, buckets=buckets)
        self.played.warnings.update(warning["code"] for warning in result["warnings"])
        return result

    def expect(self, result: dict, **counts: int) -> None:
        seen = {name: result[name] for name in counts}
        if result["status"] != "complete" or seen != counts:
            first = result["failures"][:1]
            said = f"{first[0]['message']}; {first[0]['advice']}" if first else result["message"]
            raise Failed(f"{said} ({seen} instead of {counts})" if not first else said)

    def result(self, *words: str, buckets: tuple = ("source", "backup")) -> dict:
        return json.loads(self.command(*words, "--json", buckets=buckets))

    def command(self, *words: str, buckets: tuple = ("source", "backup")) -> str:
        env = {
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
            "BACKUP_MULTIPART_THRESHOLD": "5 MiB",
        }
        done = subprocess.run(
            [PROGRAM, *words, "--source", buckets[0], "--destination", buckets[1]],
            env=env, capture_output=True, text=True, timeout=SECONDS, check=False,
        )
        # 3: it ran, and its result says what is wrong.
        if done.returncode not in (0, 3):
            raise Failed(done.stderr)
        return done.stdout
