"""The simulated S3 of one case and one tool, with a clock that stands until it is told to go on."""

import json
import subprocess
import sys
from pathlib import Path

from s3 import S3

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts/benchmark"))

import built

PROGRAM = built.SIMULATOR
PRIMARY, BACKUP = "primary", "backup"
HOUR, DAY = 3_600, 86_400
# So long ago does a case begin: all of it is in the past of the tools, whose clock is the real one.
DAYS_AGO = 4_000


class NotStarted(Exception):
    """Why the simulator does not run."""


class Stage(S3):
    """It ends with its input, so also when this program does."""

    def __init__(self, arguments: tuple[str, ...]) -> None:
        command = [PROGRAM, "--report", "--clock", str(DAYS_AGO), *arguments]
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        except OSError as error:
            raise NotStarted(f"{PROGRAM} cannot be started ({error}): run make conformance, which builds it") from error
        self.endpoint = self.process.stdout.readline().strip()
        if not self.endpoint:
            raise NotStarted(f"the simulator ended with {self.process.wait()} when asked for {arguments}")
        super().__init__(self.endpoint)

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def advance(self, seconds: int) -> None:
        self.order(f"advance {seconds}")

    def differences(self) -> int:
        """Objects without an equal backup: of any size, because the simulator compares what contents are made from."""
        report = json.loads(self.order("report"))
        return report["missing"] + report["wrong"]

    def order(self, line: str) -> str:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()
