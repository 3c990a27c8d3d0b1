"""A process on a core of its own, and what it took.

CPU is user and system time of the process and of all that it waited for, to the microsecond. The peak needs care: the
kernel lets a new process begin with the peak of the one that started it, so the number of `wait4` is believed only if
it is above our own; below that, the process was looked at often enough while it ran.
"""

import os
import resource
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import built

FUNCTION = built.FUNCTION
CORES = sorted(os.sched_getaffinity(0))
# With two cores or more the simulator and this program are on the first, the measured program is on the last.
SERVER_CORE, CLIENT_CORE = CORES[0], CORES[-1]
PINNED = SERVER_CORE != CLIENT_CORE
# Between two looks at the memory of a process.
LOOK_MS = 20


@dataclass(frozen=True)
class Run:
    """How a process ended."""

    code: int
    timed_out: bool
    wall: float
    cpu: float
    peak_mib: float
    out: str
    err: str


def stay_on_server_core() -> None:
    os.sched_setaffinity(0, {SERVER_CORE})


@contextmanager
def client_core(cores: int = 1) -> Iterator[None]:
    """Programs that are started in here inherit the cores of the measured program: so many, from the last one on."""
    os.sched_setaffinity(0, CORES[-cores:])
    try:
        yield
    finally:
        stay_on_server_core()


def start_function(
    api: str, name: str, more: "dict[str, str] | None" = None, log: "int | IO[str]" = subprocess.DEVNULL
) -> subprocess.Popen:
    """A function as Lambda starts it: with a Runtime API at that address, and buckets of the simulator."""
    env = {
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_RUNTIME_API": api,
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "SOURCE_BUCKET": "primary",
        "DESTINATION_BUCKET": "backup",
        **(more or {}),
    }
    with client_core():
        return subprocess.Popen(
            [FUNCTION], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.DEVNULL
        )


class Measured:
    """What has a running process, and tells what that has taken so far."""

    process: subprocess.Popen

    def cpu_s(self) -> float:
        return cpu_of(self.process.pid)

    def peak_mib(self) -> float:
        return peak_kib(self.process.pid) / 1024


def kill(started: subprocess.Popen) -> None:
    started.kill()
    started.wait()


def cpu_of(pid: int) -> float:
    """CPU seconds of a running process so far, by its clock: see clock_getcpuclockid(3)."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def run(command: list[str], env: dict[str, str], seconds: float, cores: int = 1) -> Run:
    """Runs a command to its end on so many cores, at most so many seconds."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.monotonic()
        with client_core(cores):
            process = subprocess.Popen(
                command, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
            )
        try:
            ended, seen_kib = watch(process.pid, began + seconds)
            # A child of a process that is killed has nobody who waits for it and counts its time.
            cpu = 0.0 if ended else sum(map(cpu_of, session(process.pid)))
        finally:
            # Whatever is left of it: the process after its time, or a child that it left behind.
            kill_group(process.pid)
        wall = time.monotonic() - began
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        cpu = max(cpu, used.ru_utime + used.ru_stime)
        own_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peak_kib = max(seen_kib, used.ru_maxrss if used.ru_maxrss > own_kib else 0)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    return Run(process.returncode, not ended, wall, cpu, peak_kib / 1024, *texts)


def watch(pid: int, deadline: float) -> tuple[bool, int]:
    """Waits until the process has ended or its time is up. Tells whether it has ended, and its peak memory as far as
    that was seen."""
    peak = 0
    descriptor = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        while not poll.poll(LOOK_MS):
            peak = max(peak, peak_kib(pid))
            if time.monotonic() > deadline:
                return False, max(map(peak_kib, session(pid)), default=peak)
        return True, peak
    finally:
        os.close(descriptor)


def peak_kib(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def session(leader: int) -> list[int]:
    """The processes of a session: the one that was started in it, and what that one started."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getsid(int(name)) == leader:
                found.append(int(name))
        except ProcessLookupError:
            pass
    return found


def kill_group(pid: int) -> None:
    """Ends a process that was started in a session of its own, with all that it started. Its number is not given to
    another one before it has been waited for."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
