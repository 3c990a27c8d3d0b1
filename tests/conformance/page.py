"""The tables of docs/comparison.md."""

from datetime import date

import verdict
from holes import GROUPS, Case
from tools import Tool
from verdict import Verdict

# By name of a case and of a tool.
Verdicts = dict[tuple[str, str], Verdict]


def whole(tools: list[Tool], cases: list[Case], verdicts: Verdicts, absent: list[str]) -> str:
    parts = [head(tools, absent)]
    for title, group in GROUPS.items():
        if rows := [row(case, tools, verdicts) for case in group if case in cases]:
            columns = [title, *(tool.name for tool in tools)]
            parts.append("\n".join([line(columns), line(["---"] * len(columns)), *rows]))
    return "\n\n".join(parts) + "\n"


def head(tools: list[Tool], absent: list[str]) -> str:
    versions = [f"- {tool.name}: {tool.version}" for tool in tools]
    return "\n".join([f"- {date.today()}", *versions, *(f"- {told}" for told in absent)])


def row(case: Case, tools: list[Tool], verdicts: Verdicts) -> str:
    return line([case.title, *(cell(verdicts[case.name, tool.name]) for tool in tools)])


def cell(of: Verdict) -> str:
    told = str(of)
    return told if told == verdict.OK else f"**{told}**"


def line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
