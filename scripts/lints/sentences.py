#!/usr/bin/env python3
"""Finds sentences that hide their actor: in comments and pages, none begins with "Of", "Who" or "What is"."""

import re
import subprocess
import sys
from pathlib import Path

BEGINNING = r"(?:Of|Who|What is) (?!.*\?)"
COMMENTS = {
    ".md": rf"^(?:[-*>|#\d.]+ )?{BEGINNING}|[.:|] {BEGINNING}",
    ".py": rf'^\s*(?:#|""") ?{BEGINNING}',
    ".rs": rf"^\s*//[/!]? {BEGINNING}",
    ".ts": rf"^\s*(?://|/?\*+) {BEGINNING}",
    ".tsx": rf"^\s*(?://|/?\*+) {BEGINNING}",
}


def main():
    files = subprocess.run(["git", "ls-files"], check=True, capture_output=True, text=True).stdout.split("\n")
    problems = 0
    for path in map(Path, files):
        pattern = COMMENTS.get(path.suffix)
        if pattern is None or not path.is_file():
            continue
        is_code = False
        for number, line in enumerate(path.read_text().splitlines(), 1):
            is_code ^= path.suffix == ".md" and line.startswith("```")
            if not is_code and re.search(pattern, line):
                print(f"{path}:{number}: begin with the actor: {line.strip()}", file=sys.stderr)
                problems += 1
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
