#!/usr/bin/env python3
"""Pictures of a restore under way, in terminals of 80 and of 120 columns: docs/pictures/restore-COLUMNS.png.

usage: restore_picture.py --program PATH --simulator PATH

The terminal is that of recording.py, the store is the simulator, whose copies take a while. A browser of tests/web makes
the PNG: its packages have to be installed.
"""

import argparse
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from fcntl import ioctl
from pathlib import Path

import pyte
import recording

ROOT = Path(__file__).resolve().parents[1]
# So many copies take some ten seconds.
STORE = ["--buckets", "photos,recovered", "--versioned", "photos-backup", "--populate", "12000", "--shape", "albums",
         "--size", "2400000", "--latency", "copy=150", "--latency", "list=60"]
JOB = ["--source", "photos", "--destination", "photos-backup"]
COMMAND = "s3-backup restore --all --run latest --to s3://recovered --yes"
# A picture of the beginning of the copies tells little.
SECONDS_OF_RESTORE = 5.0


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--program", type=Path, required=True)
    asked.add_argument("--simulator", type=Path, required=True)
    given = asked.parse_args()
    for columns in (80, 120):
        lines = under_way(given.program.resolve(), given.simulator.resolve(), columns)
        picture = ROOT / "docs" / "pictures" / f"restore-{columns}.png"
        svg = recording.still([[("$ ", recording.PROMPT), (COMMAND, recording.INK)], *lines], columns)
        subprocess.run(["node", "picture.js", picture], input=svg, text=True, cwd=ROOT / "tests" / "web", check=True)
        print(picture)


def under_way(program: Path, simulator: Path, columns: int) -> "list[list[tuple[str, str]]]":
    """What the terminal shows in the middle of a restore."""
    store = subprocess.Popen([simulator, "--report", *STORE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        env = {
            "PATH": os.environ["PATH"], "AWS_ENDPOINT_URL": store.stdout.readline().strip(), "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "TERM": "xterm-256color",
            "SOURCE_BUCKET": "photos", "DESTINATION_BUCKET": "photos-backup", "LANG": "C.UTF-8",
        }
        subprocess.run([program, "run", "--quiet", *JOB], env=env, stdout=subprocess.DEVNULL, check=True)
        return seen([program, *COMMAND.split()[1:]], env, columns)
    finally:
        store.kill()
        store.wait()


def seen(command: list, env: "dict[str, str]", columns: int) -> "list[list[tuple[str, str]]]":
    screen = pyte.Screen(columns, 50)
    stream = pyte.ByteStream(screen)
    outer, inner = pty.openpty()
    ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(command, env=env, stdin=inner, stdout=inner, stderr=inner, start_new_session=True)
    os.close(inner)
    begun = None
    try:
        while process.poll() is None:
            if select.select([outer], [], [], 0.1)[0]:
                try:
                    stream.feed(os.read(outer, 65536))
                except OSError:
                    break
            if begun is None and any(line.startswith("restoring ") for line in screen.display):
                begun = time.monotonic()
            if begun is not None and time.monotonic() - begun > SECONDS_OF_RESTORE:
                lines = [recording.colored(screen, row) for row in range(screen.cursor.y + 1)]
                while lines and not lines[-1]:
                    lines.pop()
                return lines
        sys.exit("error: the restore ended before there was a picture of it: is the machine so fast?")
    finally:
        process.kill()
        process.wait()
        os.close(outer)


if __name__ == "__main__":
    main()
