#!/usr/bin/env python3
"""Fails if a link of a Markdown page of this repository leads to a file or heading that is not there."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> "set[str]":
    """The anchors of the headings, as GitHub makes them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    found: "dict[str, int]" = {}
    names = set()
    for heading in re.findall(r"^#{1,6} +(.*)$", text, re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        name = re.sub(r"[^\w\- ]", "", words).strip().replace(" ", "-")
        count = found[name] = found.get(name, -1) + 1
        names.add(f"{name}-{count}" if count else name)
    return names


def problems(page: Path) -> "list[str]":
    found = []
    for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / unquote(path)).resolve() if path else page.resolve()
        if not target.exists():
            found.append(f"{page}: there is no {path}")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            found.append(f"{page}: {path or page.name} has no heading #{anchor}")
    return found


def main() -> None:
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], capture_output=True, text=True, check=True)
    found = [problem for name in listed.stdout.splitlines() for problem in problems(Path(name))]
    for problem in found:
        print(f"error: {problem}", file=sys.stderr)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
