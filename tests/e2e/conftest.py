"""One AWS on this machine for all tests, with the stack deployed from the committed template."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from local import PACKAGE, ROOT, Aws, Stack

START_AND_STOP = ROOT / "scripts" / "local_aws.py"


def pytest_configure() -> None:
    # So that fixtures are torn down, and the server with them, when somebody ends the tests politely.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def aws(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    if not PACKAGE.exists():
        pytest.exit(f"there is no package at {PACKAGE}: build it with 'make package'", returncode=1)
    folder = tmp_path_factory.mktemp("aws")
    files = tmp_path_factory.mktemp("files")
    try:
        subprocess.run([sys.executable, START_AND_STOP, "start", folder], check=True)
        aws = Aws(environment(folder / "env.sh"), files)
        aws.new_bucket("packages")
        aws("s3api", "put-object", "--bucket", "packages", "--key", "bootstrap.zip", "--body", PACKAGE)
        yield aws
    finally:
        subprocess.run([sys.executable, START_AND_STOP, "stop", folder], check=True)
        if request.session.testsfailed:
            show_end((folder / "server.log").read_text(encoding="utf-8", errors="replace"))
        shutil.rmtree(folder)


def show_end(log: str) -> None:
    print("\nthe end of the log of the local AWS:", *(line[:300] for line in log.splitlines()[-60:]), sep="\n")


def environment(script: Path) -> dict:
    """The variables of a shell that has read the script."""
    shown = subprocess.run(
        ["bash", "-c", '. "$1" && env -0', "bash", script], check=True, capture_output=True, text=True
    ).stdout
    variables = dict(line.split("=", 1) for line in shown.split("\0") if "=" in line)
    # The settings of whoever runs the tests are not those of the command line under test.
    ours = ("BACKUP_", "SOURCE_BUCKET", "DESTINATION_BUCKET", "RUST_LOG")
    return {name: value for name, value in variables.items() if not name.startswith(ours)}


@pytest.fixture(scope="session")
def stack(aws: Aws) -> Stack:
    return Stack.deploy(aws, "s3-backup")


@pytest.fixture(scope="session")
def scheduled(aws: Aws) -> Stack:
    """A stack that backs up a bucket that was there before, every minute, and that nobody invokes."""
    existing = aws.new_bucket("customer-data")
    aws.put(existing, "written before the first run", b"first")
    return Stack.deploy(aws, "scheduled", SourceBucket=existing, Schedule="rate(1 minute)")


@pytest.fixture(scope="session", autouse=True)
def schedule_ticks_meanwhile(request: pytest.FixtureRequest) -> None:
    """Deploys the scheduled stack first if anybody wants it: the minute passes while other tests run."""
    if any("scheduled" in item.fixturenames for item in request.session.items):
        request.getfixturevalue("scheduled")


@pytest.fixture(scope="session")
def command() -> Path:
    """The command line, up to date."""
    # With the environment of the tests and without a limit: it may be the first build.
    subprocess.run([ROOT / "scripts" / "programs", "s3-backup"], check=True, env={**os.environ, "BUILD": "debug"})
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "s3-backup"
