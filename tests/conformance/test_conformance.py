"""Our program closes the holes that it says it closes, the page says so, and a bad tool would be found out.

Without `make conformance` there are no other tools in here: they are none of our promises.
"""

import sys
from pathlib import Path

import holes
import page
import pytest
import rivals
import tools
import verdict
from holes import Case
from stage import BACKUP, PRIMARY
from tools import Tool
from verdict import Verdict

PAGE = Path(__file__).parents[2] / "docs/comparison.md"
SECONDS = 120
BY_NAME = {case.name: case for case in holes.ALL}
# A tool that copies all there is each time, by reading and writing: no header travels.
COPY_ALL = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from s3 import S3
s3 = S3(sys.argv[1])
for key in s3.keys({PRIMARY!r}):
    s3.put({BACKUP!r}, key, s3.read({PRIMARY!r}, key))
"""


def copy_all(endpoint: str, _: Case) -> list[str]:
    return [sys.executable, "-c", COPY_ALL, endpoint]


def copy_once(endpoint: str, _: Case) -> list[str]:
    """As long as the backup is empty."""
    once = COPY_ALL.replace("for key", f"if s3.keys({BACKUP!r}): sys.exit()\nfor key")
    return [sys.executable, "-c", once, endpoint]


def verdict_of(name: str, command: object) -> str:
    return str(verdict.of(BY_NAME[name], Tool("tool", "1", command), SECONDS))


@pytest.mark.parametrize("name", [case.name for case in holes.ALL if not case.slow])
def test_ours_does_what_the_page_says(name: str) -> None:
    case = BY_NAME[name]

    found = verdict.of(case, tools.ours(), SECONDS)

    assert str(found) == holes.KNOWN_OF_OURS.get(name, verdict.OK), found.said
    assert line_of(case)[1] == page.cell(found)


def line_of(case: Case) -> list[str]:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return next(cells for cells in (line.split(" | ") for line in lines) if cells[0] == f"| {case.title}")


@pytest.mark.parametrize(
    ("name", "command", "expected"),
    [
        ("same-second", lambda *_: ["true"], "left out silently"),
        ("same-second", lambda *_: ["false"], "fails, exit code 1"),
        ("same-second", copy_once, "missed"),
        ("same-second", copy_all, "copies again every night"),
        ("tags-only", copy_once, "loses tags"),
        ("metadata-rewrite", copy_all, "loses metadata; copies again every night"),
        ("backup-deleted", copy_once, "missed"),
        ("emptied", copy_all, verdict.OK),
        ("described-6-gib", lambda *_: ["true"], "left out silently"),
        ("copy-200-all", lambda *_: ["true"], "left out silently"),
        ("copy-200-all", lambda *_: ["false"], verdict.OK),
    ],
)
def test_a_bad_tool_is_found_out(name: str, command: object, expected: str) -> None:
    assert verdict_of(name, command) == expected


def test_a_tool_that_never_ends_is_stopped() -> None:
    tool = Tool("tool", "1", lambda *_: ["sleep", "60"])

    found = verdict.of(BY_NAME["copy-200-all"], tool, 0.2)

    assert str(found) == "stopped after 0.2 s"


def test_options_stand_behind_the_word_sync_and_only_where_they_are_asked_for() -> None:
    known = {rival.name: rival for rival in rivals.RIVALS}
    rclone = tools.command_of(known["rclone"], "rclone", tools.VARIANTS["rclone"]["rclone, by date"])
    s5cmd = tools.command_of(known["s5cmd"], "s5cmd", tools.VARIANTS["s5cmd"]["s5cmd"])

    assert rclone("http://x", BY_NAME["parts"])[1:4] == ["sync", "--metadata", "--no-unicode-normalization"]
    assert "--checksum" not in rclone("http://x", BY_NAME["parts"])
    assert "aws:kms" in rclone("http://x", BY_NAME["kms-backup"])
    assert s5cmd("http://x", BY_NAME["emptied"])[-4:] == ["sync", "--delete", "s3://primary/*", "s3://backup/"]
    assert "--delete" not in s5cmd("http://x", BY_NAME["parts"])
    assert s5cmd("http://x", BY_NAME["copy-200-all"])[1:3] == ["--retry-count", "2"]


def test_a_fault_stands_out_in_the_table() -> None:
    tool, case = Tool("tool", "1", lambda *_: []), BY_NAME["parts"]

    text = page.whole([tool], [case], {("parts", "tool"): Verdict(["missed"])}, ["other is not installed: left out"])

    assert text.endswith("| A change of the source | tool |\n| --- | --- |\n"
                         "| uploaded in parts (5 and 1 MiB), then overwritten | **missed** |\n")
    assert "- other is not installed: left out" in text
