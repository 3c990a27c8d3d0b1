#!/usr/bin/env python3
"""Finds values that optimised code reads and never writes, in files that `rustc --emit mir` has written.

rustc 1.95 drops a comparison that is still used when it also decides a branch (rust-lang/rust issue 158206): of
`let late = state == Over; count += u64::from(late); if late { return }` nothing is counted, from opt-level 2 on. Tests run without
optimisation and do not see it.

With --proof it compiles such code, and fails unless it is found where the compiled program counts wrongly.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

READ = re.compile(r"(?:copy|move) \(*\*?\(*_(\d+)")
# A local is written as a whole, in part, or through a reference to it.
WRITTEN = re.compile(r"(?:^|[\s(])\(*\*?\(*_(\d+)[^=;]*? = ")
BORROWED = re.compile(r"&(?:raw )?(?:mut |const )?\(*\*?\(*_(\d+)")
ARGUMENT = re.compile(r"\b_(\d+): ")
FIRST_BLOCK = re.compile(r"\s+bb0")

SAMPLE = """
use std::hint::black_box;
#[derive(PartialEq)]
enum State { Open, Over }
struct Table { states: Vec<State>, count: u64, open: u64 }
impl Table {
    fn is_late(&mut self, at: usize) -> bool {
        let is_late = self.states[at] == State::Over;
        self.count += u64::from(is_late);
        is_late
    }
}
#[inline(never)]
fn listed(table: &mut Table, at: usize) { if !table.is_late(at) { table.open += 1; } }
fn main() {
    let mut table = Table { states: vec![State::Open, State::Over], count: 0, open: 0 };
    for at in 0..100 { listed(black_box(&mut table), black_box(at % 2)); }
    println!("{}", table.count);
}
"""


def functions(lines):
    """Each function: its first line, and those of its blocks."""
    head, body = None, []
    for line in lines:
        if line[0] not in " }/\n" and line.rstrip().endswith("{"):
            head, body = line.strip(), []
        elif line.startswith("}") and head:
            first = next((number for number, text in enumerate(body) if FIRST_BLOCK.match(text)), 0)
            yield head, body[first:]
            head = None
        elif head:
            body.append(line)


def faults(path):
    """The reads of what is never written, and the number of functions."""
    found, number = [], 0
    with path.open() as lines:
        for head, body in functions(lines):
            number += 1
            written = set(ARGUMENT.findall(head))
            for line in body:
                written.update(WRITTEN.findall(line), BORROWED.findall(line))
            for line in body:
                if any(local not in written for local in READ.findall(line)):
                    found.append(f"{head}\n    {line.strip()}")
    return found, number


def proof():
    """Compiles the sample as a release does, and compares what it counts with what is found."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "sample.rs")
        source.write_text(SAMPLE)
        emit = ["--emit", f"link={folder}/sample,mir={folder}/sample.mir"]
        subprocess.run(["rustc", "--edition=2024", "-A", "warnings", "-C", "opt-level=3", *emit, str(source)], check=True)
        counted = subprocess.run([f"{folder}/sample"], check=True, capture_output=True, text=True).stdout.strip()
        found, number = faults(Path(folder, "sample.mir"))
    if number == 0 or bool(found) != (counted != "50"):
        sys.exit(f"error: the sample counts {counted} of 50, and {len(found)} faults are found in {number} functions of it")
    print(f"mir: the sample counts {counted} of 50, and {len(found)} faults are found")


def main():
    if sys.argv[1:] == ["--proof"]:
        proof()
        return
    for name in sys.argv[1:]:
        found, number = faults(Path(name))
        if number == 0:
            sys.exit(f"error: {name} has no function; has `rustc --emit mir` written it?")
        if found:
            listed = "\n".join(found)
            sys.exit(f"error: {name} reads what was never written; write the code in another way, such as with an `if`:\n{listed}")
        print(f"mir: nothing is read and never written in {number:,} functions")


main()
