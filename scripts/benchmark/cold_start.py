"""From exec to the first poll of the runtime: what comes before a first request, and the size of the package."""

import socket
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import process

PACKAGE = Path("dist/bootstrap.zip")
RUNS = 20
SECONDS_TO_POLL = 30


class NeverPolled(Exception):
    """The function has ended, or asked for something else than its first event."""


@dataclass(frozen=True)
class Start:
    """Milliseconds to the first poll, and the peak memory then."""

    cpu_ms: float
    wall_ms: float
    peak_mib: float


@dataclass(frozen=True)
class ColdStart:
    starts: list[Start]
    # None if there is no package of the present source.
    zip_mb: "float | None"

    @property
    def cpu_ms(self) -> float:
        return median(start.cpu_ms for start in self.starts)

    @property
    def least_cpu_ms(self) -> float:
        return min(start.cpu_ms for start in self.starts)

    @property
    def wall_ms(self) -> float:
        return median(start.wall_ms for start in self.starts)

    @property
    def peak_mib(self) -> float:
        return median(start.peak_mib for start in self.starts)


def measure() -> ColdStart:
    """The first start is not counted: it reads the program from the disk."""
    starts = [start() for _ in range(RUNS + 1)]
    return ColdStart(starts[1:], package_mb())


def package_mb() -> "float | None":
    """The size of what `make package` has made, unless the source is younger."""
    sources = [Path("Cargo.toml"), Path("Cargo.lock"), *Path("src").rglob("*.rs")]
    if not PACKAGE.exists() or PACKAGE.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        return None
    return PACKAGE.stat().st_size / 1e6


def start() -> Start:
    """One start of the function, which is ended as soon as it has polled."""
    with socket.create_server(("127.0.0.1", 0)) as api:
        api.settimeout(SECONDS_TO_POLL)
        host, port = api.getsockname()
        began = time.monotonic()
        function = process.start_function(f"{host}:{port}", "backup")
        try:
            wait_for_poll(api)
            wall_s = time.monotonic() - began
            cpu_s = process.cpu_of(function.pid)
            peak_kib = process.peak_kib(function.pid)
        finally:
            process.kill(function)
        return Start(cpu_s * 1000, wall_s * 1000, peak_kib / 1024)


def wait_for_poll(api: socket.socket) -> None:
    try:
        connection, _ = api.accept()
    except TimeoutError as error:
        raise NeverPolled(f"{process.FUNCTION} did not poll within {SECONDS_TO_POLL} s") from error
    with connection:
        connection.settimeout(SECONDS_TO_POLL)
        head = connection.recv(4096).decode(errors="replace")
        line = head.split("\r\n", 1)[0]
        if not (line.startswith("GET ") and "/invocation/next" in line):
            raise NeverPolled(f"{process.FUNCTION} asked for {line!r} before its first event")
