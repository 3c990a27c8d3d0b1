"""Where and when it was measured, for the head of the table."""

import os
import platform
import subprocess
from datetime import date
from pathlib import Path

import process


def described() -> list[str]:
    where = (
        f"client on core {process.CLIENT_CORE}, simulator on core {process.SERVER_CORE}"
        if process.PINNED
        else "client and simulator share the only core: wall times say little"
    )
    return [
        f"Date: {date.today()}, commit {commit()}",
        f"Machine: {cpu_model()}, {len(process.CORES)} cores, {memory_gib():.0f} GiB, Linux {platform.release()}",
        f"Cores: {where}",
        f"Load before the first case: {load()}",
        f"Compiler: {output('rustc', '--version')}",
    ]


def load() -> str:
    """The load of the last minute. The bench itself is a load of one or two."""
    return f"{os.getloadavg()[0]:.1f}"


def cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def commit() -> str:
    known = output("git", "rev-parse", "--short", "HEAD")
    changed = output("git", "status", "--porcelain", "--untracked-files=no", "src", "Cargo.lock", "tests/s3-sim")
    return known + (" and changes" if changed else "")


def output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""
