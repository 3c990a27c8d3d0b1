"""Plays the cases with our program, and with other tools beside it: see docs/comparison.md.

The environment says what: CASES (names), RIVALS=0 or 1, RIVAL_SECONDS=N.
"""

import os
import sys
from pathlib import Path

import holes
import page
import tools
import verdict
from stage import NotStarted

TABLE = Path("dist/conformance.md")


class Mistake(Exception):
    """What was asked for is not allowed."""


def chosen() -> list[holes.Case]:
    names = [case.name for case in holes.ALL]
    asked = os.environ.get("CASES", "").split()
    unknown = [name for name in asked if name not in names]
    if unknown:
        raise Mistake(f"CASES = {' '.join(unknown)} is not allowed; allowed: {', '.join(names)}")
    return [case for case in holes.ALL if not asked or case.name in asked]


def seconds() -> int:
    text = os.environ.get("RIVAL_SECONDS") or "300"
    if not text.isdigit() or int(text) < 1:
        raise Mistake(f"RIVAL_SECONDS = {text} is not allowed; allowed: a number from 1 on")
    return int(text)


def tell(case: holes.Case, tool: tools.Tool, of: verdict.Verdict) -> None:
    said = f" ({of.said})" if of.said else ""
    print(f"{case.name:22} {tool.name:19} {of}{said}", file=sys.stderr, flush=True)


def main() -> int:
    cases, limit = chosen(), seconds()
    others, absent = ([], []) if os.environ.get("RIVALS") == "0" else tools.theirs()
    asked = [tools.ours(), *others]
    verdicts: page.Verdicts = {}
    for case in cases:
        for tool in asked:
            found = verdicts[case.name, tool.name] = verdict.of(case, tool, limit)
            tell(case, tool, found)
    text = page.whole(asked, cases, verdicts, absent)
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(text, encoding="utf-8")
    print(text)
    wrong = [case.name for case in cases if not as_promised(case, verdicts[case.name, tools.OURS])]
    if wrong:
        print(f"error: s3-backup is not as it promises: {', '.join(wrong)}; see the table", file=sys.stderr)
    return 1 if wrong else 0


def as_promised(case: holes.Case, found: verdict.Verdict) -> bool:
    return str(found) == holes.KNOWN_OF_OURS.get(case.name, verdict.OK)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Mistake, NotStarted) as error:
        sys.exit(f"error: cannot compare: {error}")
