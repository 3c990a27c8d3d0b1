"""The commands of docs/restore.md that bring objects back without the program: they are taken from the page, word for word."""

import re
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from local import ROOT, STATE, Aws, next_second

PAGE = (ROOT / "docs" / "restore.md").read_text(encoding="utf-8").partition("\n## By hand\n")[2]
# Names that a shell, a URL or a table of tabs could take for something else.
ODD = "a + b & 50 %41 ü/it's.txt"
BEFORE = {"reports/1.pdf": b"the report as it was", "gone since.txt": b"deleted later", ODD: b"odd"}
NOW = {"reports/1.pdf": b"encrypted by a stranger!", ODD: b"odd", "came later.txt": b"new"}
# The local AWS thaws within two seconds.
LOOKS = 10
OWN = f"{STATE}job/restores/lease-primary.json"


def blocks(kind: str) -> "list[str]":
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def commands() -> "list[str]":
    """The commands of the page, each with its lines; what they print is left out."""
    return [found for block in blocks("console") for found in re.findall(r"^\$ ((?:.*\\\n)*.*)$", block, re.MULTILINE)]


def command(beginning: str) -> str:
    [found] = [command for command in commands() if command.startswith(beginning)]
    return found


def printed_after(beginning: str) -> "list[str]":
    """What the page says that a command prints."""
    [block] = [block for block in blocks("console") if f"$ {beginning}" in block]
    behind = block.partition(command(beginning))[2].partition("\n$ ")[0]
    return behind.strip("\n").splitlines()


@dataclass(frozen=True)
class World:
    """A backup bucket with two states, and the moment between them."""

    aws: Aws
    moment: str

    def type(self, text: str, **names: str) -> str:
        """Types a command of the page into a shell, with other ids than there, and returns what it prints."""
        for written, meant in names.items():
            assert written in text, f"{written} is not in {text}"
            text = text.replace(written, meant)
        shown = self.aws.run("bash", "-c", text)
        assert shown.returncode == 0, f"{text}: {shown.stderr}"
        return shown.stdout

    def content(self, bucket: str) -> "dict[str, bytes]":
        return self.aws.get_all(bucket, self.aws.keys(bucket))


@pytest.fixture(scope="module")
def world(aws: Aws) -> World:
    for bucket in ("backup", "primary", "primary-2"):
        aws.new_bucket(bucket, versioned=True)
    aws.put_all("backup", {ODD: b"a draft", "gone before.txt": b"deleted earlier"})
    next_second()
    aws("s3api", "delete-object", "--bucket", "backup", "--key", "gone before.txt")
    aws.put_all("backup", {**BEFORE, OWN: b"{}"})
    next_second()
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    next_second()
    aws("s3api", "delete-object", "--bucket", "backup", "--key", "gone since.txt")
    aws.put_all("backup", {key: body for key, body in NOW.items() if BEFORE.get(key) != body})
    return World(aws, moment)


def test_each_command_of_the_page_is_tried_here() -> None:
    """A command that is added to the page needs a test."""
    beginnings = [" ".join(command.split()[:3]) for command in commands()]

    assert beginnings == [
        "aws s3 sync", "aws s3api list-object-versions", "aws s3api copy-object", "aws s3api restore-object",
        "aws s3api head-object",
    ]
    assert len(blocks("sh")) == 1


def test_what_is_current_is_synchronised(world: World) -> None:
    world.type(command("aws s3 sync"))

    assert world.content("primary-2") == NOW
    assert world.aws.keys("primary-2", STATE) == []


def test_one_object_comes_back_by_its_version(world: World) -> None:
    world.aws.put("primary", "reports/1.pdf", b"damaged")

    listed = world.type(command("aws s3api list-object-versions")).splitlines()

    # Newest first, in the columns that the page shows.
    shown = printed_after("aws s3api list-object-versions")
    columns = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t\S+\t\d+\tSTANDARD")
    assert len(listed) == len(shown) == 2
    assert all(columns.fullmatch(line) for line in [*listed, *shown]), listed
    copy = command("aws s3api copy-object")
    [written] = re.findall(r"versionId=(\w+)", copy)
    assert written == shown[-1].split("\t")[1]
    world.type(copy, **{written: listed[-1].split("\t")[1]})
    assert world.aws.get("primary", "reports/1.pdf") == BEFORE["reports/1.pdf"]
    assert len(world.aws.versions("primary", "reports/1.pdf")) == 2


def test_all_objects_come_back_as_they_were_at_a_moment(world: World, tmp_path: Path) -> None:
    [script] = blocks("sh")
    (tmp_path / "moment.sh").write_text(script, encoding="utf-8")
    [[backup, target, moment]] = re.findall(r"As `moment\.sh (\S+) (\S+) (\S+)`:", PAGE)
    world.aws("s3", "rm", "--recursive", f"s3://{target}/")

    shown = world.type(f"sh {tmp_path}/moment.sh {backup} {target} {moment}", **{moment: world.moment})

    assert world.content(target) == BEFORE
    assert world.aws.keys(target, STATE) == []
    assert sorted(shown.splitlines()) == sorted(BEFORE)


def test_an_archived_version_is_asked_for(world: World) -> None:
    world.aws.put("backup", "cold.txt", b"cold", "--storage-class", "GLACIER")
    [version] = world.aws.versions("backup", "cold.txt")

    world.type(command("aws s3api restore-object"), ID=version["VersionId"])
    look = command("aws s3api head-object")
    world.type(look, ID=version["VersionId"])

    # The local AWS asks for the current version whatever is named, and tells of that alone.
    current = look.replace(" --version-id ID", "")
    said = [world.type(current).strip()]
    while said[-1] == 'ongoing-request="true"' and len(said) < LOOKS:
        time.sleep(1)
        said.append(world.type(current).strip())
    assert said[-1].startswith('ongoing-request="false", expiry-date='), said
    assert printed_after("aws s3api head-object")[0] == 'ongoing-request="true"'
    assert 'It can be copied once that says `ongoing-request="false"`' in PAGE
