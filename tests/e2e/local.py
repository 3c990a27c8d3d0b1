"""What the tests do to the AWS on this machine: all of it with the AWS command line, as operators do it."""

import json
import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aws_command

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "cdk" / "cloudformation" / "s3-backup.template.json"
# A test in a browser needs no package as small as that which is deployed.
PACKAGE = Path(os.environ.get("PACKAGE") or ROOT / "dist" / "bootstrap.zip")
# Below it the program keeps its own objects in a backup bucket.
STATE = ".s3-backup/"
SECONDS_FOR_A_COMMAND = 120


class CommandFailed(Exception):
    """A command of the AWS command line that was refused; its text is what the command line said."""


@dataclass(frozen=True)
class Invocation:
    """The answer of the function."""

    result: dict
    error: "str | None"


class Aws:
    """The AWS command line, with certain credentials."""

    def __init__(self, env: dict, folder: Path) -> None:
        self.env = env
        self.folder = folder

    def as_role(self, arn: str) -> "Aws":
        """The same with the credentials of a role."""
        given = self("sts", "assume-role", "--role-arn", arn, "--role-session-name", "test")["Credentials"]
        names = {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }
        return Aws({**self.env, **names}, self.folder)

    def __call__(self, *arguments: "str | Path") -> dict:
        """Runs a command and reads the JSON that it prints, if it prints any."""
        command = [*map(str, arguments), "--output", "json"]
        code, said, complained = aws_command.run(command, self.env, ROOT)
        if code != 0:
            raise CommandFailed(f"aws {shlex.join(command)}: {complained.strip()}")
        return json.loads(said) if said.startswith("{") else {}

    def run(self, *command: "str | Path") -> subprocess.CompletedProcess:
        return subprocess.run(
            list(map(str, command)), env=self.env, cwd=ROOT, capture_output=True, encoding="utf-8",
            timeout=SECONDS_FOR_A_COMMAND, check=False,
        )

    @contextmanager
    def file(self, content: bytes = b"") -> Iterator[Path]:
        """A file for one command."""
        with tempfile.NamedTemporaryFile(dir=self.folder) as file:
            path = Path(file.name)
            path.write_bytes(content)
            yield path

    def new_bucket(self, name: str, versioned: bool = False) -> str:
        self("s3api", "create-bucket", "--bucket", name)
        if versioned:
            self.set_versioning(name, "Enabled")
        return name

    def new_bucket_in(self, region: str, name: str) -> str:
        self("s3api", "create-bucket", "--bucket", name, "--create-bucket-configuration", f"LocationConstraint={region}")
        return name

    def set_versioning(self, bucket: str, status: str) -> None:
        self("s3api", "put-bucket-versioning", "--bucket", bucket, "--versioning-configuration", f"Status={status}")

    def put(self, bucket: str, key: str, content: bytes, *more: str) -> None:
        with self.file(content) as body:
            self("s3api", "put-object", "--bucket", bucket, "--key", key, "--body", body, *more)

    def put_all(self, bucket: str, contents: "dict[str, bytes]") -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda item: self.put(bucket, *item), contents.items()))

    def get(self, bucket: str, key: str) -> bytes:
        with self.file() as body:
            self("s3api", "get-object", "--bucket", bucket, "--key", key, body)
            return body.read_bytes()

    def get_all(self, bucket: str, keys: "list[str]") -> "dict[str, bytes]":
        with ThreadPoolExecutor(4) as pool:
            return dict(zip(keys, pool.map(lambda key: self.get(bucket, key), keys)))

    def keys(self, bucket: str, prefix: str = "") -> "list[str]":
        """The keys below a prefix; without the program's own, unless they are asked for."""
        listed = self("s3api", "list-objects-v2", "--bucket", bucket, "--prefix", prefix)
        keys = [row["Key"] for row in listed.get("Contents", [])]
        return [key for key in keys if prefix.startswith(STATE) or not key.startswith(STATE)]

    def versions(self, bucket: str, key: str) -> "list[dict]":
        """The versions of one key, newest first."""
        listed = self("s3api", "list-object-versions", "--bucket", bucket, "--prefix", key)
        return [row for row in listed.get("Versions", []) if row["Key"] == key]

    def invoke(self, function: str, payload: object) -> Invocation:
        next_second()
        with self.file(json.dumps(payload).encode()) as request, self.file() as answer:
            said = self("lambda", "invoke", "--function-name", function, "--payload", f"file://{request}", answer)
            return Invocation(json.loads(answer.read_bytes()), said.get("FunctionError"))


def next_second() -> None:
    """Lets the second pass in which objects were written: a backup proves something only if it is of a later one."""
    time.sleep(1.1)


def log_lines(aws: "Aws", group: str, containing: str) -> "list[str]":
    """The lines of a log that contain a text."""
    events = aws("logs", "filter-log-events", "--log-group-name", group).get("events", [])
    return [event["message"].strip() for event in events if containing in event["message"]]


def outputs_of(aws: "Aws", stack: str) -> "dict[str, str]":
    """The outputs of a stack, by their names."""
    [described] = aws("cloudformation", "describe-stacks", "--stack-name", stack)["Stacks"]
    return {row["OutputKey"]: row["OutputValue"] for row in described["Outputs"]}


@dataclass(frozen=True)
class Stack:
    """The stack of the committed template, deployed."""

    aws: Aws
    name: str
    primary: str
    backup: str
    function: str
    log: str

    @classmethod
    def deploy(cls, aws: Aws, name: str, **parameters: str) -> "Stack":
        endpoint = aws.env["AWS_ENDPOINT_URL"]
        given = {"CodeBucket": "packages", "CodeKey": "bootstrap.zip", "AwsEndpointUrl": endpoint, **parameters}
        aws(
            "cloudformation", "deploy", "--stack-name", name, "--template-file", TEMPLATE,
            "--s3-bucket", "packages", "--capabilities", "CAPABILITY_IAM",
            "--parameter-overrides", *(f"{parameter}={value}" for parameter, value in given.items()),
        )
        outputs = outputs_of(aws, name)
        names = ("SourceBucketName", "BackupBucketName", "FunctionName", "LogGroupName")
        return cls(aws, name, *(outputs[output] for output in names))

    def run(self, payload: object) -> dict:
        """The result of a run that started."""
        invocation = self.aws.invoke(self.function, payload)
        assert invocation.error is None, invocation.result
        return invocation.result

    def refusal(self, payload: object) -> "tuple[str, str]":
        """Type and message of the error of a run that did not start."""
        invocation = self.aws.invoke(self.function, payload)
        assert invocation.error == "Unhandled", invocation.result
        return invocation.result["errorType"], invocation.result["errorMessage"]

    @contextmanager
    def settings(self, **changes: "str | None") -> Iterator[None]:
        """Other environment variables for a while; None takes one away."""
        before = self._configuration()["Environment"]["Variables"]
        after = {name: value for name, value in {**before, **changes}.items() if value is not None}
        self._set_variables(after)
        try:
            yield
        finally:
            self._set_variables(before)

    def role(self) -> str:
        return self._configuration()["Role"]

    def _configuration(self) -> dict:
        return self.aws("lambda", "get-function-configuration", "--function-name", self.function)

    def _set_variables(self, variables: dict) -> None:
        environment = json.dumps({"Variables": variables})
        self.aws(
            "lambda", "update-function-configuration", "--function-name", self.function, "--environment", environment
        )
