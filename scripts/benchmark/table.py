"""The figures as Markdown."""

from collections.abc import Callable

import sizing
from cases import COPY_S, LIST_S, Result, Results
from cold_start import ColdStart
from distributed import Night, Step
from events import Events
from messages import Messages
from web import Page

OURS = "s3-backup"
COLD_START_CPU_MS = 5
ZIP_MB = 9
EVENT_CPU_MS, EVENT_PEAK_MIB, EVENTS_LATE_S = 0.6, 32, 60
MESSAGE_CPU_MS, MESSAGE_REQUESTS, MESSAGE_MIB = 30, 3, 2
PAGE_PEAK_MIB = 128
UNCHANGED = ("unchanged-deep", "unchanged-flat", "unchanged-skewed")


def rows(head: list[str], body: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def number(value: float) -> str:
    """Three digits, and none behind the point of what is large."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def requests(result: Result) -> str:
    others = result.report.count() - result.pages - result.copies
    counts = [(result.pages, "LIST"), (result.copies, "COPY"), (others, "other")]
    told = ", ".join(f"{count:,} {name}" for count, name in counts if count)
    return told + (f" ({result.refused:,} x 503)" if result.refused else "")


def at_once(result: Result) -> str:
    seen = [("ListObjectsV2", "LIST"), ("CopyObject", "COPY")]
    known = [(result.report.at_once.get(verb, 0), name) for verb, name in seen]
    return ", ".join(f"{most} {name}" for most, name in known if most)


def per_object(result: Result) -> str:
    """Beyond listings, where something was to be copied."""
    return f"{result.requests_per_copy:.2f}" if result.case.to_copy else ""


def measured(results: Results) -> str:
    head = [
        "case", "wall s", "limit s", "limit is", "client CPU s", "peak MiB", "requests", "per copied object", "at once",
        "exact", "simulator CPU s",
    ]
    body = []
    for name, result in results.items():
        words, seconds = result.case.limit(result)
        body.append([
            f"`{name}`: {result.case.title}", number(result.run.wall), number(seconds), words, number(result.run.cpu),
            number(result.run.peak_mib), requests(result), per_object(result), at_once(result),
            result.own_problem() or "yes", number(result.report.cpu),
        ])
    return rows(head, body)


def targets(
    results: Results, cold: "ColdStart | None", events: "Events | None", told: "Messages | None" = None,
    pages: "list[Page] | None" = None,
) -> str:
    body = []
    for name, result in results.items():
        for target in result.case.targets:
            most, figure = target.most(results), target.figure(result, results)
            if most is None or figure is None:
                body.append([f"`{name}`", target.name, "", number(figure or 0), "nothing to compare with"])
            else:
                body.append(verdict(name, target.name, most, figure, target.unit))
    if cold:
        body.append(verdict("cold-start", "CPU to the first poll", COLD_START_CPU_MS, cold.cpu_ms, "ms"))
        if cold.zip_mb is not None:
            body.append(verdict("cold-start", "package", ZIP_MB, cold.zip_mb, "MB"))
    if events:
        body.append(verdict("events", "CPU per event", EVENT_CPU_MS, events.cpu_ms, "ms"))
        body.append(verdict("events", "peak memory", EVENT_PEAK_MIB, events.peak_mib, "MiB"))
        body.append(verdict("events", "last event to last copy", EVENTS_LATE_S, events.wall_s - events.sent_s, "s"))
    if told:
        body.append(verdict("messages", "CPU that a message adds", MESSAGE_CPU_MS, told.more_cpu_ms, "ms"))
        body.append(verdict("messages", "memory that it adds", MESSAGE_MIB, told.more_mib, "MiB"))
        body.append(verdict("messages", "requests that it adds", MESSAGE_REQUESTS, told.requests, ""))
    for page in pages or []:
        body += [verdict(page.name, screen, most, page.seconds[screen], "s") for screen, most in page.targets.items()]
        body.append(verdict(page.name, "peak memory", PAGE_PEAK_MIB, page.peak_mib, "MiB"))
    return rows(["case", "what", "target", "measured", ""], body)


def verdict(case: str, name: str, most: float, figure: float, unit: str) -> list[str]:
    told = "met" if figure <= most else "**missed**"
    return [f"`{case}`", name, f"{most:,.4g} {unit}".strip(), f"{number(figure)} {unit}".strip(), told]


def cold_start(cold: ColdStart) -> str:
    head = ["from exec to the first poll", "CPU ms", "least", "wall ms", "peak MiB", "package MB"]
    body = [[
        f"median of {len(cold.starts)} starts", number(cold.cpu_ms), number(cold.least_cpu_ms), number(cold.wall_ms),
        number(cold.peak_mib), "not made" if cold.zip_mb is None else number(cold.zip_mb),
    ]]
    return rows(head, body)


def events(done: Events) -> str:
    head = ["events", "batches", "sent in s", "all in the backup after s", "CPU ms per event", "peak MiB", "requests", "exact"]
    copies, looks = done.report.count("CopyObject"), done.report.count("HeadObject")
    others = done.report.count() - copies - looks
    body = [[
        f"{done.uploads:,}", f"{done.batches:,}", number(done.sent_s), number(done.wall_s), number(done.cpu_ms),
        number(done.peak_mib), f"{looks:,} HEAD, {copies:,} COPY, {others:,} other", done.problem() or "yes",
    ]]
    return rows(head, body)


def messages(told: Messages) -> str:
    head = ["nights with a message, and as many without", "CPU ms", "without", "peak MiB", "without", "requests to the topic", "exact"]
    body = [[
        str(told.nights), number(told.cpu_ms), number(told.silent_cpu_ms), number(told.peak_mib), number(told.silent_peak_mib),
        str(told.published), told.problem() or "yes",
    ]]
    return rows(head, body)


def web(pages: "list[Page]") -> str:
    screens = list(pages[0].seconds)
    head = ["door", "page over", *(f"{screen}, s" for screen in screens), "CPU ms of a page ready", "CPU s of all results", "peak MiB"]
    body = [
        [page.door, f"{page.objects:,} objects in {page.runs} runs", *(number(page.seconds[screen]) for screen in screens),
         number(page.ready_cpu_ms), number(page.search_cpu_s), number(page.peak_mib)]
        for page in pages
    ]
    return rows(head, body)


def distributed(nights: "list[Night]") -> str:
    head = [
        "night", "functions", "pieces", "wall s: ranges, workers, close", "CPU s: ranges, workers, close",
        "CPU s of the worker that took most", "peak MiB: ranges, worker, close", "LIST", "other requests", "exact",
    ]
    return rows(head, [
        [f"{night.objects:,} unchanged, {'with' if night.has_snapshot else 'without'} a snapshot", str(night.workers),
         f"{night.pieces:,}", of_steps(night, lambda step: step.wall_s), of_steps(night, lambda step: step.cpu_s),
         number(night.steps["workers"].most_cpu_s), of_steps(night, lambda step: step.peak_mib), f"{night.listings:,}",
         f"{night.others:,}", night.problem() or "yes"]
        for night in nights
    ])


def of_steps(night: Night, figure: "Callable[[Step], float]") -> str:
    return ", ".join(number(figure(step)) for step in night.steps.values())


def side_by_side(by_tool: dict[str, Results]) -> str:
    """Ours first, then the others, for the cases that others have run."""
    names = [name for name in by_tool[OURS] if any(name in by_tool[tool] for tool in by_tool if tool != OURS)]
    body = []
    for name in names:
        for tool, results in by_tool.items():
            if name not in results:
                continue
            result = results[name]
            body.append([
                f"`{name}`", tool, number(result.run.wall), number(result.run.cpu), number(result.run.peak_mib),
                requests(result), at_once(result), result.problem() or "exact",
            ])
    return rows(["case", "tool", "wall s", "client CPU s", "peak MiB", "requests", "at once", "outcome"], body)


def costs(results: Results) -> "sizing.Costs | None":
    """From the first copy and the worst of the unchanged cases."""
    unchanged = [result for name, result in results.items() if name in UNCHANGED]
    if not unchanged or "copy" not in results:
        return None
    worst = max(unchanged, key=lambda result: result.run.cpu)
    copy = results["copy"]
    return sizing.Costs(
        per_unchanged=worst.run.cpu / worst.case.objects,
        per_copied=copy.run.cpu / copy.case.to_copy,
        listings_at_once=min(max(result.report.at_once.get("ListObjectsV2", 1), 1) for result in unchanged),
    )


def sizes(known: sizing.Costs) -> str:
    formula = (
        f"CPU: {known.per_unchanged * 1e6:.2f} us for an unchanged object, {known.per_copied * 1e6:.0f} us for a "
        f"copied one.\nUnchanged = {sizing.SECONDS} s x the smaller of share / CPU of one and "
        f"{known.listings_at_once} listings at once x 500 objects / {LIST_S * 1000:.0f} ms.\n"
        f"Copied = {sizing.SECONDS} s x the smallest of share / CPU of one, copies at once / {COPY_S * 1000:.0f} ms "
        f"and {sizing.WRITES_PER_SECOND:,}/s."
    )
    body = [
        [
            f"{memory:,} MB", f"{sizing.share(memory):.2f}", sizing.rounded(sizing.unchanged(memory, known)),
            sizing.rounded(sizing.copied(memory, known)),
        ]
        for memory in sizing.SETTINGS
    ]
    head = ["memory setting", "share of a CPU", "unchanged objects per run", "copied objects per run"]
    return f"{formula}\n\n{rows(head, body)}"
