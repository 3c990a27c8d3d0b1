#!/usr/bin/env python3
"""Holds the crates of Cargo.lock to scripts/lints/deny.toml: licences, two versions of one crate, sources.

cargo-deny reads the same file, and knows the advisories, too; this needs no network and no build of its own.
"""

import collections
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

RULES = Path(__file__).with_name("deny.toml")


def packages(rules):
    """The crates that are built for the targets, with those that want them."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--all-features"]
    targets = [word for target in rules["targets"] for word in ("--filter-platform", target)]
    metadata = json.loads(subprocess.run([*command, *targets], check=True, capture_output=True).stdout)
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    by_id = {package["id"]: package for package in metadata["packages"] if package["id"] in nodes}
    wanted_by = collections.defaultdict(set)
    for node in nodes.values():
        for dependency in node["dependencies"]:
            wanted_by[dependency].add(by_id[node["id"]]["name"])
    return [(package, sorted(wanted_by[identity])) for identity, package in by_id.items()]


def is_allowed(expression, allowed):
    """Whether an SPDX expression can be fulfilled. An older crate writes a slash for OR."""
    words = re.findall(r"[()]|[^\s()/]+|/", expression)

    def any_of():
        value = all_of()
        while words and words[0] in ("OR", "/"):
            words.pop(0)
            value = all_of() or value
        return value

    def all_of():
        value = one()
        while words and words[0] == "AND":
            words.pop(0)
            value = one() and value
        return value

    def one():
        word = words.pop(0)
        if word == "(":
            value = any_of()
            words.pop(0)
            return value
        if words and words[0] == "WITH":
            word = f"{word} {words.pop(0)} {words.pop(0)}"
        return word in allowed

    return any_of() and not words


def licences(found, rules):
    allowed = set(rules["allow"])
    used = set()
    for package, wanted_by in found:
        text = package["license"] or ""
        used.update(re.findall(r"[^\s()/]+", text))
        if not text or not is_allowed(text, allowed):
            yield f"{package['name']} {package['version']}: licence {text or 'unknown'} is not allowed (wanted by {', '.join(wanted_by)})"
    for licence in sorted(allowed - used):
        yield f"{RULES.name}: no crate has licence {licence} any more; take it out"


def duplicates(found, rules):
    skipped = {entry["crate"] for entry in rules["skip"]}
    versions = collections.defaultdict(list)
    for package, wanted_by in found:
        versions[package["name"]].append((package["version"], wanted_by))
    for name, several in sorted(versions.items()):
        left = [(version, wanted_by) for version, wanted_by in several if f"{name}@{version}" not in skipped]
        if len(left) > 1:
            told = "; ".join(f"{version} (wanted by {', '.join(wanted_by)})" for version, wanted_by in left)
            yield f"{name}: {len(left)} versions, {told}; use one, or say in {RULES.name} why not"
        skipped -= {f"{name}@{version}" for version, _ in several if len(several) > 1}
    for crate in sorted(skipped):
        yield f"{RULES.name}: {crate} is the only version, or not there; take it out"


def sources(found, rules):
    allowed = {f"registry+{source}" for source in rules["allow-registry"]} | {None}
    for package, _ in found:
        if package["source"] not in allowed:
            yield f"{package['name']} {package['version']}: source {package['source']} is not allowed"


def main():
    rules = tomllib.loads(RULES.read_text())
    found = packages(rules["graph"])
    problems = [
        *licences(found, rules["licenses"]),
        *duplicates(found, rules["bans"]),
        *sources(found, rules["sources"]),
    ]
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if not problems:
        print(f"{len(found)} crates: licences, versions and sources are as {RULES.name} wants them")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
