"""The page over many runs: how long a person waits for each screen, and what it takes.

The server is `s3-backup serve`, whose routes are those of the hosted page; it plans a restore in its own process, so that
its peak is above that of the function.
"""

import http.client
import json
import subprocess
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from urllib.parse import quote

import process
from simulator import Simulator, Unusable

OBJECTS, HUGE_OBJECTS = 1_000_000, 10_000_000
RUNS, HUGE_RUNS, SMALL_RUNS = 30, 2, 3
# Files that are rewritten before each run, far from each other: as many segments are new.
CHANGES = 20
REPORT = "00/00/00/50/Quarterly Report.txt"
JOB = ["--source", "primary", "--destination", "backup"]
SECONDS = 600


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


# For a million objects in 30 runs, and for ten million.
TARGETS = {"page ready": 0.3, "folder": 0.5, "history": 1.5, "first results": 1, "all results": 4, "plan of one file": 1}
HUGE_TARGETS = {"folder": 0.6, "first results": 1}


def measure_all(scale: int, huge: bool, environment: "Callable[[str], dict[str, str]]", program: str) -> "list[Page]":
    sizes = [False, True] if huge else [False]
    return [measure(scale, environment, program, huge) for huge in sizes]


def measure(scale: int, environment: "Callable[[str], dict[str, str]]", program: str, huge: bool) -> Page:
    objects, runs = (HUGE_OBJECTS, HUGE_RUNS) if huge else (OBJECTS // scale, RUNS if scale == 1 else SMALL_RUNS)
    with Simulator(["--populate", str(objects), "--shape", "deep", "--unchanged"]) as s3:
        env = environment(s3.endpoint)
        for night in range(runs):
            change(s3.endpoint, objects, night)
            ended = process.run([program, "run", "--json", *JOB], env, SECONDS)
            if ended.code != 0:
                raise Unusable(f"a run before the page ended with {ended.code}: {ended.err[-300:]}")
        with Server(program, env) as server:
            seconds = screens(server, objects)
            peak_mib = process.peak_kib(server.process.pid) / 1024
        name, targets = ("web-huge", HUGE_TARGETS) if huge else ("web", TARGETS)
        return Page(objects, runs, seconds, peak_mib, name, targets)


def change(endpoint: str, objects: int, night: int) -> None:
    for number in range(CHANGES):
        index = number * objects // CHANGES + night
        put(endpoint, "/".join(f"{index // 100**place % 100:02}" for place in (5, 4, 3, 2, 1, 0)) + ".dat", str(night))
    put(endpoint, REPORT, str(night // 3))


def put(endpoint: str, key: str, text: str) -> None:
    request = urllib.request.Request(f"{endpoint}/primary/{quote(key)}", data=text.encode(), method="PUT")
    with urllib.request.urlopen(request):
        pass


class Server:
    """`s3-backup serve`, signed in to."""

    def __init__(self, program: str, env: "dict[str, str]") -> None:
        with process.client_core():
            self.process = subprocess.Popen(
                [program, "serve", "--no-open", *JOB], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        link = self.process.stdout.readline().strip()
        if "/#" not in link:
            raise Unusable("s3-backup serve prints no link")
        self.host, secret = link.removeprefix("http://").split("/#")
        self.token = ""
        self.token = self.ask("session", {"secret": secret})["token"]

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        process.kill(self.process)
        self.process.stdout.close()

    def send(self, method: str, path: str, body: "bytes | None" = None) -> bytes:
        headers = {"host": self.host, "origin": f"http://{self.host}", "content-type": "application/json"}
        headers["authorization"] = f"Bearer {self.token}"
        connection = http.client.HTTPConnection(self.host, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise Unusable(f"{path} is answered with {answer.status}: {content[:200]!r}")
        return content

    def ask(self, route: str, asked: dict) -> dict:
        return json.loads(self.send("POST", f"/api/{route}", json.dumps(asked).encode()))

    def waits(self, route: str, asked: dict) -> "tuple[float, dict]":
        began = time.monotonic()
        answer = self.ask(route, asked)
        return time.monotonic() - began, answer


def screens(server: Server, objects: int) -> "dict[str, float]":
    first, told = server.waits("runs", {})
    run, oldest = told["runs"][0]["run"], told["runs"][-1]["run"]
    seconds = {"first call": first, "page ready": median(ready(server) for _ in range(5))}
    tops = [f"{index // 10_000:02}/" for index in range(0, min(objects, 1_000_000), 200_000)]
    folders = ["", "00/", *(f"00/00/00/{top}" for top in tops)]
    seconds["folder"] = max(server.waits("folder", {"run": run, "folder": folder})[0] for folder in folders)
    seconds["history"], history = server.waits("file", {"path": REPORT})
    if len(history["states"]) < 1:
        raise Unusable("the file has no history")
    seconds["first results"], found = server.waits("search", {"text": "42.DAT"})
    if not found["files"]:
        raise Unusable("the search finds nothing")
    seconds["all results"] = search(server, "quarterly rep")
    asked = {"run": oldest, "files": [REPORT], "copy": True}
    seconds["plan of one file"], plan = server.waits("plan", asked)
    if not plan["can_confirm"]:
        raise Unusable(f"the plan cannot be confirmed: {plan}")
    return seconds


def ready(server: Server) -> float:
    began = time.monotonic()
    for path in ("/", "/app.js", "/app.css", "/icon.svg", "/config.json"):
        server.send("GET", path)
    server.ask("me", {})
    server.ask("runs", {})
    return time.monotonic() - began


def search(server: Server, text: str) -> float:
    began, found, place = time.monotonic(), 0, None
    while True:
        answer = server.ask("search", {"text": text, "from": place})
        found += len(answer["files"])
        place = answer["next"]
        if place is None:
            break
    if found == 0:
        raise Unusable(f"the search for {text!r} finds nothing")
    return time.monotonic() - began
