"""The cases, each as data, with what must be reached and what cannot be beaten."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from process import Run
from simulator import LATENCY_MS, Report

# The names of cases that belong together: keys of many forms, and one CPU beside two.
SHAPES, CPUS = "shapes", "cpus"
GROUPS = (SHAPES, CPUS)
# Those forms, which the simulator knows.
FORMS = (
    "dates", "uuids", "long-prefix", "giant-in-the-middle", "giant-at-the-end", "giants-beside-each-other",
    "nested-giants", "tenants", "tables", "kanji", "albums", "mixture",
)
# Copies in flight by default, at most.
IN_FLIGHT = 256
KEYS_PER_PAGE = 1000
LIST_S, COPY_S = LATENCY_MS["list"] / 1000, LATENCY_MS["copy"] / 1000


@dataclass(frozen=True)
class Result:
    """A case as one tool has done it."""

    case: "Case"
    run: Run
    report: Report

    @property
    def pages(self) -> int:
        return self.report.count("ListObjectsV2")

    @property
    def copies(self) -> int:
        return self.report.count("CopyObject")

    @property
    def copied(self) -> int:
        return self.report.count("CopyObject", 200)

    @property
    def refused(self) -> int:
        return self.report.count(status=503)

    @property
    def requests_per_copy(self) -> float:
        """Two digits: a handful of requests for each run are none for each object."""
        return round((self.report.count() - self.pages) / max(self.case.to_copy, 1), 2)

    def problem(self) -> "str | None":
        """Why the outcome is not what it must be, whatever it took."""
        found = []
        if self.run.timed_out:
            found.append(f"stopped after {self.run.wall:.0f} s")
        elif self.run.code != 0:
            found.append(f"ended with {self.run.code}: {last_line(self.run.err)}")
        if not self.report.is_exact:
            found.append(f"{self.report.missing:,} missing and {self.report.wrong:,} wrong of {self.report.objects:,}")
        return "; ".join(found) or None

    def own_problem(self) -> "str | None":
        """The same for our own program, whose result must tell the truth as well."""
        if problem := self.problem():
            return problem
        told = json.loads(self.run.out)
        written = "objects_restored" if self.case.restore else "objects_copied"
        expected = {
            "status": "complete",
            "objects_found": self.case.to_find or self.report.objects,
            written: self.case.to_copy,
            "errors": 0,
        }
        wrong = [f"{name} is {told[name]}, expected {value}" for name, value in expected.items() if told[name] != value]
        return "; ".join(wrong) or None


def last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:100].replace("|", "/") if lines else "no message"


Results = dict[str, Result]


@dataclass(frozen=True)
class Target:
    """What a figure of a result must not exceed. Both are none if another case that they need was not measured."""

    name: str
    unit: str
    most: Callable[[Results], "float | None"]
    figure: Callable[[Result, Results], "float | None"]


def at_most(name: str, most: float, unit: str, figure: Callable[[Result], float]) -> Target:
    return Target(name, unit, lambda _: most, lambda result, _: figure(result))


def wall(most: float) -> Target:
    return at_most("wall time", most, "s", lambda result: result.run.wall)


@dataclass(frozen=True)
class Case:
    """A situation of the buckets, and what is expected of a run in it, or of a restore after one."""

    name: str
    title: str
    objects: int
    arguments: list[str]
    # Objects that are to be copied.
    to_copy: int
    targets: list[Target]
    # What no program can beat, in words and in seconds.
    limit: Callable[[Result], tuple[str, float]]
    seconds: float = 300
    with_rivals: bool = False
    huge: bool = False
    # How many runs of ours; the last one is measured. What an earlier one leaves in the backup, others would not use.
    nights: int = 1
    # The restore after these runs, as arguments; it is what is measured.
    restore: list[str] = field(default_factory=list)
    # Objects that are looked at, if those are not all.
    to_find: int = 0
    # Whether the simulator speaks TLS, as the real S3 does.
    tls: bool = False
    # Cores that the client may use.
    cores: int = 1
    # What a page of a listing takes.
    page_ms: int = LATENCY_MS["list"]

    def simulator(self) -> list[str]:
        return ["--populate", str(self.objects), "--latency", f"list={self.page_ms}", *self.arguments]


def copy_limit(objects: int) -> Callable[[Result], tuple[str, float]]:
    return lambda _: (f"{objects:,} x {COPY_S * 1000:.0f} ms / {IN_FLIGHT}", objects * COPY_S / IN_FLIGHT)


def rate_limit(objects: int, per_second: int) -> Callable[[Result], tuple[str, float]]:
    return lambda _: (f"{objects:,} / {per_second:,} per s", objects / per_second)


def listing_limit(result: Result) -> tuple[str, float]:
    pages = -(-result.case.objects // KEYS_PER_PAGE) * 2
    at_once = max(result.report.at_once.get("ListObjectsV2", 0), 1)
    page_ms = result.case.page_ms
    return f"{pages:,} x {page_ms} ms / {at_once} at once", pages * page_ms / 1000 / at_once


def changed_limit(result: Result) -> tuple[str, float]:
    """S3 makes the copies while it lists: the longer of the two is what is waited for."""
    return max(listing_limit(result), copy_limit(result.case.to_copy)(result), key=lambda limit: limit[1])


def faults_limit(result: Result) -> tuple[str, float]:
    text = f"{result.copies:,} attempts x {COPY_S * 1000:.0f} ms / {IN_FLIGHT}, no waits"
    return text, result.copies * COPY_S / IN_FLIGHT


def per_copy(result: Result) -> float:
    return result.run.cpu * 1000 / max(result.copied, 1)


def cpu_of(most: float) -> Target:
    return at_most("client CPU", most, "s", lambda result: result.run.cpu)


def one_listing_limit(result: Result) -> tuple[str, float]:
    """Counts the target alone; the backup is known by its snapshot."""
    pages, at_once = -(-result.case.objects // KEYS_PER_PAGE), max(result.report.at_once.get("ListObjectsV2", 0), 1)
    return f"{pages:,} x {LIST_S * 1000:.0f} ms / {at_once} at once", pages * LIST_S / at_once


def versions_limit(result: Result) -> tuple[str, float]:
    pages = -(-3 * result.case.objects // KEYS_PER_PAGE)
    at_once = max(result.report.at_once.get("ListObjectVersions", 0), 1)
    return f"{pages:,} x {LIST_S * 1000:.0f} ms / {at_once} at once", pages * LIST_S / at_once


def listing_requests(objects: int) -> Target:
    most = int(2 * objects / KEYS_PER_PAGE * 1.05) + 64
    return at_most("listing requests", most, "", lambda result: result.pages)


def listing_targets(objects: int, most_seconds: float = 10) -> list[Target]:
    return [
        at_most("client CPU", 4, "s", lambda result: result.run.cpu),
        at_most("peak memory", 64, "MiB", lambda result: result.run.peak_mib),
        wall(most_seconds),
        listing_requests(objects),
    ]


def ten_times_targets(smaller: str) -> list[Target]:
    """Against the same shape with a tenth of the keys: the same memory, CPU in proportion, and a tenth for noise."""

    def of(figure: Callable[[Result], float], times: float) -> Callable[[Results], "float | None"]:
        return lambda results: figure(results[smaller]) * times if smaller in results else None

    memory, cpu = (lambda result: result.run.peak_mib), (lambda result: result.run.cpu)
    return [
        Target(f"peak memory (1.1 x {smaller})", "MiB", of(memory, 1.1), lambda own, _: memory(own)),
        Target(f"client CPU (11 x {smaller})", "s", of(cpu, 11), lambda own, _: cpu(own)),
    ]


def times_as_fast(times: float, other: str) -> Target:
    def most(results: Results) -> "float | None":
        return results[other].run.wall / times if other in results else None

    return Target(f"wall time ({other} / {times})", "s", most, lambda own, _: own.run.wall)


def copy_cases(scale: int) -> list[Case]:
    many, some, few = 20_000 // scale, 5_000 // scale, 1_000 // scale
    faults = [part for fault in ("500:0.2", "reset:0.05", "200:0.2") for part in ("--fault", f"copy:{fault}")]
    once = at_most("requests per object beyond listings", 1, "", lambda result: result.requests_per_copy)
    cpu = at_most("client CPU per object", 0.15, "ms", per_copy)
    refused = at_most("refused", 5, "%", lambda result: 100 * result.refused / max(result.copies, 1))
    return [
        Case("copy", f"first copy of {many:,} objects", many, [], many, [wall(4), cpu, once], copy_limit(many),
             with_rivals=True),
        Case("copy-limited", f"first copy of {many:,}, 3,500 writes/s", many, ["--write-limit", "3500"], many,
             [wall(6.3)], rate_limit(many, 3_500)),
        Case("copy-throttled", f"first copy of {some:,}, 200 writes/s", some, ["--write-limit", "200"], some,
             [wall(28), refused], rate_limit(some, 200)),
        Case("copy-faulty", f"first copy of {few:,}; 20 % 500, 5 % resets, 20 % errors within a 200", few, faults, few,
             [wall(15)], faults_limit),
    ]


def listing_cases(scale: int) -> list[Case]:
    keys, huge = 1_000_000 // scale, 10_000_000 // scale
    changed = keys // 100
    unchanged = [
        Case(f"unchanged-{shape}", f"unchanged, {keys:,} keys, {shape}", keys, ["--shape", shape, "--unchanged"], 0,
             listing_targets(keys), listing_limit, with_rivals=shape != "skewed")
        for shape in ("deep", "flat", "skewed")
    ]
    return [
        *unchanged,
        Case("unchanged-again", f"the night after: unchanged, {keys:,} keys, flat, with a snapshot", keys,
             ["--shape", "flat", "--unchanged"], 0, listing_targets(keys), listing_limit, nights=2),
        Case("unchanged-tls", f"unchanged, {keys:,} keys, flat, over TLS", keys, ["--shape", "flat", "--unchanged"], 0,
             [at_most("peak memory", 64, "MiB", lambda result: result.run.peak_mib), wall(10)], listing_limit, tls=True),
        Case("changed", f"1 % rewritten and 1 % new of {keys:,} keys", keys, ["--shape", "deep", "--changed", "1"],
             2 * changed, [], changed_limit),
        Case("unchanged-huge", f"unchanged, {huge:,} keys, flat", huge, ["--shape", "flat", "--unchanged"], 0,
             ten_times_targets("unchanged-flat"), listing_limit, seconds=3_000, huge=True),
    ]


# A bucket beside the two, which keeps versions and is empty.
EMPTY = ["--versioned", "backup,target"]


def restore_cases(scale: int) -> list[Case]:
    many, some, few, keys = 20_000 // scale, 5_000 // scale, 1_000 // scale, 1_000_000 // scale
    # The run before copies them: what it finds in the backup has no version ids in its snapshot.
    backed_up = [*EMPTY, "--compare", "primary,target"]
    everything = ["--all", "--run", "latest", "--to", "s3://target"]
    faults = [part for fault in ("500:0.2", "reset:0.05", "200:0.2") for part in ("--fault", f"copy:{fault}")]
    key = f"object-{keys // 2:012}"
    memory = at_most("peak memory", 64, "MiB", lambda result: result.run.peak_mib)
    cpu = at_most("client CPU per object", 0.15, "ms", per_copy)
    once = at_most("requests per object beyond listings", 1, "", lambda result: result.requests_per_copy)
    refused = at_most("refused", 5, "%", lambda result: 100 * result.refused / max(result.copies, 1))
    pages = at_most("listing requests", int(keys / KEYS_PER_PAGE * 1.04), "", lambda result: result.pages)
    version_pages = at_most("version listing requests", int(3 * keys / KEYS_PER_PAGE * 1.02), "",
                            lambda result: result.report.count("ListObjectVersions"))
    all_requests = at_most("requests", 12, "", lambda result: result.report.count())
    return [
        Case("restore-copy", f"restore of {many:,} objects into an empty bucket", many, backed_up, many,
             [wall(4), cpu, memory, once], copy_limit(many), restore=everything),
        Case("restore-equal", f"restore in place of {keys:,} keys that are as they were", keys, ["--unchanged"], 0,
             [wall(10), cpu_of(4), memory, pages], one_listing_limit, nights=1, restore=["--all", "--run", "latest"]),
        Case("restore-one", f"restore of one of {keys:,} keys", keys, ["--changed", "1", *EMPTY, "--compare", "target,target"],
             1, [wall(0.6), cpu_of(0.03), at_most("peak memory", 24, "MiB", lambda result: result.run.peak_mib),
                 all_requests], copy_limit(1), restore=[key, "--run", "latest", "--to", "s3://target"], to_find=1),
        Case("restore-versions", f"restore of a moment by the versions, {keys:,} keys of 3, as they were", keys,
             ["--unchanged", "--versions", "3"], 0, [wall(20), cpu_of(15), memory, version_pages], versions_limit,
             nights=0, restore=["--all", "--at", "2026-06-01T00:00Z", "--versions"]),
        Case("restore-throttled", f"restore of {some:,}, 200 writes/s", some, [*backed_up, "--write-limit", "200"], some,
             [wall(28), refused], rate_limit(some, 200), restore=everything),
        Case("restore-faulty", f"restore of {few:,}; 20 % 500, 5 % resets, 20 % errors within a 200", few,
             [*backed_up, *faults], few, [wall(15)], faults_limit, restore=everything),
    ]


def shape_cases(scale: int) -> list[Case]:
    """The first night of keys of many forms: nothing is known of where they lie. 24 pages at once are the measure."""
    keys = 1_000_000 // scale
    most_seconds = 1.7 * 2 * keys / KEYS_PER_PAGE * LIST_S / 24
    return [
        Case(f"{SHAPES}-{shape}", f"unchanged, {keys:,} keys, {shape}", keys, ["--shape", shape, "--unchanged"], 0,
             listing_targets(keys, most_seconds), listing_limit)
        for shape in FORMS
    ]


def cpu_cases(scale: int) -> list[Case]:
    """The same nights with one CPU and with two, which the second one shares with the simulator on a machine of two."""
    keys = 1_000_000 // scale
    found = []
    for page_ms in (60, 100, 200):
        # The second night joins the short segments that the first one left at the edges of its shards, as no later one does.
        for night, nights, known in (("first", 1, "without"), ("again", 3, "with")):
            one, two = (f"{CPUS}-{number}-{night}-{page_ms}" for number in ("one", "two"))
            targets = {one: [], two: [times_as_fast(1.7, one), listing_requests(keys)]}
            found += [
                Case(name, f"unchanged, {keys:,} keys, flat, {known} a snapshot, {page_ms} ms a page, {cpus}", keys,
                     ["--shape", "flat", "--unchanged"], 0, targets[name], listing_limit, nights=nights, cores=cores,
                     page_ms=page_ms)
                for cores, cpus, name in ((1, "one CPU", one), (2, "two CPUs", two))
            ]
    return found


def all_cases(scale: int) -> list[Case]:
    """Every case, with a part of its objects if it is only to be tried out."""
    return [*copy_cases(scale), *listing_cases(scale), *shape_cases(scale), *cpu_cases(scale), *restore_cases(scale)]
