"""The simulated S3 as a process: started for each run anew, asked at its end what it was asked."""

import json
import subprocess
from dataclasses import dataclass

import built
import process

PROGRAM = built.SIMULATOR
# S3 in the same region, as a rule of thumb.
LATENCY_MS = {"list": 60, "copy": 30, "head": 15, "write": 30}


class Unusable(Exception):
    """Why the simulator does not run."""


@dataclass(frozen=True)
class Report:
    """What the simulator saw, and how the two buckets differ in the end."""

    calls: list
    at_once: dict
    objects: int
    missing: int
    wrong: int
    extra: int
    cpu: float

    def count(self, verb: "str | None" = None, status: "int | None" = None) -> int:
        """Calls of a verb, or of all, that ended with a status, or with any."""
        return sum(
            count
            for own_verb, own_status, count in self.calls
            if verb in (None, own_verb) and status in (None, own_status)
        )

    @property
    def is_exact(self) -> bool:
        return self.missing == 0 and self.wrong == 0


class Simulator:
    """A running one. It ends with its input, so also when this program does."""

    def __init__(self, arguments: list[str]) -> None:
        latencies = [part for name, ms in LATENCY_MS.items() for part in ("--latency", f"{name}={ms}")]
        self.process = subprocess.Popen(
            [PROGRAM, "--report", *latencies, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.forgotten = 0.0
        self.endpoint = self.process.stdout.readline().strip()
        if not self.endpoint:
            raise Unusable(f"the simulator ended with {self.process.wait()} when asked for {arguments}")

    def __enter__(self) -> "Simulator":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def forget(self) -> None:
        """What it was asked so far is not in the report."""
        self.process.stdin.write("forget\n")
        self.process.stdin.flush()
        if self.process.stdout.readline() != "done\n":
            raise Unusable("the simulator does not obey")
        self.forgotten = process.cpu_of(self.process.pid)

    def report_so_far(self) -> Report:
        """What it was asked since `forget`; it goes on."""
        self.process.stdin.write("report\n")
        self.process.stdin.flush()
        return Report(**json.loads(self.process.stdout.readline()), cpu=process.cpu_of(self.process.pid) - self.forgotten)

    def report(self) -> Report:
        """Ends it. What the comparison takes is not counted."""
        cpu = process.cpu_of(self.process.pid) - self.forgotten
        self.process.stdin.close()
        return Report(**json.loads(self.process.stdout.readline()), cpu=cpu)
