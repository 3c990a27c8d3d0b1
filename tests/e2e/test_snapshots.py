"""What a run has written down is read by a program that is not ours."""

import sys
from pathlib import Path

from local import STATE, Aws, Stack

QUERY = "scripts/snapshot-query"


def cells(table: str) -> "list[list[str]]":
    """The cells of what DuckDB draws, with the lines of heads and types."""
    lines = [line for line in table.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


def downloaded(aws: Aws, bucket: str, index: str, folder: Path) -> Path:
    """A copy of what is below the folder of an index's job."""
    job = index.removeprefix(STATE).split("/")[0]
    aws("s3", "cp", "--recursive", "--only-show-errors", f"s3://{bucket}/{STATE}{job}/", folder / job)
    return folder / job


def test_duckdb_counts_what_was_backed_up_and_names_the_largest(aws: Aws, stack: Stack, tmp_path: Path) -> None:
    sizes = {f"table/{number:02}": 1_000_000 + number for number in range(12)}
    aws.put_all(stack.primary, {key: bytes(size) for key, size in sizes.items()})

    run = stack.run({})

    assert run["status"] == "complete", run
    [destination] = run["destinations"]
    job = downloaded(aws, stack.backup, destination["snapshot"]["key"], tmp_path)
    shown = aws.run(sys.executable, QUERY, job)
    assert shown.returncode == 0, shown.stderr
    assert [str(run["objects_found"]), str(run["bytes_found"])] in cells(shown.stdout)
    ours = "select key, size from objects where key like 'table/%' order by size desc limit 10"
    shown = aws.run(sys.executable, QUERY, job, ours)
    largest = [[key, str(size)] for key, size in sorted(sizes.items(), reverse=True)[:10]]
    assert cells(shown.stdout)[-10:] == largest


def test_a_snapshot_with_a_changed_byte_is_not_read(aws: Aws, stack: Stack, tmp_path: Path) -> None:
    aws.put(stack.primary, "table/one", b"1")
    [destination] = stack.run({})["destinations"]
    job = downloaded(aws, stack.backup, destination["snapshot"]["key"], tmp_path)
    for segment in (job / "snapshots/segments").iterdir():
        content = bytearray(segment.read_bytes())
        content[len(content) // 2] ^= 1
        segment.write_bytes(content)

    shown = aws.run(sys.executable, QUERY, job)

    assert shown.returncode == 1
    assert "is damaged: its SHA-256 is" in shown.stderr


def test_duckdb_takes_the_newest_row_of_a_key_and_drops_what_is_gone(aws: Aws) -> None:
    job = Path("tests/golden/snapshot-format-4")
    sizes = {number: 977 * number for number in range(100) if number != 5}
    sizes[3] += 2 * 1_234_567_890
    sizes[90] += 1_234_567_890

    shown = aws.run(sys.executable, QUERY, job, "select count(*), count(distinct key), sum(size) from objects")
    rows = aws.run(sys.executable, QUERY, job, "select size from objects where key like '%0000000_.gz' order by key")

    assert shown.returncode == 0, shown.stderr
    assert cells(shown.stdout)[-1] == ["99", "99", str(sum(sizes.values()))]
    assert [size for [size] in cells(rows.stdout)[-9:]] == [str(sizes[number]) for number in range(10) if number != 5]
