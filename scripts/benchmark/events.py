"""Uploads whose events come through a queue: what an event takes, and whether all are in the backup in time.

A fake Runtime API gives each environment of the function one batch after the other, as Lambda does for a queue: at most 50
messages, and what has come since the last second.
"""

import json
import queue
import re
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import quote_plus, unquote

from runtime_api import PATIENCE_S, Function
from simulator import Report, Simulator

UPLOADS, SECONDS = 10_000, 60
# The settings of the stack: messages in a batch, invocations at once.
BATCH, AT_ONCE = 50, 10


@dataclass(frozen=True)
class Events:
    """What became of the uploads."""

    uploads: int
    batches: int
    failed: int
    # From the first event to the last, and to the last copy.
    sent_s: float
    wall_s: float
    cpu_s: float
    peak_mib: float
    report: Report

    @property
    def cpu_ms(self) -> float:
        return self.cpu_s * 1000 / self.uploads

    def problem(self) -> "str | None":
        """Why the backup is not what the uploads were, or why a message would come again."""
        found = []
        if not self.report.is_exact:
            found.append(f"{self.report.missing:,} missing and {self.report.wrong:,} wrong")
        if self.failed:
            found.append(f"{self.failed:,} messages failed")
        if (copies := self.report.count("CopyObject")) != self.uploads:
            found.append(f"{copies:,} copies of {self.uploads:,} uploads")
        return "; ".join(found) or None


def measure(scale: int) -> Events:
    """10,000 uploads in 60 s at concurrency 10, or a part of them in a part of the time."""
    uploads, seconds = UPLOADS // scale, SECONDS / scale
    with Simulator(["--populate", str(uploads)]) as simulator:
        keys = keys_of(simulator.endpoint)
        environments = [Environment(simulator.endpoint) for _ in range(AT_ONCE)]
        try:
            simulator.forget()
            waiting = batches(keys, seconds)
            began = time.monotonic()
            with ThreadPoolExecutor(AT_ONCE) as pool:
                inbox: queue.Queue = queue.Queue()
                answering = [pool.submit(environment.work, inbox) for environment in environments]
                number = 0
                for at, batch in waiting:
                    time.sleep(max(0.0, began + at - time.monotonic()))
                    inbox.put(batch)
                    number += 1
                sent = time.monotonic() - began
                for _ in environments:
                    inbox.put(None)
                failed = sum(done.result(timeout=PATIENCE_S) for done in answering)
            wall = time.monotonic() - began
            cpu = sum(environment.cpu_s() for environment in environments)
            peak = max(environment.peak_mib() for environment in environments)
        finally:
            for environment in environments:
                environment.end()
        return Events(len(keys), number, failed, sent, wall, cpu, peak, simulator.report())


def keys_of(endpoint: str) -> list[str]:
    """The keys that the simulator was filled with."""
    keys, after = [], ""
    while True:
        url = f"{endpoint}/primary?list-type=2&encoding-type=url&start-after={quote_plus(after)}"
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as reply:
            found = [unquote(key) for key in re.findall("<Key>([^<]*)</Key>", reply.read().decode())]
        if not found:
            return keys
        keys += found
        after = found[-1]


def batches(keys: list[str], seconds: float) -> list[tuple[float, list[str]]]:
    """When each batch is there: the uploads are spread evenly, and a batch waits for a second or for 50 messages."""
    per_window = max(1, round(len(keys) / max(1.0, seconds)))
    found = []
    for window, start in enumerate(range(0, len(keys), per_window), 1):
        of_window = keys[start : start + per_window]
        found += [(float(window), of_window[at : at + BATCH]) for at in range(0, len(of_window), BATCH)]
    return found


def payload(keys: list[str]) -> bytes:
    records = []
    for number, key in enumerate(keys):
        detail = {"version": "0", "bucket": {"name": "primary"}, "object": {"key": key}, "reason": "PutObject"}
        event = {"version": "0", "source": "aws.s3", "detail-type": "Object Created", "detail": detail}
        records.append({"messageId": f"m{number}", "eventSource": "aws:sqs", "body": json.dumps(event)})
    return json.dumps({"Records": records}).encode()


class Environment(Function):
    """A running function that answers events."""

    def __init__(self, endpoint: str) -> None:
        super().__init__("events", {"AWS_ENDPOINT_URL": endpoint, "_HANDLER": "events"})

    def work(self, inbox: queue.Queue) -> int:
        """Answers batches until there are no more; tells how many messages failed."""
        failed = 0
        while (keys := inbox.get()) is not None:
            answer = self.invoke(payload(keys))
            failed += len(keys) if answer is None else len(answer["batchItemFailures"])
        return failed
