"""The tools that are compared: ours, and those of the benchmark as it calls them, if they are here."""

import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from holes import Case
from stage import BACKUP, PRIMARY, NotStarted

import built
import process
import rivals

PROGRAM = str(built.COMMAND_LINE)
OURS = "s3-backup"


@dataclass(frozen=True)
class Options:
    """In what a command differs from that of the benchmark."""

    more: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    # To delete from the backup what the source has no more.
    deleting: tuple[str, ...] = ("--delete",)
    # Where it has to be told of a KMS key.
    under_kms: tuple[str, ...] = ()
    # Not to try for minutes what cannot be done; stands before the word `sync`.
    impatient: tuple[str, ...] = ()


# rclone deletes anyway. It has two rules that are worth a comparison: dates, which it keeps in the metadata, with a
# question for each object; and checksums, for which it needs no more than listings.
RCLONE = {
    "deleting": (),
    "under_kms": ("--s3-server-side-encryption", "aws:kms"),
    "impatient": ("--retries", "1", "--low-level-retries", "2"),
}
# Without them rclone takes some keys for others.
EXACT_KEYS = ("--no-unicode-normalization", "--s3-encoding", "None")
VARIANTS = {
    "aws": {"aws": Options()},
    "s5cmd": {"s5cmd": Options(impatient=("--retry-count", "2"))},
    "rclone": {
        "rclone, by date": Options(("--metadata", *EXACT_KEYS), ("--checksum", "--s3-no-head"), **RCLONE),
        "rclone, by checksum": Options(EXACT_KEYS, **RCLONE),
    },
    "s3sync": {"s3sync": Options()},
}


@dataclass(frozen=True)
class Tool:
    """A program, and its command for an endpoint and a case."""

    name: str
    version: str
    command: Callable[[str, Case], list[str]]

    def run(self, endpoint: str, case: Case, seconds: float) -> process.Run:
        with tempfile.TemporaryDirectory() as folder:
            # A home of its own: what a tool remembers there must not help it on another night.
            env = rivals.environment(Path(folder), endpoint) | {"HOME": folder}
            return process.run(self.command(endpoint, case), env, seconds)


def ours() -> Tool:
    def command(_: str, case: Case) -> list[str]:
        deleting = ["--deletions", "mark"] if case.deletes else []
        return [PROGRAM, "run", "--json", "--source", PRIMARY, "--destination", BACKUP, *deleting]

    return Tool(OURS, version_of_ours(), command)


def theirs() -> tuple[list[Tool], list[str]]:
    """Those that are here, and a line for each that is not."""
    here, absent = rivals.find()
    tools = []
    for name, (rival, program, version) in here.items():
        for title, options in VARIANTS[name].items():
            tools.append(Tool(title, version, command_of(rival, program, options)))
    return tools, absent


def command_of(rival: rivals.Rival, program: str, options: Options) -> Callable[[str, Case], list[str]]:
    def command(endpoint: str, case: Case) -> list[str]:
        own = [word for word in rival.command(endpoint) if word not in options.without]
        # Behind the word `sync`, or if there is none, behind the program.
        at = own.index("sync") + 1 if "sync" in own else 0
        more = [*options.more, *(options.deleting if case.deletes else ()), *(options.under_kms if case.kms else ())]
        return [program, *(options.impatient if case.hopeless else ()), *own[:at], *more, *own[at:]]

    return command


def version_of_ours() -> str:
    try:
        told = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError) as error:
        raise NotStarted(f"{PROGRAM} cannot be started ({error}): run make conformance, which builds it") from error
    return told.stdout.split()[-1]
