"""The figures of `make bench` are right, and what is wrong is told."""

import json
import os
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts/benchmark"))

import cases
import charts
import cold_start
import distributed
import doors
import events
import messages
import process
import rivals
import sizing
import table
import web
from cases import Result
from process import Run
from simulator import Report, Unusable

PYTHON = [sys.executable, "-S", "-c"]
ENV = {"PATH": os.environ["PATH"]}
TOUCH = "x = bytearray({} << 20); x[::4096] = x[::4096]; import time; time.sleep(0.2)"
SPIN = "while True: pass"


def result(case: str, calls: list, run: "Run | None" = None, **report: int) -> Result:
    known = {own.name: own for own in cases.all_cases(1)}[case]
    seen = {"objects": known.objects, "missing": 0, "wrong": 0, "extra": 0, **report}
    run = run or Run(0, False, wall=3.0, cpu=1.6, peak_mib=30.0, out="", err="")
    return Result(known, run, Report(calls, {"ListObjectsV2": 2, "CopyObject": 256}, cpu=0.5, **seen))


def told(**changes: object) -> str:
    counts = {"status": "complete", "objects_found": 20_000, "objects_copied": 20_000, "errors": 0}
    return str(counts | changes).replace("'", '"')


COPIED = [["ListObjectsV2", 200, 21], ["CopyObject", 200, 20_000], ["CopyObject", 503, 100], ["HeadBucket", 200, 2]]


def test_memory_is_that_of_the_program_and_not_of_the_one_that_started_it() -> None:
    ballast = b"x" * (200 << 20)

    small, large = (process.run([*PYTHON, TOUCH.format(mib)], ENV, 20).peak_mib for mib in (1, 100))

    assert len(ballast) > large * 2**20 > 100 * 2**20
    assert 95 < large - small < 105


def test_cpu_counts_a_child_that_was_killed_with_its_parent() -> None:
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {SPIN!r}])"
    began = time.monotonic()

    run = process.run([*PYTHON, parent], ENV, 1.5)

    assert run.timed_out
    assert time.monotonic() - began < 10
    assert run.cpu > 0.2


def test_requests_are_told_apart_and_counted_for_each_object() -> None:
    copied = result("copy", COPIED)

    assert table.requests(copied) == "21 LIST, 20,100 COPY, 2 other (100 x 503)"
    # 20,102 for 20,000 objects: the refused ones were sent too.
    assert table.per_object(copied) == "1.01"
    assert copied.refused == 100


def test_an_inexact_backup_is_a_problem_whatever_the_program_says() -> None:
    run = Run(0, False, wall=3.0, cpu=1.6, peak_mib=30.0, out=told(), err="")

    assert result("copy", COPIED, run).own_problem() is None
    assert result("copy", COPIED, run, missing=1).own_problem() == "1 missing and 0 wrong of 20,000"
    assert result("copy", COPIED, run, wrong=2).own_problem() == "0 missing and 2 wrong of 20,000"


def test_a_result_that_does_not_tell_the_truth_is_a_problem() -> None:
    run = Run(0, False, wall=3.0, cpu=1.6, peak_mib=30.0, out=told(objects_copied=19_999), err="")

    assert result("copy", COPIED, run).own_problem() == "objects_copied is 19999, expected 20000"


def test_a_restore_is_judged_by_what_it_has_restored() -> None:
    counts = told(objects_restored=20_000, objects_copied=0)
    run = Run(0, False, wall=3.0, cpu=1.6, peak_mib=30.0, out=counts, err="")
    one = Run(0, False, wall=0.4, cpu=0.02, peak_mib=20.0, out=told(objects_found=1, objects_restored=1), err="")

    assert result("restore-copy", COPIED, run).own_problem() is None
    assert result("restore-copy", COPIED, run, missing=1).own_problem() == "1 missing and 0 wrong of 20,000"
    assert result("restore-one", COPIED, one, objects=0).own_problem() is None


def test_a_failure_is_told_in_its_own_words() -> None:
    run = Run(1, False, wall=3.0, cpu=1.6, peak_mib=30.0, out="", err="first\nlast | line\n")

    assert result("copy", COPIED, run, missing=5).problem() == (
        "ended with 1: last / line; 5 missing and 0 wrong of 20,000"
    )


def test_a_missed_target_is_marked_and_a_met_one_is_not() -> None:
    slow = Run(0, False, wall=4.1, cpu=1.6, peak_mib=30.0, out=told(), err="")

    lines = table.targets({"copy": result("copy", COPIED, slow)}, None, None).splitlines()

    assert "| `copy` | wall time | 4 s | 4.10 s | **missed** |" in lines
    assert "| `copy` | client CPU per object | 0.15 ms | 0.08 ms | met |" in lines


def test_ten_times_the_keys_are_judged_by_a_tenth_if_that_was_measured() -> None:
    huge = result("unchanged-huge", [["ListObjectsV2", 200, 20_000]])
    small = result("unchanged-flat", [["ListObjectsV2", 200, 2_000]])

    alone = table.targets({"unchanged-huge": huge}, None, None)
    both = table.targets({"unchanged-flat": small, "unchanged-huge": huge}, None, None)

    assert "nothing to compare with" in alone
    assert "| `unchanged-huge` | peak memory (1.1 x unchanged-flat) | 33 MiB | 30.0 MiB | met |" in both


def test_sizes_are_bound_by_cpu_then_by_waiting_then_by_what_s3_takes() -> None:
    costs = sizing.Costs(per_unchanged=10e-6, per_copied=100e-6, listings_at_once=2)

    # 840 s at a tenth of a processor; 840 s with two listings of 60 ms; 840 s with 3,500 writes.
    assert sizing.rounded(sizing.unchanged(177, costs)) == "8,400,000"
    assert sizing.unchanged(1_769, costs) == 14_000_000
    assert sizing.copied(177, costs) < sizing.copied(1_769, costs) == 2_940_000
    assert sizing.share(3_008) == 1


def test_rivals_get_nothing_that_leads_to_an_account(tmp_path: Path, monkeypatch: object) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("RCLONE_CONFIG_S3_ACCESS_KEY_ID", "real")

    env = rivals.environment(tmp_path, "http://127.0.0.1:1")

    assert env["AWS_ACCESS_KEY_ID"] == "test"
    assert "AWS_PROFILE" not in env and "RCLONE_CONFIG_S3_ACCESS_KEY_ID" not in env


def test_a_package_that_is_older_than_the_source_is_not_counted(tmp_path: Path, monkeypatch: object) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("Cargo.toml", "Cargo.lock", "src/lib.rs", "dist/bootstrap.zip"):
        path = Path(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(2_000_000))
        os.utime(path, (1_000, 1_000))

    made = cold_start.package_mb()
    os.utime("src/lib.rs", (2_000, 2_000))
    outdated = cold_start.package_mb()
    Path("dist/bootstrap.zip").unlink()

    assert (made, outdated, cold_start.package_mb()) == (2.0, None, None)


def test_the_charts_of_the_page_are_those_of_its_tables() -> None:
    docs = Path(__file__).parents[2] / "docs"

    drawn = charts.charts_of((docs / "performance.md").read_text(encoding="utf-8"))

    assert drawn.keys() == {"bench-tools.svg", "bench-objects.svg"}
    for name, svg in drawn.items():
        now = (docs / "pictures" / name).read_text(encoding="utf-8")
        assert svg == now, f"draw it again: scripts/benchmark/charts.py docs/performance.md docs/pictures ({name})"


def test_a_chart_says_what_its_table_says() -> None:
    page = (
        "| case | tool | wall s | client CPU s | peak MiB | requests | at once | outcome |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- |\n"
        "| `copy` | s3-backup | 3.04 | 1.81 | 36.6 | 22 LIST | 2 LIST | exact |\n"
        "| `copy` | a<b | 1,200 | 9 | 8 | 1 LIST | 1 LIST | stopped after 200 s |\n"
    )

    drawn = charts.charts_of(page)

    assert drawn.keys() == {"bench-tools.svg"}
    for told in ("copy: time", "3.04 s", "a&lt;b", "1,200 s, stopped after 200 s", "36.6 MiB"):
        assert told in drawn["bench-tools.svg"]


def uploads(**changes: object) -> events.Events:
    seen = {"objects": 100, "missing": 0, "wrong": 0, "extra": 0}
    calls = [["HeadObject", 200, 200], ["CopyObject", 200, 100], ["HeadBucket", 200, 20]]
    known = {
        "uploads": 100, "batches": 4, "failed": 0, "sent_s": 1.0, "wall_s": 1.5, "cpu_s": 0.05, "peak_mib": 20.0,
        "report": Report(calls, {}, cpu=0.1, **seen),
    }
    return events.Events(**(known | changes))


def test_batches_of_events_come_by_the_second_with_fifty_messages_at_most() -> None:
    keys = [f"k{number}" for number in range(1_000)]

    found = events.batches(keys, 6)

    assert [key for _, batch in found for key in batch] == keys
    assert max(len(batch) for _, batch in found) == 50
    assert [at for at, _ in found] == sorted(at for at, _ in found)
    assert found[-1][0] == 6


def test_events_are_exact_only_if_each_upload_was_copied_once_and_no_message_failed() -> None:
    twice = Report([["CopyObject", 200, 101]], {}, objects=100, missing=0, wrong=0, extra=0, cpu=0.1)

    assert uploads().problem() is None
    assert "2 messages failed" in uploads(failed=2).problem()
    assert "101 copies of 100 uploads" in uploads(report=twice).problem()
    assert "0.50" in table.events(uploads())
    assert "CPU per event" in table.targets({}, None, uploads())
    assert "**missed**" in table.targets({}, None, uploads(cpu_s=0.1))


def test_a_message_is_measured_by_what_it_adds_and_each_night_must_have_sent_one() -> None:
    told = messages.Messages(
        nights=4, cpu_ms=21.0, silent_cpu_ms=19.5, peak_mib=20.0, silent_peak_mib=19.0, published=4, failed=0
    )

    assert told.problem() is None
    lines = table.targets({}, None, None, told).splitlines()
    assert [line.split(" | ")[3:] for line in lines[2:]] == [["1.50 ms", "met |"], ["1.00 MiB", "met |"], ["1.00", "met |"]]
    assert "3 messages of 4 nights" in messages.Messages(**{**told.__dict__, "published": 3}).problem()
    assert "1 nights failed" in messages.Messages(**{**told.__dict__, "failed": 1}).problem()


def test_a_screen_of_the_page_that_takes_too_long_is_missed() -> None:
    waits = {"folder": 0.4, "first results": 1.2}
    targets = {"folder": 0.5, "first results": 1}
    pages = [web.Page(1_000, 3, waits, 90.0, "web", targets), web.Page(1_000, 3, waits, 130.0, "web-function", targets, "function", 2.5, 0.8)]

    lines = table.targets({}, None, None, None, pages).splitlines()

    assert [line.split("|")[5].strip() for line in lines[2:]] == ["met", "**missed**", "met", "met", "**missed**", "**missed**"]
    assert "| `web-function` | folder |" in lines[5]
    assert "| function | 1,000 objects in 3 runs | 0.40 | 1.20 | 2.50 | 0.80 | 130 |" in table.web(pages)


class Answers(doors.Door):
    """A door with an answer for each route, which are those of a page over three runs unless the test says otherwise."""

    def __init__(self, **other: dict) -> None:
        self.answers = {
            "me": {"name": None, "role": "admin"},
            "runs": {"runs": [{"run": "c"}, {"run": "b"}, {"run": "a"}]},
            "folder": {"entries": [{}]},
            "file": {"states": [{}]},
            "search": {"files": [{"path": web.REPORT}], "next": None},
            "plan": {"can_confirm": True},
            **other,
        }

    def send(self, method: str, path: str, body: "bytes | None" = None) -> bytes:
        route = path.removeprefix("/api/")
        if route == "search" and b"42" in body and self.answers["search"]["files"]:
            return json.dumps({"files": [{"path": "00/42.dat"}], "next": None}).encode()
        return json.dumps(self.answers[route]).encode() if route in self.answers else b"a file"

    def cpu_s(self) -> float:
        return 0.0


def test_a_page_is_not_measured_if_one_of_its_answers_is_wrong() -> None:
    assert "plan of one file" in web.screens(Answers(), 10_000, 3, 0.0)[0]

    wrong = {
        "me": {"role": "viewer"}, "runs": {"runs": [{"run": "a"}]}, "folder": {"entries": []}, "file": {"states": []},
        "search": {"files": [], "next": None}, "plan": {"can_confirm": False},
    }
    for route, answer in wrong.items():
        with pytest.raises(Unusable):
            web.screens(Answers(**{route: answer}), 10_000, 3, 0.0)


def test_the_function_is_asked_as_the_gateway_asks_it() -> None:
    asked = json.loads(doors.payload("POST", "/api/me", b"{}", is_signed_in=True))

    assert (asked["version"], asked["rawPath"], asked["body"]) == ("2.0", "/api/me", "{}")
    assert asked["requestContext"]["authorizer"]["jwt"]["claims"]["token_use"] == "access"
    file = json.loads(doors.payload("GET", "/app.js", None, is_signed_in=False))
    assert "authorizer" not in file["requestContext"] and "body" not in file


def test_a_night_that_functions_share_is_exact_if_close_has_found_everything_and_copied_nothing() -> None:
    result = {"status": "complete", "objects_found": 5_000, "objects_copied": 0, "errors": 0}
    night = distributed.Night(5_000, True, 8, pieces=3, result={**result, "distributed": {"pieces_missing": 0}})
    night.steps = {name: distributed.Step(1.0, cpu, cpu / 2, 30.0) for name, cpu in (("ranges", 0.5), ("workers", 4.0), ("close", 1.0))}

    assert night.problem() is None
    assert "| 5,000 unchanged, with a snapshot | 8 | 3 | 1.00, 1.00, 1.00 | 0.50, 4.00, 1.00 | 2.00 |" in table.distributed([night])
    night.result = {**result, "objects_found": 4_000, "distributed": {"pieces_missing": 1}}
    assert night.problem() == "objects_found is 4000; 1 pieces are missing"


class Worker:
    """A function that needs two invocations for each request."""

    def __init__(self) -> None:
        self.asked: list = []

    def invoke(self, payload: bytes) -> dict:
        self.asked.append(json.loads(payload))
        return {"cursor": None if "cursor" in self.asked[-1] else {"of": self.asked[-1]["piece"]}}

    def cpu_s(self) -> float:
        return 1.0

    def peak_mib(self) -> float:
        return 20.0


def test_workers_take_pieces_and_go_on_with_each_until_it_has_no_cursor() -> None:
    night, workers = distributed.Night(100, True, 2), [Worker(), Worker()]

    answers = distributed.step(night, "workers", workers, [{"piece": number} for number in range(5)])

    assert answers == [{"cursor": None}] * 5
    assert night.invocations == sum(len(worker.asked) for worker in workers) == 10
    assert night.steps["workers"].cpu_s == 2.0
    closed = distributed.step(night, "close", [Worker()], [{"piece": 1}])
    assert closed == [{"cursor": {"of": 1}}], "the cursor of a run that is not whole is not followed"
