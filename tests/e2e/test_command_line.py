"""The command line does the same work, with exit codes for scripts."""

import json
import subprocess
from pathlib import Path

import odd_keys
import pytest
from local import Aws, Stack, next_second

COMPLETE, COULD_NOT_RUN, USAGE, INCOMPLETE = 0, 1, 2, 3


class Terminal:
    """A bucket, its backup, and somebody who types."""

    def __init__(self, aws: Aws, command: Path, name: str) -> None:
        self.aws, self.command = aws, command
        self.source = aws.new_bucket(f"{name}-source")
        self.backup = aws.new_bucket(f"{name}-backup", versioned=True)

    def run(self, *flags: str) -> subprocess.CompletedProcess:
        next_second()
        return self.aws.run(self.command, "run", "--source", self.source, "--destination", self.backup, *flags)


@pytest.fixture
def terminal(aws: Aws, command: Path, request: pytest.FixtureRequest) -> Terminal:
    number = request.session.items.index(request.node)
    terminal = Terminal(aws, command, f"terminal-{number}")
    aws.put(terminal.source, "data/report.txt", b"content")
    return terminal


def test_it_prints_the_result_of_the_function(aws: Aws, stack: Stack, terminal: Terminal) -> None:
    shown = terminal.run("--json")

    assert (shown.returncode, shown.stderr) == (COMPLETE, "")
    result = json.loads(shown.stdout)
    assert (result["status"], result["objects_copied"]) == ("complete", 1)
    assert aws.get(terminal.backup, "data/report.txt") == b"content"
    assert list(result) == list(stack.run({}))


def test_it_tells_people_what_it_did(terminal: Terminal) -> None:
    shown = terminal.run()

    assert shown.returncode == COMPLETE
    assert shown.stdout.startswith("Backed up 1 object: 1 copied\n")
    assert terminal.run().stdout.startswith("Backed up 1 object: 0 copied, 1 unchanged\n")


def test_a_dry_run_copies_nothing(aws: Aws, terminal: Terminal) -> None:
    shown = terminal.run("--dry-run", "--json")

    assert shown.returncode == COMPLETE
    assert json.loads(shown.stdout)["objects_to_copy"] == 1
    assert aws.keys(terminal.backup) == []


def test_globs_and_a_prefix_choose_what_is_copied(aws: Aws, terminal: Terminal) -> None:
    aws.put_all(terminal.source, {"data/a.log": b"", "data/b.txt": b"", "other/c.txt": b""})

    shown = terminal.run("--prefix", "data/", "--exclude", "**/*.log", "--json")

    assert shown.returncode == COMPLETE, shown.stderr
    assert aws.keys(terminal.backup) == ["data/b.txt", "data/report.txt"]


def test_a_source_that_is_not_there_ends_with_1(terminal: Terminal) -> None:
    terminal.source = "nobody-has-this-bucket"

    shown = terminal.run()

    assert (shown.returncode, shown.stdout) == (COULD_NOT_RUN, "")
    assert "nobody-has-this-bucket" in shown.stderr


def test_a_backup_bucket_without_versions_ends_with_1(aws: Aws, terminal: Terminal) -> None:
    aws.set_versioning(terminal.backup, "Suspended")

    shown = terminal.run()

    assert shown.returncode == COULD_NOT_RUN
    assert terminal.backup in shown.stderr
    assert aws.keys(terminal.backup) == []


def test_odd_keys_that_the_function_cannot_be_tested_with_are_copied_too(aws: Aws, terminal: Terminal) -> None:
    contents = odd_keys.contents(odd_keys.PERMISSION_MISTAKEN)
    aws.put_all(terminal.source, contents)

    shown = terminal.run("--json")

    assert (shown.returncode, json.loads(shown.stdout)["failures"]) == (COMPLETE, [])
    assert aws.get_all(terminal.backup, list(contents)) == contents


@pytest.mark.parametrize("flags", [["--no-such-flag"], ["--mode", "fulll"], ["--max-concurrency", "many"]])
def test_wrong_usage_ends_with_2(aws: Aws, terminal: Terminal, flags: "list[str]") -> None:
    shown = terminal.run(*flags)

    assert (shown.returncode, shown.stdout) == (USAGE, "")
    assert flags[0] in shown.stderr
    assert aws.keys(terminal.backup) == []


def test_an_object_that_cannot_be_backed_up_ends_with_3_and_the_others_are_copied(
    aws: Aws, terminal: Terminal
) -> None:
    # Keys below .s3-backup/ are the program's own: an object of that name must not mix with them.
    aws.put(terminal.source, ".s3-backup/mine", b"content")

    shown = terminal.run("--json")

    assert shown.returncode == INCOMPLETE
    result = json.loads(shown.stdout)
    assert (result["statusCode"], result["status"], result["errors"]) == (500, "incomplete", 1)
    assert result["failures"][0]["key"] == ".s3-backup/mine"
    assert aws.keys(terminal.backup) == ["data/report.txt"]
