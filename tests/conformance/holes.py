"""The cases: what is in the source, what happens behind the tool's back, and how to call it. Each object that changes
keeps its size, so that no tool sees it by that."""

from collections.abc import Callable
from dataclasses import dataclass

from s3 import KMS
from stage import BACKUP, DAY, HOUR, PRIMARY, Stage

MIB = 1024 * 1024
GIB = 1024 * MIB
TAG = "x-amz-tagging"
DESCRIBED = {
    "content-type": "text/x-conformance",
    "cache-control": "max-age=60",
    "x-amz-meta-color": "red",
    TAG: "team=birds",
}
# For objects that come from nowhere: see `s3-sim --populate`.
GENERATED = "object-000000000000"

Step = Callable[[Stage], None]


def nothing(_: Stage) -> None:
    """Happens."""


@dataclass(frozen=True)
class Case:
    """A night before, what happens, and two nights after."""

    name: str
    title: str
    prepare: Step
    change: Step = nothing
    # Options of the simulator.
    arguments: tuple[str, ...] = ()
    # The tool may delete from the backup what the source has no more, and must not: the source was emptied.
    deletes: bool = False
    # No tool can do it: it has to say so.
    hopeless: bool = False
    # A KMS key is in play: a tool may want to be told.
    kms: bool = False
    # Left out of SMALL=1, because retries take their time.
    slow: bool = False

    @property
    def refusable(self) -> bool:
        """Whether a tool that fails does right, as long as no backup is lost."""
        return self.hopeless or self.deletes


def put(body: str, headers: "dict | None" = None) -> Step:
    """One object, and one beside it that never changes."""

    def step(stage: Stage) -> None:
        stage.put(PRIMARY, "k", body.encode(), headers)
        stage.put(PRIMARY, "other", b"x")

    return step


def later(step: Step) -> Step:
    """An hour after the copy was made."""

    def late(stage: Stage) -> None:
        stage.advance(HOUR)
        step(stage)

    return late


def parts(of: str) -> list[bytes]:
    return [of.encode() * (5 * MIB), of.encode() * MIB]


def put_parts(of: str, headers: "dict | None" = None) -> Step:
    return lambda stage: stage.put_in_parts(PRIMARY, "k", parts(of), headers)


def across() -> Case:
    """The object is dated by the beginning of its upload, which is before the run."""
    uploads = {}

    def prepare(stage: Stage) -> None:
        put_parts("1")(stage)
        stage.advance(HOUR)
        upload = stage.begin(PRIMARY, "k")
        etags = [stage.part(PRIMARY, "k", upload, number, body) for number, body in enumerate(parts("2"), start=1)]
        uploads[stage] = upload, etags

    def change(stage: Stage) -> None:
        stage.complete(PRIMARY, "k", *uploads.pop(stage))

    return Case("upload-across", "upload begun before a run and finished after it", prepare, later(change))


def prepare_versions(stage: Stage) -> None:
    stage.keep_versions(PRIMARY)
    put("1")(stage)
    stage.advance(HOUR)
    put("2")(stage)


def delete_newest(stage: Stage) -> None:
    stage.delete(PRIMARY, "k", stage.newest(PRIMARY, "k"))


def expire(stage: Stage) -> None:
    """What an expiration does in a versioned bucket, years later: a marker on top."""
    stage.advance(8 * 365 * DAY)
    stage.delete(BACKUP, "k")


def empty(stage: Stage) -> None:
    for key in stage.keys(PRIMARY):
        stage.delete(PRIMARY, key)


def prepare_large(stage: Stage) -> None:
    """6 GiB in two parts, of a generated object that nobody has to send."""
    upload = stage.begin(PRIMARY, "large", DESCRIBED)
    spans = [f"0-{5 * GIB - 1}", f"{5 * GIB}-{6 * GIB - 1}"]
    etags = [
        stage.part_of(PRIMARY, "large", upload, number, GENERATED, span) for number, span in enumerate(spans, start=1)
    ]
    stage.complete(PRIMARY, "large", upload, etags)
    stage.delete(PRIMARY, GENERATED)


def prepare_many(stage: Stage) -> None:
    for number in range(20):
        stage.put(PRIMARY, f"k{number:02}", b"x")


def key_case(name: str, title: str, *keys: str, body: bytes = b"1") -> Case:
    """Keys beside a plain one; an empty object cannot change and keep its size."""

    def write(stage: Stage, own: bytes) -> None:
        for key in keys:
            stage.put(PRIMARY, key, own)

    def prepare(stage: Stage) -> None:
        stage.put(PRIMARY, "other", b"x")
        write(stage, body)

    return Case(name, title, prepare, later(lambda stage: write(stage, body.replace(b"1", b"2"))) if body else nothing)


CHANGES = [
    Case("same-second", "overwritten in the second in which it was copied", put("1"), put("2")),
    across(),
    Case("older-version", "newest version deleted: an older one shows again", prepare_versions, later(delete_newest)),
    Case(
        "metadata-rewrite", "metadata rewritten, same bytes", put("1", {"x-amz-meta-color": "red"}),
        later(lambda stage: stage.rewrite(PRIMARY, "k", {"x-amz-meta-color": "blue"})),
    ),
    Case("tags-only", "tags changed, nothing else", put("1", {TAG: "team=birds"}),
         later(lambda stage: stage.set_tag(PRIMARY, "k", "team", "fish"))),
    Case("kms-source", "source under KMS, then overwritten", put("1", KMS), later(put("2", KMS)), kms=True),
    Case("kms-source-second", "source under KMS, overwritten in the second of its copy", put("1", KMS), put("2", KMS), kms=True),
    Case("kms-backup", "backup under KMS, then source overwritten", put("1"), later(put("2")), ("--kms", BACKUP), kms=True),
    Case("parts", "uploaded in parts (5 and 1 MiB), then overwritten", put_parts("1"), later(put_parts("2"))),
]
BEHIND_OUR_BACK = [
    Case("backup-overwritten", "backup overwritten, same size", put("1"),
         later(lambda stage: stage.put(BACKUP, "k", b"2"))),
    Case("backup-overwritten-kms", "the same, both under KMS", put("1", KMS),
         later(lambda stage: stage.put(BACKUP, "k", b"2", KMS)), kms=True),
    Case("backup-deleted", "backup deleted", put("1"), later(lambda stage: stage.delete(BACKUP, "k"))),
    Case("backup-expired", "backup expired by a lifecycle after eight years", put("1"), expire),
    Case("emptied", "source emptied, tool told to delete what is gone", put("1"), later(empty), deletes=True),
]
WHAT_TRAVELS = [
    Case("described", "headers, metadata and tags of 10 bytes",
         lambda stage: stage.put(PRIMARY, "k", b"0123456789", DESCRIBED)),
    Case("described-9-mib", "the same of 9 MiB in one part",
         lambda stage: stage.put(PRIMARY, "k", b"1" * (9 * MIB), DESCRIBED)),
    Case("described-6-mib-parts", "the same of 5 and 1 MiB", put_parts("1", DESCRIBED)),
    Case("described-6-gib", "the same of 6 GiB", prepare_large, arguments=("--populate", "1", "--size", str(6 * GIB))),
]
KEYS = [
    key_case("key-folder", "key `folder/`, empty", "folder/", body=b""),
    key_case("key-folder-content", "key `folder/`, with content", "folder/"),
    key_case("key-slashes", "key `a//b`", "a//b"),
    key_case("key-leading", "keys `/a` and `//b`", "/a", "//b"),
    key_case("key-dots", "keys `x/../y` and `./z`", "x/../y", "./z"),
    key_case("key-escapes", "keys `a+b`, `a b`, `a%2Fb` and `%zz`", "a+b", "a b", "a%2Fb", "%zz"),
    key_case("key-accents", "key `é` in both spellings of Unicode", "\u00e9", "e\u0301"),
    key_case("key-tab", "keys with tab and line feed", "a\tb", "c\nd"),
    key_case("key-control", "key with U+0001", "a\x01b"),
]
TROUBLE = [
    Case("copy-200-some", "two of five copies answered 200 with an error inside", prepare_many,
         arguments=("--fault", "copy:200:0.4")),
    Case("copy-200-all", "all of them: it has to say so", put("1"),
         arguments=("--fault", "copy:200:1"), hopeless=True, slow=True),
]
GROUPS = {
    "A change of the source": CHANGES,
    "Behind the tool's back": BEHIND_OUR_BACK,
    "What travels along": WHAT_TRAVELS,
    "Keys": KEYS,
    "Trouble": TROUBLE,
}
ALL = [case for group in GROUPS.values() for case in group]
# No listing shows a change of tags alone: docs/semantics.md says so.
KNOWN_OF_OURS = {"tags-only": "missed"}
