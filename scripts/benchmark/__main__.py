"""Measures the release build on the simulator, and other tools beside it: see docs/performance.md.

The environment says what: CASES (names), HUGE=1, OBJECTS=N, SMALL=1, REPEAT=N, RIVALS=0 or 1, RIVAL_SECONDS=N, BUILD=debug.
"""

import os
import sys
import tempfile
from pathlib import Path

import built
import cases
import charts
import cold_start
import distributed
import events
import machine
import messages
import process
import rivals
import table
import web
from cases import Case, Result
from simulator import Unusable, Simulator

PROGRAM = str(built.COMMAND_LINE)
COLD_START = "cold-start"
DISTRIBUTED = "distributed"
EVENTS = "events"
MESSAGES = "messages"
WEB = "web"
NO_RUNS = {COLD_START, DISTRIBUTED, EVENTS, MESSAGES, WEB}
TABLE = Path("dist/bench.md")
SMALL_TABLE = Path("dist/bench-small.md")
# SMALL=1 is this part of each case.
SMALL = 100


class Mistake(Exception):
    """What was asked for is not allowed."""


class NotMeasured(Exception):
    """A run that others rest on has failed."""


def number(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or int(text) < 1:
        raise Mistake(f"{name} = {text} is not allowed; allowed: a number from 1 on")
    return int(text)


def flag(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")


def chosen() -> tuple[list[Case], set[str]]:
    """The cases that were asked for, and which of those that are no runs."""
    known = cases.all_cases(SMALL if flag("SMALL") else 1)
    names = [case.name for case in known] + [*cases.GROUPS, *sorted(NO_RUNS)]
    asked = os.environ.get("CASES", "").split()
    for group in cases.GROUPS:
        if group in asked:
            asked += [case.name for case in known if case.name.startswith(f"{group}-")]
    unknown = [name for name in asked if name not in names]
    if unknown:
        raise Mistake(f"CASES = {' '.join(unknown)} is not allowed; allowed: {', '.join(names)}")
    if asked:
        return [case for case in known if case.name in asked], NO_RUNS & set(asked)
    return [case for case in known if flag("HUGE") or not case.huge], NO_RUNS


def shared_objects() -> int:
    """The objects of a night that several functions share."""
    usual = distributed.HUGE_OBJECTS if flag("HUGE") else distributed.OBJECTS
    return number("OBJECTS", usual // (SMALL if flag("SMALL") else 1))


def measure(case: Case, simulator: Simulator, command: list[str], env: dict[str, str], seconds: float) -> Result:
    run = process.run(command, env, seconds, case.cores)
    return Result(case, run, simulator.report())


def environment(endpoint: str) -> dict[str, str]:
    """The variables by which the command line talks to a simulator."""
    return {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }


def ours(case: Case) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        authority = str(Path(folder, "authority.pem"))
        with Simulator([*case.simulator(), *(["--tls", authority] if case.tls else [])]) as simulator:
            env = environment(simulator.endpoint) | ({"AWS_CA_BUNDLE": authority} if case.tls else {})
            return last_run(case, simulator, env)


def last_run(case: Case, simulator: Simulator, env: dict[str, str]) -> Result:
    """The run that is measured, after those that must come before."""
    job = ["--json", "--source", "primary", "--destination", "backup"]
    night = [PROGRAM, "run", *job]
    command = [PROGRAM, "restore", *case.restore, "--yes", *job] if case.restore else night
    for _ in range(case.nights if case.restore else case.nights - 1):
        before = process.run(night, env, case.seconds, case.cores)
        if before.code != 0:
            raise NotMeasured(f"a run before {case.name} ended with {before.code}: {cases.last_line(before.err)}")
        simulator.forget()
    return measure(case, simulator, command, env, case.seconds)


def median_of_ours(case: Case, repeat: int) -> Result:
    """The run with the median CPU, unless one of them is not exact: then that one."""
    results = []
    for _ in range(repeat):
        results.append(ours(case))
        if results[-1].own_problem():
            return results[-1]
    return sorted(results, key=lambda result: result.run.cpu)[(repeat - 1) // 2]


def theirs(case: Case, rival: rivals.Rival, program: str, seconds: float) -> Result:
    with Simulator(case.simulator()) as simulator, tempfile.TemporaryDirectory() as folder:
        env = rivals.environment(Path(folder), simulator.endpoint)
        return measure(case, simulator, [program, *rival.command(simulator.endpoint)], env, seconds)


def tell(tool: str, result: Result, problem: "str | None") -> None:
    print(
        f"{result.case.name:17} {tool:10} {result.run.wall:7.1f} s  CPU {result.run.cpu:6.2f} s  "
        f"{result.run.peak_mib:6.1f} MiB  {table.requests(result)}; {problem or 'exact'}",
        file=sys.stderr,
        flush=True,
    )


def run_all(asked: list[Case], notes: list[str]) -> dict[str, cases.Results]:
    """Ours in every case, and the others where a comparison is fair."""
    repeat, seconds = number("REPEAT", 1), number("RIVAL_SECONDS", 60)
    here, absent = ({}, []) if os.environ.get("RIVALS") == "0" else rivals.find()
    notes += absent
    notes += [f"{name}: {version}; at most {seconds} s for each case" for name, (_, _, version) in here.items()]
    by_tool: dict[str, cases.Results] = {table.OURS: {}, **{name: {} for name in here}}
    for case in asked:
        result = by_tool[table.OURS][case.name] = median_of_ours(case, repeat)
        tell(table.OURS, result, result.own_problem())
        for name, (rival, program, _) in here.items():
            if not case.with_rivals:
                continue
            if case.to_copy == 0 and any(not of.case.to_copy and of.run.timed_out for of in by_tool[name].values()):
                notes.append(f"{name} is left out of {case.name}: it was stopped in a case like it")
                continue
            result = by_tool[name][case.name] = theirs(case, rival, program, seconds)
            tell(name, result, result.problem())
    return by_tool


def page(
    by_tool: dict[str, cases.Results], cold: "cold_start.ColdStart | None", uploads: "events.Events | None",
    told: "messages.Messages | None", pages: "list[web.Page]", nights: "list[distributed.Night]", notes: list[str],
) -> str:
    """The text that is printed in the end, and kept."""
    own = by_tool[table.OURS]
    parts = ["\n".join(f"- {line}" for line in notes)]
    if own:
        parts.append(table.measured(own))
    if cold:
        parts.append(table.cold_start(cold))
    if uploads:
        parts.append(table.events(uploads))
    if told:
        parts.append(table.messages(told))
    if pages:
        parts.append(table.web(pages))
    if nights:
        parts.append(table.distributed(nights))
    if not built.IS_RELEASE:
        parts.append("BUILD=debug: only counts of requests and objects are those of a release.")
    if flag("SMALL"):
        parts.append(f"SMALL=1: a part in {SMALL} of the objects, to try it out. Targets are not for this.")
    else:
        parts.append(table.targets(own, cold, uploads, told, pages))
        if known := table.costs(own):
            parts.append(table.sizes(known))
    if any(results for tool, results in by_tool.items() if tool != table.OURS):
        parts.append(table.side_by_side(by_tool))
    return "\n\n".join(parts) + "\n"


def main() -> int:
    asked, others = chosen()
    process.stay_on_server_core()
    notes = machine.described()
    cold = cold_start.measure() if COLD_START in others else None
    uploads = events.measure(SMALL if flag("SMALL") else 1) if EVENTS in others else None
    told = messages.measure(2 if flag("SMALL") else messages.NIGHTS) if MESSAGES in others else None
    pages = web.measure_all(SMALL if flag("SMALL") else 1, flag("HUGE"), environment, PROGRAM) if WEB in others else []
    nights = distributed.measure(shared_objects()) if DISTRIBUTED in others else []
    by_tool = run_all(asked, notes)
    notes.append(f"Load after the last case: {machine.load()}; trust no wall time of a busy machine")
    text = page(by_tool, cold, uploads, told, pages, nights, notes)
    kept = SMALL_TABLE if flag("SMALL") else TABLE
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(text, encoding="utf-8")
    if not flag("SMALL"):
        charts.write(kept, kept.parent)
    print(text)
    wrong = [name for name, result in by_tool[table.OURS].items() if result.own_problem()]
    if uploads and uploads.problem():
        wrong.append(EVENTS)
    if told and told.problem():
        wrong.append(MESSAGES)
    if any(night.problem() for night in nights):
        wrong.append(DISTRIBUTED)
    if wrong:
        print(f"error: not exact: {', '.join(wrong)}; see the table", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Mistake, NotMeasured, Unusable, cold_start.NeverPolled) as error:
        sys.exit(f"error: cannot measure: {error}")
