"""Other tools that do the same, as well as their options let them: how each is called, and which are here."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cases import IN_FLIGHT

INSTALLED = Path(".venv-rivals/bin").resolve()
SECONDS_TO_TELL_VERSION = 20


@dataclass(frozen=True)
class Rival:
    """A tool, and its command for an endpoint."""

    name: str
    version: list[str]
    command: Callable[[str], list[str]]


def aws(endpoint: str) -> list[str]:
    return ["s3", "sync", "s3://primary", "s3://backup", "--endpoint-url", endpoint, "--only-show-errors"]


def s5cmd(endpoint: str) -> list[str]:
    options = ["--endpoint-url", endpoint, "--numworkers", str(IN_FLIGHT), "--log", "error"]
    return [*options, "sync", "s3://primary/*", "s3://backup/"]


def rclone(endpoint: str) -> list[str]:
    """With checksums: its default asks for each object singly."""
    settings = "provider=Other,env_auth=true,force_path_style=true,no_check_bucket=true,list_version=2"
    remote = f':s3,{settings},endpoint="{endpoint}":'
    options = ["--checksum", "--fast-list", "--s3-no-head"]
    options += ["--checkers", str(IN_FLIGHT), "--transfers", str(IN_FLIGHT)]
    return ["sync", f"{remote}primary", f"{remote}backup", *options]


def s3sync(endpoint: str) -> list[str]:
    """Deeper than its default, at which it lists a bucket of few folders at the top one page after the other."""
    options = ["--server-side-copy", "--worker-size", str(IN_FLIGHT)]
    options += ["--max-parallel-listings", "32", "--max-parallel-listing-max-depth", "8"]
    for side in ("source", "target"):
        options += [f"--{side}-endpoint-url", endpoint, f"--{side}-force-path-style", f"--{side}-region", "us-east-1"]
    return [*options, "s3://primary", "s3://backup"]


RIVALS = [
    Rival("aws", ["--version"], aws),
    Rival("s5cmd", ["version"], s5cmd),
    Rival("rclone", ["version"], rclone),
    Rival("s3sync", ["--version"], s3sync),
]


def search_path() -> str:
    return f"{INSTALLED}:{os.environ['PATH']}"


def environment(folder: Path, endpoint: str) -> dict[str, str]:
    """This machine's, with nothing in it that could lead to a real account."""
    ours = ("AWS_", "RCLONE_", "S3_", "SOURCE_", "TARGET_", "BACKUP_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    settings = folder / "aws-config"
    settings.write_text(f"[default]\nregion = us-east-1\ns3 =\n  max_concurrent_requests = {IN_FLIGHT}\n")
    return kept | {
        "PATH": search_path(),
        "TMPDIR": str(folder),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(settings),
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "RCLONE_CONFIG": "",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


def find() -> tuple[dict[str, tuple[Rival, str, str]], list[str]]:
    """Those that are here, each with its program and its version, and a line for each that is not."""
    here, absent = {}, []
    for rival in RIVALS:
        program = shutil.which(rival.name, path=search_path())
        if program is None:
            absent.append(f"{rival.name} is not installed: left out")
            continue
        told = version(program, rival)
        if told is None:
            absent.append(f"{program} does not tell its version: left out")
            continue
        here[rival.name] = (rival, program, told)
    return here, absent


def version(program: str, rival: Rival) -> "str | None":
    try:
        told = subprocess.run(
            [program, *rival.version],
            capture_output=True,
            text=True,
            timeout=SECONDS_TO_TELL_VERSION,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = (told.stdout + told.stderr).strip().splitlines()
    return lines[0].split(" Python/")[0].split(" (")[0] if lines else None
