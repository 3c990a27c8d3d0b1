"""Plays the whole job against each store and prints the table of docs/compatible.md."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from job import STEPS, Job, Played
from servers import STORES, NotHere, NotStarted, Simulator, Store


def main() -> int:
    wanted = {name.strip().lower() for name in os.environ.get("STORES", "").split(",") if name.strip()}
    known = {store.name.lower(): store for store in STORES}
    if unknown := wanted - set(known):
        print(f"error: no such store: {', '.join(sorted(unknown))}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    rows = [row_of(store) for name, store in known.items() if not wanted or name in wanted]
    print_table(rows)
    # The simulator and the store of the end-to-end tests are ours to keep whole; others are what they are.
    return 0 if all(is_whole for _, _, is_whole in rows) else 1


def row_of(kind: "type[Store]") -> tuple:
    folder = Path(tempfile.mkdtemp(prefix="compat-"))
    print(f"{kind.name}: starting", file=sys.stderr, flush=True)
    try:
        with kind(folder) as store:
            print(f"{store.name} {store.version}: playing on {store.endpoint}", file=sys.stderr, flush=True)
            played = Job(store.endpoint, creates_buckets=kind is not Simulator).play()
            name = f"{store.name} {store.version}"
    except NotHere as error:
        shutil.rmtree(folder, ignore_errors=True)
        return f"{kind.name}", f"not here: {error}", True
    except NotStarted as error:
        return f"{kind.name}", f"did not start: {error}", False
    shutil.rmtree(folder, ignore_errors=True)
    is_ours = kind.name in ("s3-sim", "MiniStack")
    return name, played, not is_ours or set(played.steps.values()) == {"yes"}


def print_table(rows: list) -> None:
    print("| store | " + " | ".join(STEPS) + " | warnings |")
    print("|---" * (len(STEPS) + 2) + "|")
    texts = []
    for name, played, _ in rows:
        if not isinstance(played, Played):
            print(f"| {name} | {played} |" + " |" * len(STEPS))
            continue
        steps = " | ".join(played.steps.get(step, "no") for step in STEPS)
        warnings = ", ".join(f"`{code}`" for code in sorted(played.warnings)) or "none"
        print(f"| {name} | {steps} | {warnings} |")
        texts += [f"{name}, {step}: {text}" for step, text in played.texts]
    for text in texts:
        print(f"\n{text}")


if __name__ == "__main__":
    sys.exit(main())
