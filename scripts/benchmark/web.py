"""The page over many runs: how long a person waits for each screen, and what it takes.

Both doors are measured over the same runs: `s3-backup serve`, which plans a restore in its own process, and the function
behind API Gateway, which lets another function plan it.
"""

import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from urllib.parse import quote

import process
from doors import JOB, Door, Hosted, Serve
from simulator import Simulator, Unusable

OBJECTS, HUGE_OBJECTS = 1_000_000, 10_000_000
RUNS, HUGE_RUNS, SMALL_RUNS = 30, 2, 3
# Files that are rewritten before each run, far from each other: as many segments are new.
CHANGES = 20
REPORT = "00/00/00/50/Quarterly Report.txt"
SECONDS = 600
# The page is made ready so often; the median counts.
READY_TIMES = 5


@dataclass(frozen=True)
class Page:
    """What a person waited for, in seconds by the name of the screen, and the peak memory."""

    objects: int
    runs: int
    seconds: "dict[str, float]"
    peak_mib: float
    name: str
    # The most seconds of screens.
    targets: "dict[str, float]"
    door: str = Serve.name
    # CPU milliseconds of one page that is made ready, and CPU seconds of a search to its end.
    ready_cpu_ms: float = 0.0
    search_cpu_s: float = 0.0


# For a million objects in 30 runs, and for ten million.
TARGETS = {"page ready": 0.3, "folder": 0.5, "history": 1.5, "first results": 1, "all results": 4, "plan of one file": 1}
HUGE_TARGETS = {"folder": 0.6, "first results": 1}


def measure_all(scale: int, huge: bool, environment: "Callable[[str], dict[str, str]]", program: str) -> "list[Page]":
    sizes = [False, True] if huge else [False]
    return [page for huge in sizes for page in measure(scale, environment, program, huge)]


def measure(scale: int, environment: "Callable[[str], dict[str, str]]", program: str, huge: bool) -> "list[Page]":
    objects, runs = (HUGE_OBJECTS, HUGE_RUNS) if huge else (OBJECTS // scale, RUNS if scale == 1 else SMALL_RUNS)
    with Simulator(["--populate", str(objects), "--shape", "deep", "--unchanged"]) as s3:
        env = environment(s3.endpoint)
        for night in range(runs):
            change(s3.endpoint, objects, night)
            ended = process.run([program, "run", "--json", *JOB], env, SECONDS)
            if ended.code != 0:
                raise Unusable(f"a run before the page ended with {ended.code}: {ended.err[-300:]}")
        name, targets = ("web-huge", HUGE_TARGETS) if huge else ("web", TARGETS)
        pages = []
        for begin in (lambda: Serve(program, env), lambda: Hosted(s3.endpoint)):
            began = time.monotonic()
            with begin() as door:
                seconds, ready_cpu_ms, search_cpu_s = screens(door, objects, runs, began)
                of_door = name if door.name == Serve.name else f"{name}-{door.name}"
                pages.append(Page(
                    objects, runs, seconds, door.peak_mib(), of_door, targets, door.name, ready_cpu_ms, search_cpu_s
                ))
        return pages


def change(endpoint: str, objects: int, night: int) -> None:
    for number in range(CHANGES):
        index = number * objects // CHANGES + night
        put(endpoint, "/".join(f"{index // 100**place % 100:02}" for place in (5, 4, 3, 2, 1, 0)) + ".dat", str(night))
    put(endpoint, REPORT, str(night // 3))


def put(endpoint: str, key: str, text: str) -> None:
    request = urllib.request.Request(f"{endpoint}/primary/{quote(key)}", data=text.encode(), method="PUT")
    with urllib.request.urlopen(request):
        pass


def screens(door: Door, objects: int, runs: int, began: float) -> "tuple[dict[str, float], float, float]":
    """Seconds by screen, and the CPU of a page that is made ready and of a search. Each answer must be right."""
    told = door.ask("runs", {})
    first = time.monotonic() - began
    if isinstance(door, Hosted) and (status := door.answer("POST", "/api/runs", b"{}", is_signed_in=False)[0]) != 401:
        raise Unusable(f"a call without a sign-in is answered with {status}")
    expect("runs", len(told["runs"]), runs)
    run, oldest = told["runs"][0]["run"], told["runs"][-1]["run"]
    cpu_s = door.cpu_s()
    seconds = {"from start to first call": first, "page ready": median(ready(door) for _ in range(READY_TIMES))}
    ready_cpu_ms = (door.cpu_s() - cpu_s) * 1000 / READY_TIMES
    tops = [f"{index // 10_000:02}/" for index in range(0, min(objects, 1_000_000), 200_000)]
    folders = ["", "00/", *(f"00/00/00/{top}" for top in tops)]
    seconds["folder"] = max(folder(door, run, name) for name in folders)
    seconds["history"], history = door.waits("file", {"path": REPORT})
    # Each third run has found it changed.
    expect("states of a file", len(history["states"]), -(-runs // 3))
    seconds["first results"], found = door.waits("search", {"text": "42.DAT"})
    if not found["files"] or any("42.dat" not in file["path"] for file in found["files"]):
        raise Unusable(f"the search finds {found['files'][:3]}")
    cpu_s = door.cpu_s()
    seconds["all results"] = search(door, "quarterly rep")
    search_cpu_s = door.cpu_s() - cpu_s
    asked = {"run": oldest, "files": [REPORT], "copy": True}
    seconds["plan of one file"], plan = door.waits("plan", asked)
    if not plan["can_confirm"]:
        raise Unusable(f"the plan cannot be confirmed: {plan}")
    return seconds, ready_cpu_ms, search_cpu_s


def expect(what: str, found: int, expected: int) -> None:
    if found != expected:
        raise Unusable(f"{found} {what} are told, expected {expected}")


def folder(door: Door, run: str, name: str) -> float:
    waited, told = door.waits("folder", {"run": run, "folder": name})
    if not told["entries"]:
        raise Unusable(f"the folder {name!r} is empty")
    return waited


def ready(door: Door) -> float:
    began = time.monotonic()
    for path in ("/", "/app.js", "/app.css", "/icon.svg", "/config.json"):
        if not door.send("GET", path):
            raise Unusable(f"{path} is empty")
    if door.ask("me", {})["role"] != "admin":
        raise Unusable("the administrator is none")
    door.ask("runs", {})
    return time.monotonic() - began


def search(door: Door, text: str) -> float:
    """To its end: there is one file of that name."""
    began, found, place = time.monotonic(), set(), None
    while True:
        answer = door.ask("search", {"text": text, "from": place})
        found |= {file["path"] for file in answer["files"]}
        place = answer["next"]
        if place is None:
            break
    if found != {REPORT}:
        raise Unusable(f"the search for {text!r} finds {sorted(found)[:3]}")
    return time.monotonic() - began
