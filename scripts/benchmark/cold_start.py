"""From exec to the first poll of the runtime: what comes before a first request, and the size of the package."""

import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import process

PROGRAM = Path("target/release/bootstrap")
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
        env = {
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_RUNTIME_API": f"{host}:{port}",
            "AWS_LAMBDA_FUNCTION_NAME": "backup",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "SOURCE_BUCKET": "primary",
            "DESTINATION_BUCKET": "backup",
        }
        began = time.monotonic()
        with process.client_core():
            function = subprocess.Popen(
                [PROGRAM], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        try:
            wait_for_poll(api)
            wall_s = time.monotonic() - began
            cpu_s = process.cpu_of(function.pid)
            peak_kib = process.peak_kib(function.pid)
        finally:
            function.send_signal(signal.SIGKILL)
            function.wait()
        return Start(cpu_s * 1000, wall_s * 1000, peak_kib / 1024)


def wait_for_poll(api: socket.socket) -> None:
    try:
        connection, _ = api.accept()
    except TimeoutError as error:
        raise NeverPolled(f"{PROGRAM} did not poll within {SECONDS_TO_POLL} s") from error
    with connection:
        connection.settimeout(SECONDS_TO_POLL)
        head = connection.recv(4096).decode(errors="replace")
        line = head.split("\r\n", 1)[0]
        if not (line.startswith("GET ") and "/invocation/next" in line):
            raise NeverPolled(f"{PROGRAM} asked for {line!r} before its first event")
