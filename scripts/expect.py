"""Compares what was seen with what the demo promises.

usage: expect.py summary FILE NAME=VALUE...     the fields of a result
       expect.py same SOURCE BACKUP             two listings: keys, sizes, ETags
       expect.py versions FILE KEY COUNT        the versions of one key
       expect.py first FILE                     prints the first key of a listing
       expect.py last FILE                      prints the last one
       expect.py message FILE                   prints what a result says
       expect.py restored FILE                  prints the id of a restore
"""

import json
import sys


def read(name: str) -> dict:
    """The JSON of a file; a listing of an empty bucket is no JSON at all."""
    with open(name, encoding="utf-8") as file:
        return json.loads(file.read() or "{}")


def summary(name: str, *expected: str) -> str:
    result = read(name)
    if "errorType" in result:
        sys.exit(f"error: the function failed with {result['errorType']}: {result['errorMessage']}")
    wrong = []
    for field, value in (text.split("=", 1) for text in expected):
        if str(result.get(field)) != value:
            wrong.append(f"{field} is {result.get(field)}, expected {value}")
    if wrong:
        sys.exit(f"error: the backup is not as promised: {'; '.join(wrong)}")
    return f"as promised: {', '.join(expected)}"


def objects(name: str) -> dict:
    """What a listing has, without the objects that the program keeps for itself in a backup bucket."""
    rows = read(name).get("Contents", [])
    return {row["Key"]: (row["Size"], row["ETag"]) for row in rows if not row["Key"].startswith(".s3-backup/")}


def same(source_name: str, backup_name: str) -> str:
    source, backup = objects(source_name), objects(backup_name)
    different = sorted(key for key in source.keys() | backup.keys() if source.get(key) != backup.get(key))
    if different:
        shown = ", ".join(different[:5])
        sys.exit(f"error: the buckets differ in {len(different)} of {len(source)} objects: {shown}")
    return f"the buckets are equal: {len(source)} objects with the same keys, sizes and ETags"


def versions(name: str, key: str, count: str) -> str:
    found = [row for row in read(name).get("Versions", []) if row["Key"] == key]
    if len(found) != int(count):
        sys.exit(f"error: {key} has {len(found)} versions in the backup, expected {count}")
    return f"as promised: {count} versions of {key}"


def first(name: str) -> str:
    return min(objects(name))


def last(name: str) -> str:
    return max(objects(name))


def message(name: str) -> str:
    result = read(name)
    if "errorType" in result:
        sys.exit(f"error: the function failed with {result['errorType']}: {result['errorMessage']}")
    return result["message"]


def restored(name: str) -> str:
    return read(name)["restore"]["id"]


commands = {
    "summary": summary, "same": same, "versions": versions, "first": first, "last": last, "message": message,
    "restored": restored,
}
print(commands[sys.argv[1]](*sys.argv[2:]))
