#!/usr/bin/env python3
"""Types a session of the command line into a terminal and draws what it shows.

usage: recording.py --program PATH --folder FOLDER --columns N [--svg FILE] [--pictures FOLDER]

The terminal is pyte's: what is drawn is what a terminal of that width would show, progress and all. Each command has to
end with the exit code that the session expects. A server is asked for by the environment, as the AWS CLI asks for one.
"""

import argparse
import html
import os
import pty
import re
import select
import shlex
import struct
import subprocess
import sys
import termios
import time
from fcntl import ioctl
from pathlib import Path
from typing import Iterator, NamedTuple

import pyte

# Seconds that a reader gets for a frame: to see a command typed, and to read each line that it printed.
SECONDS_TYPED, SECONDS_A_LINE, SECONDS_AT_MOST = 1.2, 0.35, 6.0
SECONDS_FOR_A_COMMAND = 120

FONT_SIZE, LINE, WIDTH, MARGIN = 14, 19, 8.43, 16
COLORS = {
    "red": "#ff7b72", "green": "#7ee787", "yellow": "#e3b341", "brown": "#e3b341", "blue": "#79c0ff", "cyan": "#56d4dd",
    "magenta": "#d2a8ff",
}
INK, PAPER, PROMPT = "#e6edf3", "#0d1117", "#7ee787"


class Step(NamedTuple):
    """A command as it is typed, the exit code that it has to have, and the name of its picture."""

    command: str
    code: int = 0
    picture: str = ""
    answer: str = ""


SESSION = [
    Step("export SOURCE_BUCKET=photos DESTINATION_BUCKET=photos-backup"),
    Step("s3-backup plan", picture="plan"),
    Step("s3-backup run", picture="run"),
    Step("aws s3 cp --quiet roof-new.jpg s3://photos/2026/roof.jpg"),
    Step("aws s3 rm --quiet s3://photos/2025/garden.jpg"),
    Step("s3-backup run"),
    Step("s3-backup diff latest~1 latest", picture="diff"),
    Step("s3-backup verify --deep", picture="verify"),
    Step("s3-backup restore 2026/roof.jpg 2025/garden.jpg --run latest~1", picture="restore", answer="yes\n"),
    Step("s3-backup runs", picture="runs"),
    Step("s3-backup status", picture="status"),
]


class Frame(NamedTuple):
    """Lines of a terminal, each a list of text and color, and how long they are shown."""

    lines: "list[list[tuple[str, str]]]"
    seconds: float


class Wrong(Exception):
    """The session did not go as it has to."""


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--program", type=Path, required=True)
    asked.add_argument("--folder", type=Path, required=True, help="a folder for the files of the session")
    asked.add_argument("--columns", type=int, required=True)
    asked.add_argument("--svg", default="", help="the recording, as SVG")
    asked.add_argument("--pictures", default="", help="a folder for a picture of each command")
    given = asked.parse_args()

    try:
        frames = list(record(given))
    except Wrong as error:
        sys.exit(f"error: {error}")
    if given.svg:
        Path(given.svg).write_text(animation(frames, given.columns), encoding="utf-8")


def record(given: argparse.Namespace) -> "Iterator[Frame]":
    environment = prepare(given)
    rows: "list[list[tuple[str, str]]]" = []
    for step in SESSION:
        typed = [("$ ", PROMPT), (step.command, INK)]
        yield Frame([*rows, typed], SECONDS_TYPED)
        if step.command.startswith("export "):
            environment.update(word.split("=", 1) for word in shlex.split(step.command)[1:])
            printed = []
        else:
            printed = play(step, environment, given)
        if step.picture and given.pictures:
            folder = Path(given.pictures)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{step.picture}-{given.columns}.svg").write_text(still([typed, *printed], given.columns), encoding="utf-8")
        rows = [*rows, typed, *printed]
        yield Frame(rows, min(SECONDS_TYPED + SECONDS_A_LINE * len(printed), SECONDS_AT_MOST))


def prepare(given: argparse.Namespace) -> "dict[str, str]":
    """Two buckets with a few files, as the session finds them, and its environment."""
    folder = given.folder / f"session-{given.columns}"
    for name, size in {
        "2025/garden.jpg": 2_400_000, "2025/lake.jpg": 1_900_000, "2026/roof.jpg": 3_100_000, "2026/roof.txt": 412,
        "index.html": 18_213,
    }.items():
        file = folder / "photos" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.urandom(size))
    (folder / "roof-new.jpg").write_bytes(os.urandom(3_300_000))
    tools = folder / "bin"
    tools.mkdir()
    (tools / "s3-backup").symlink_to(given.program.resolve())
    environment = {
        **os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(folder), "TERM": "xterm-256color",
        "COLUMNS": str(given.columns), "TZ": "UTC", "LANG": "C.UTF-8",
    }
    for command in (
        "aws s3 mb s3://photos", "aws s3api put-bucket-versioning --bucket photos --versioning-configuration Status=Enabled",
        "aws s3 mb s3://photos-backup",
        "aws s3api put-bucket-versioning --bucket photos-backup --versioning-configuration Status=Enabled",
        "aws s3 cp --recursive --quiet photos s3://photos/",
    ):
        subprocess.run(command.split(), env=environment, cwd=folder, stdout=subprocess.DEVNULL, check=True)
    # S3 dates in whole seconds, and a run copies once more what was copied in the second in which it was written.
    time.sleep(2)
    environment["FOLDER"] = str(folder)
    return environment


def play(step: Step, environment: "dict[str, str]", given: argparse.Namespace) -> "list[list[tuple[str, str]]]":
    """The lines that a command leaves in a terminal."""
    screen = pyte.Screen(given.columns, 400)
    stream = pyte.ByteStream(screen)
    outer, inner = pty.openpty()
    ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 50, given.columns, 0, 0))
    process = subprocess.Popen(
        step.command, shell=True, env=environment, cwd=environment["FOLDER"], stdin=inner, stdout=inner, stderr=inner,
        start_new_session=True,
    )
    os.close(inner)
    end = time.monotonic() + SECONDS_FOR_A_COMMAND
    answer = step.answer
    while True:
        ready, _, _ = select.select([outer], [], [], 0.2)
        if ready:
            try:
                data = os.read(outer, 65536)
            except OSError:
                break
            if not data:
                break
            stream.feed(data)
            if answer and any("type yes" in line for line in screen.display):
                os.write(outer, answer.encode())
                answer = ""
        elif process.poll() is not None:
            break
        if time.monotonic() > end:
            process.kill()
            raise Wrong(f"'{step.command}' did not end within {SECONDS_FOR_A_COMMAND} s")
    code = process.wait()
    os.close(outer)
    lines = [colored(screen, row) for row in range(screen.cursor.y + 1)]
    while lines and not lines[-1]:
        lines.pop()
    if code != step.code:
        shown = "\n".join("".join(text for text, _ in line) for line in lines)
        raise Wrong(f"'{step.command}' ended with {code} instead of {step.code}:\n{shown}")
    return lines


def colored(screen: pyte.Screen, row: int) -> "list[tuple[str, str]]":
    """A line in pieces of one color."""
    pieces: "list[tuple[str, str]]" = []
    cells = [screen.buffer[row][column] for column in range(screen.columns)]
    for cell in cells:
        color = COLORS.get(cell.fg, INK)
        if pieces and pieces[-1][1] == color:
            pieces[-1] = (pieces[-1][0] + cell.data, color)
        else:
            pieces.append((cell.data, color))
    if pieces:
        pieces[-1] = (pieces[-1][0].rstrip(), pieces[-1][1])
    return [piece for piece in pieces if piece[0]]


def text(lines: "list[list[tuple[str, str]]]") -> str:
    """Every word that follows more than one space has its own place: columns stay columns in a font of any width."""
    drawn = []
    for number, line in enumerate(lines):
        spans, column = [], 0
        for piece, color in line:
            for found in re.finditer(r"\S+(?: \S+)*", piece):
                place = MARGIN + (column + found.start()) * WIDTH
                spans.append(f'<tspan x="{place:.1f}" fill="{color}">{html.escape(found[0])}</tspan>')
            column += len(piece)
        if spans:
            drawn.append(f'<text y="{MARGIN + LINE * (number + 1)}">{"".join(spans)}</text>')
    return "".join(drawn)


def sheet(columns: int, rows: int, style: str, content: str) -> str:
    width, height = round(columns * WIDTH + 2 * MARGIN), LINE * rows + 2 * MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="DejaVu Sans Mono,Menlo,Consolas,monospace" font-size="{FONT_SIZE}">'
        f"<style>{style}</style>"
        f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>{content}</svg>\n'
    )


def still(lines: "list[list[tuple[str, str]]]", columns: int) -> str:
    return sheet(columns, len(lines), "", text(lines))


def animation(frames: "list[Frame]", columns: int, rows: int = 30) -> str:
    """All frames in turn, for ever: a page of SVG that needs no script."""
    whole = sum(frame.seconds for frame in frames)
    style, drawn, begun = [".f{visibility:hidden}"], [], 0.0
    for number, frame in enumerate(frames):
        begin, end = 100 * begun / whole, 100 * (begun + frame.seconds) / whole
        before = f"0%,{begin - 0.001:.3f}%{{visibility:hidden}}" if number else ""
        after = f"{end:.3f}%,100%{{visibility:hidden}}" if number + 1 < len(frames) else ""
        style.append(
            f"@keyframes k{number}{{{before}{begin:.3f}%,{end - 0.001:.3f}%{{visibility:visible}}{after}}}"
            f"#f{number}{{animation:k{number} {whole:.1f}s step-end infinite}}"
        )
        drawn.append(f'<g class="f" id="f{number}">{text(frame.lines[-rows:])}</g>')
        begun += frame.seconds
    return sheet(columns, rows, "".join(style), "".join(drawn))


if __name__ == "__main__":
    main()
