"""One LocalStack for all tests of this folder."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path += [str(ROOT / "scripts/benchmark"), str(ROOT / "scripts/compatibility")]

import servers


@pytest.fixture(scope="session")
def localstack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its endpoint."""
    with servers.LocalStack(tmp_path_factory.mktemp("localstack")) as started:
        yield started.endpoint
