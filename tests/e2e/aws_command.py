"""The AWS command line in a few processes that stay: to start it takes five times the processor of most commands."""

import contextlib
import io
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

SECONDS = 120
AT_ONCE = 4


def run(arguments: "list[str]", env: "dict[str, str]", folder: Path) -> "tuple[int, str, str]":
    """What a command ends with, and what it says on both outputs."""
    return _processes().submit(_run, arguments, env, folder).result(SECONDS)


@cache
def _processes() -> ProcessPoolExecutor:
    # Spawned: a fork would take along what other threads are in the midst of.
    return ProcessPoolExecutor(AT_ONCE, mp_context=multiprocessing.get_context("spawn"))


def _run(arguments: "list[str]", env: "dict[str, str]", folder: Path) -> "tuple[int, str, str]":
    from awscli import clidriver  # noqa: PLC0415 - only these processes need it

    # Where its descriptions of services are, which it notes when it is imported.
    data = os.environ["AWS_DATA_PATH"]
    os.environ.clear()
    os.environ.update(env, AWS_DATA_PATH=data)
    os.chdir(folder)
    said, complained = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
        code = clidriver.create_clidriver().main(arguments)
    return code, said.getvalue(), complained.getvalue()
