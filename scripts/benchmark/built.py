"""The programs as scripts/programs has built them: of the release, or with BUILD=debug to try things out."""

import os
from pathlib import Path

FOLDER = Path("target") / (os.environ.get("BUILD") or "release")
IS_RELEASE = FOLDER.name == "release"
COMMAND_LINE = FOLDER / "s3-backup"
FUNCTION = FOLDER / "bootstrap"
SIMULATOR = FOLDER / "s3-sim"
