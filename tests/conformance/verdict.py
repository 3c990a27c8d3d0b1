"""Three nights of a tool, and what is to be said of them, by what is in the buckets after each."""

from dataclasses import dataclass, field

from holes import Case, nothing
from s3 import Seen
from stage import BACKUP, DAY, PRIMARY, Stage
from tools import Tool

OK = "ok"
OWN_STATE = ".s3-backup/"
ADDED = "added metadata"
# Larger contents are compared by the simulator.
READ_MAX = 16 * 1024 * 1024


@dataclass(frozen=True)
class Night:
    """The mistakes after it, whether the tool says that all is well, and whether it has written anything."""

    wrong: set[str]
    content: bool
    copied: bool


@dataclass
class Verdict:
    """What went wrong, in words of the table, and what the tool itself said of it."""

    faults: list[str] = field(default_factory=list)
    said: str = ""

    def add(self, fault: str) -> None:
        if fault not in self.faults:
            self.faults.append(fault)

    def __str__(self) -> str:
        return "; ".join(self.faults) or OK


class Nights:
    """A stage on which a tool is run once a night."""

    def __init__(self, stage: Stage, case: Case, tool: Tool, seconds: float) -> None:
        self.stage, self.case, self.tool, self.seconds = stage, case, tool, seconds
        self.verdict = Verdict()

    def pass_one(self) -> Night:
        before = own_versions(self.stage)
        self.stage.advance(DAY)
        run = self.tool.run(self.stage.endpoint, self.case, self.seconds)
        if run.timed_out:
            self.verdict.add(f"stopped after {self.seconds:g} s")
        elif run.code != 0 and not self.case.refusable:
            self.verdict.add(f"fails, exit code {run.code}")
        if run.timed_out or run.code != 0:
            self.verdict.said = self.verdict.said or telling_line(run.err)
        wrong = wrongs(self.stage)
        if ADDED in wrong:
            self.verdict.add("adds metadata")
        return Night(wrong - {ADDED}, run.code == 0, own_versions(self.stage) != before)


def of(case: Case, tool: Tool, seconds: float) -> Verdict:
    """Plays a case."""
    with Stage(case.arguments) as stage:
        case.prepare(stage)
        nights = Nights(stage, case, tool, seconds)
        first = nights.pass_one()
        if first.content:
            judge_first(nights.verdict, first.wrong)
        if not case.hopeless:
            before = stage.keys(PRIMARY)
            case.change(stage)
            judge_others(nights, first, before)
        return nights.verdict


def judge_first(verdict: Verdict, wrong: set[str]) -> None:
    """Judges a copy that is said to be complete."""
    for kind in sorted(wrong):
        verdict.add("left out silently" if kind in ("missing", "content") else f"loses {kind}")


def judge_others(nights: Nights, first: Night, before: list[str]) -> None:
    """Judges the night after the change, and quiet ones: a second one, if something was copied in the first of them."""
    verdict = nights.verdict
    second, third = nights.pass_one(), nights.pass_one()
    if nights.case.deletes:
        if not set(before) <= set(nights.stage.keys(BACKUP)):
            verdict.add("wipes the backup")
        return
    unseen = second.wrong - first.wrong
    if second.content and unseen:
        if nights.case.change is nothing:
            judge_first(verdict, unseen)
        else:
            verdict.add("missed" if unseen & third.wrong else "a night late")
    elif third.copied and nights.pass_one().copied:
        verdict.add("copies again every night")


def wrongs(stage: Stage) -> set[str]:
    """How the backup differs from the source, if at all."""
    found = set()
    large = False
    for key in stage.keys(PRIMARY):
        own, copy = stage.see(PRIMARY, key), stage.see(BACKUP, key)
        if copy is None:
            found.add("missing")
            continue
        found |= differing(own, copy)
        if own.size != copy.size:
            found.add("content")
        elif own.size > READ_MAX:
            large = True
        elif stage.read(PRIMARY, key) != stage.read(BACKUP, key):
            found.add("content")
    if large and not found and stage.differences():
        found.add("content")
    return found


def differing(own: Seen, copy: Seen) -> set[str]:
    found = set()
    if any(copy.headers.get(name) != value for name, value in own.headers.items()):
        found.add("metadata")
    if own.is_described and copy.headers.keys() - own.headers.keys():
        found.add(ADDED)
    if own.tags != copy.tags:
        found.add("tags")
    return found


def own_versions(stage: Stage) -> list[tuple[str, str]]:
    """The objects of the backup, without what a run notes for itself."""
    return [(key, version) for key, version in stage.versions(BACKUP) if not key.startswith(OWN_STATE)]


def telling_line(text: str) -> str:
    """The first one that speaks of an error, or else the first one."""
    lines = text.strip().splitlines() or [""]
    return next((line for line in lines if "error" in line.lower() or "failed" in line.lower()), lines[0])
