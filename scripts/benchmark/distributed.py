"""A night that many functions share: its three steps as the state machine plays them, with the functions as processes.

`ranges` cuts the keys, eight workers take pieces until none has a cursor, and `close` joins what they left. Nothing has
changed, and the simulator makes keys up as they are listed, so that a hundred million take no memory of it. The same night
by one function stands beside it.
"""

import json
import queue
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote

from runtime_api import Function
from simulator import Simulator, Unusable

OBJECTS, HUGE_OBJECTS = 1_000_000, 10_000_000
WORKERS = 8
# Lambda ends an invocation after 15 minutes.
SECONDS = 900
# Above this, one function alone would take longer than anybody waits for.
MOST_ALONE = 10_000_000


@dataclass(frozen=True)
class Step:
    """What one step took: its processes together, and the one that took most."""

    wall_s: float
    cpu_s: float
    most_cpu_s: float
    peak_mib: float


@dataclass
class Night:
    """One night; of one function alone, the only step is that of its workers."""

    objects: int
    has_snapshot: bool
    workers: int
    pieces: int = 1
    steps: "dict[str, Step]" = field(default_factory=dict)
    listings: int = 0
    others: int = 0
    invocations: int = 0
    result: dict = field(default_factory=dict)

    def problem(self) -> "str | None":
        expected = {"status": "complete", "objects_found": self.objects, "objects_copied": 0, "errors": 0}
        found = [f"{name} is {self.result.get(name)}" for name, value in expected.items() if self.result.get(name) != value]
        missing = self.result.get("distributed", {}).get("pieces_missing", 0)
        return "; ".join(found + [f"{missing} pieces are missing"] * bool(missing)) or None


def measure(objects: int) -> list[Night]:
    """Without a snapshot and with one, by eight workers; then by one function, unless that takes too long."""
    with buckets(objects) as s3:
        nights = [shared(s3, objects, has_snapshot) for has_snapshot in (False, True)]
        if objects <= MOST_ALONE:
            nights.append(alone(s3, objects, True))
    if objects <= MOST_ALONE:
        with buckets(objects) as s3:
            nights.append(alone(s3, objects, False))
    return nights


@contextmanager
def buckets(objects: int) -> Iterator[Simulator]:
    # What was written is told by the counts: to compare a hundred million objects would take longer than the night.
    compared = ["--versioned", "backup,none", "--compare", "none,none"]
    with Simulator(["--populate", str(objects), "--unchanged", *compared]) as s3:
        yield s3


def shared(s3: Simulator, objects: int, has_snapshot: bool) -> Night:
    night = Night(objects, has_snapshot, WORKERS)
    s3.forget()
    with functions(s3, 1) as [function]:
        cut = step(night, "ranges", [function], [{"operation": "ranges"}])[0]
    part = cut["distributed"]
    with urllib.request.urlopen(f"{s3.endpoint}/{part['bucket']}/{quote(part['key'])}") as reply:
        requests = json.load(reply)
    night.pieces = len(requests)
    with functions(s3, WORKERS) as workers:
        step(night, "workers", workers, requests)
    with functions(s3, 1) as [function]:
        night.result = step(night, "close", [function], [{"operation": "close", "cursor": cut["cursor"]}])[0]
    count(night, s3)
    return night


def alone(s3: Simulator, objects: int, has_snapshot: bool) -> Night:
    night = Night(objects, has_snapshot, 1)
    s3.forget()
    with functions(s3, 1) as [function]:
        night.result = step(night, "workers", [function], [{}])[0]
    count(night, s3)
    return night


def count(night: Night, s3: Simulator) -> None:
    report = s3.report_so_far()
    night.listings = report.count("ListObjectsV2")
    night.others = report.count() - night.listings


@contextmanager
def functions(s3: Simulator, number: int) -> Iterator[list[Function]]:
    variables = {"AWS_ENDPOINT_URL": s3.endpoint, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512"}
    started = [Function("backup", variables, patience_s=SECONDS) for _ in range(number)]
    try:
        yield started
    finally:
        for function in started:
            function.end()


def step(night: Night, name: str, started: list[Function], requests: list[dict]) -> list[dict]:
    """Lets the functions answer the requests, one after the other each, and tells the last result of each request."""
    waiting: queue.Queue = queue.Queue()
    for numbered in enumerate(requests):
        waiting.put(numbered)
    began = time.monotonic()
    with ThreadPoolExecutor(len(started)) as pool:
        working = [pool.submit(work, function, waiting, name) for function in started]
        answers = [answer for done in working for answer in done.result()]
    wall = time.monotonic() - began
    cpu = [function.cpu_s() for function in started]
    night.steps[name] = Step(wall, sum(cpu), max(cpu), max(function.peak_mib() for function in started))
    night.invocations += sum(invocations for _, _, invocations in answers)
    return [result for _, result, _ in sorted(answers, key=lambda answer: answer[0])]


def work(function: Function, waiting: queue.Queue, name: str) -> "list[tuple[int, dict, int]]":
    answers = []
    while True:
        try:
            number, request = waiting.get_nowait()
        except queue.Empty:
            return answers
        result, invocations = invoke(function, request), 1
        # The cursor of `ranges` is what `close` is asked with.
        while name == "workers" and result["cursor"]:
            result = invoke(function, {"operation": "continue", "cursor": result["cursor"]})
            invocations += 1
        answers.append((number, result, invocations))


def invoke(function: Function, request: dict) -> dict:
    result = function.invoke(json.dumps(request).encode())
    if result is None:
        raise Unusable(f"the invocation with {request} failed")
    return result
