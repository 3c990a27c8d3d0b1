"""Charts of the figures, as SVG: our tool beside the others, and against the number of objects.

usage: charts.py PAGE FOLDER    draws the tables of a page, such as docs/performance.md

They are drawn from the Markdown that the bench writes, so that a chart cannot say anything else than its table.
"""

import html
import re
import sys
from pathlib import Path
from typing import NamedTuple

FONT, ROW, BAR, LABELS, MOST, VALUE = 13, 22, 14, 190, 420, 90
OURS, OTHERS, STOPPED = "#1f6feb", "#8b949e", "#d0d7de"

# The color of a number that stands inside of a bar.
INSIDE = {OURS: "#ffffff", OTHERS: "#ffffff", STOPPED: "#24292f"}


class Bar(NamedTuple):
    """A figure of one tool or case, and what stands behind its number."""

    label: str
    figure: float
    color: str
    note: str = ""


class Chart(NamedTuple):
    """Bars of one unit, the longest of which fills the width."""

    title: str
    unit: str
    bars: "list[Bar]"


def tables(page: str) -> "list[list[dict[str, str]]]":
    """The tables of a page, each row by the names of its columns."""
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        head, _, *body = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in block.splitlines()]
        found.append([dict(zip(head, row, strict=True)) for row in body])
    return found


def figure(cell: str) -> float:
    return float(cell.replace(",", ""))


def beside_others(rows: "list[dict[str, str]]") -> "list[Chart]":
    """A chart for each case and figure."""
    charts = []
    for case in dict.fromkeys(row["case"] for row in rows):
        of_case = [row for row in rows if row["case"] == case]
        for column, title, unit in (
            ("wall s", "time", "s"), ("client CPU s", "CPU", "s"), ("peak MiB", "memory", "MiB"),
        ):
            bars = []
            for row in of_case:
                outcome = row["outcome"]
                color = OURS if row["tool"] == "s3-backup" else OTHERS if outcome == "exact" else STOPPED
                bars.append(Bar(row["tool"], figure(row[column]), color, "" if outcome == "exact" else outcome))
            charts.append(Chart(f"{case.strip('`')}: {title}", unit, bars))
    return charts


def against_objects(rows: "list[dict[str, str]]") -> "list[Chart]":
    """What an unchanged night takes of one million keys and of ten."""
    named = {row["case"].split("`")[1]: row for row in rows}
    sizes = [("unchanged-flat", "1 million"), ("unchanged-huge", "10 million")]
    charts = []
    for column, title, unit in (("wall s", "time", "s"), ("client CPU s", "CPU", "s"), ("peak MiB", "memory", "MiB")):
        bars = [Bar(label, figure(named[case][column]), OURS) for case, label in sizes if case in named]
        charts.append(Chart(f"an unchanged night: {title}", unit, bars))
    return charts


def drawn(charts: "list[Chart]") -> str:
    height = sum(ROW * (len(chart.bars) + 2) for chart in charts)
    width = LABELS + MOST + 2 * VALUE
    parts, top = [], 0
    for chart in charts:
        top += ROW
        parts.append(f'<text x="8" y="{top}" font-weight="bold">{html.escape(chart.title)}</text>')
        longest = max(bar.figure for bar in chart.bars)
        for bar in chart.bars:
            top += ROW
            length = max(MOST * bar.figure / longest, 1)
            told = f"{bar.figure:,g} {chart.unit}" + (f", {bar.note}" if bar.note else "")
            if length < MOST * 0.6:
                place = f'x="{LABELS + length + 6:.1f}"'
            else:
                place = f'x="{LABELS + length - 6:.1f}" text-anchor="end" fill="{INSIDE[bar.color]}"'
            parts.append(
                f'<text x="{LABELS - 8}" y="{top}" text-anchor="end">{html.escape(bar.label)}</text>'
                f'<rect x="{LABELS}" y="{top - BAR + 2}" width="{length:.1f}" height="{BAR}" fill="{bar.color}"/>'
                f'<text {place} y="{top}">{html.escape(told)}</text>'
            )
        top += ROW
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="{FONT}"><rect width="100%" height="100%" fill="#ffffff"/>{"".join(parts)}</svg>\n'
    )


def charts_of(page: str) -> "dict[str, str]":
    """The charts of a page by the names of their files; none of a table that is not there."""
    found = {}
    for rows in tables(page):
        if rows and {"tool", "outcome", "wall s"} <= rows[0].keys():
            found["bench-tools.svg"] = drawn(beside_others(rows))
        elif rows and {"limit is", "wall s"} <= rows[0].keys():
            charts = against_objects(rows)
            if all(len(chart.bars) > 1 for chart in charts):
                found["bench-objects.svg"] = drawn(charts)
    return found


def write(page: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, svg in charts_of(page.read_text(encoding="utf-8")).items():
        (folder / name).write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    write(Path(sys.argv[1]), Path(sys.argv[2]))
