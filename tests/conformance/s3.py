"""The few requests to S3 that the cases are made of, sent by hand: what a tool is measured on must not come through one
of the tools. The simulator asks for no signature, so there is none."""

import http.client
import urllib.parse
import xml.etree.ElementTree as xml
from dataclasses import dataclass

SECONDS = 60
KMS = {"x-amz-server-side-encryption": "aws:kms"}
# Headers that S3 keeps with an object; user metadata is recognised by its prefix.
KEPT = (
    "content-type", "cache-control", "content-disposition", "content-encoding", "content-language", "expires",
    "x-amz-website-redirect-location",
)
META = "x-amz-meta-"
# For an object that came without one.
DEFAULTS = {"content-type": "binary/octet-stream"}


class Refused(Exception):
    """A request of our own that S3 did not take."""


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    def texts(self, name: str) -> list[str]:
        return [found.text or "" for found in xml.fromstring(self.body).iter() if found.tag.split("}")[-1] == name]


@dataclass(frozen=True)
class Seen:
    """What can be seen of an object from outside."""

    size: int
    headers: dict[str, str]
    tags: dict[str, str]

    @property
    def is_described(self) -> bool:
        return any(name.startswith(META) for name in self.headers)


class S3:
    """All buckets behind one endpoint."""

    def __init__(self, endpoint: str) -> None:
        self.address = urllib.parse.urlsplit(endpoint).netloc

    def ask(
        self, method: str, bucket: str, key: str = "", query: str = "", headers: "dict | None" = None, body: bytes = b""
    ) -> Reply:
        path = f"/{bucket}/{quoted(key)}" if key else f"/{bucket}"
        connection = http.client.HTTPConnection(self.address, timeout=SECONDS)
        try:
            connection.request(method, f"{path}?{query}" if query else path, body, headers or {})
            answer = connection.getresponse()
            told = {name.lower(): value for name, value in answer.getheaders()}
            reply = Reply(answer.status, told, answer.read())
        finally:
            connection.close()
        if reply.status >= 300 and not (reply.status == 404 and method in ("HEAD", "GET")):
            raise Refused(f"{method} {path}?{query}: {reply.status} {reply.body[:300]!r}")
        return reply

    def put(self, bucket: str, key: str, body: bytes, headers: "dict | None" = None) -> None:
        self.ask("PUT", bucket, key, headers=headers, body=body)

    def delete(self, bucket: str, key: str, version: str = "") -> None:
        self.ask("DELETE", bucket, key, query=f"versionId={version}" if version else "")

    def begin(self, bucket: str, key: str, headers: "dict | None" = None) -> str:
        """Begins a multi-part upload."""
        return self.ask("POST", bucket, key, "uploads", headers).texts("UploadId")[0]

    def part(self, bucket: str, key: str, upload: str, number: int, body: bytes) -> str:
        query = f"partNumber={number}&uploadId={upload}"
        return self.ask("PUT", bucket, key, query, body=body).headers["etag"]

    def part_of(self, bucket: str, key: str, upload: str, number: int, source: str, span: str) -> str:
        """A part that is a span of bytes of another object of the bucket."""
        headers = {"x-amz-copy-source": f"{bucket}/{quoted(source)}", "x-amz-copy-source-range": f"bytes={span}"}
        query = f"partNumber={number}&uploadId={upload}"
        return self.ask("PUT", bucket, key, query, headers).texts("ETag")[0]

    def complete(self, bucket: str, key: str, upload: str, etags: list[str]) -> None:
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
            for number, etag in enumerate(etags, start=1)
        )
        body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        self.ask("POST", bucket, key, f"uploadId={upload}", body=body)

    def put_in_parts(self, bucket: str, key: str, parts: list[bytes], headers: "dict | None" = None) -> None:
        upload = self.begin(bucket, key, headers)
        etags = [self.part(bucket, key, upload, number, body) for number, body in enumerate(parts, start=1)]
        self.complete(bucket, key, upload, etags)

    def rewrite(self, bucket: str, key: str, headers: dict[str, str]) -> None:
        """Writes an object onto itself with other metadata."""
        directive = {"x-amz-copy-source": f"{bucket}/{quoted(key)}", "x-amz-metadata-directive": "REPLACE"}
        self.ask("PUT", bucket, key, headers=headers | directive)

    def set_tag(self, bucket: str, key: str, name: str, value: str) -> None:
        tag = f"<Tag><Key>{name}</Key><Value>{value}</Value></Tag>"
        self.ask("PUT", bucket, key, "tagging", body=f"<Tagging><TagSet>{tag}</TagSet></Tagging>".encode())

    def keep_versions(self, bucket: str) -> None:
        body = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        self.ask("PUT", bucket, query="versioning", body=body)

    def newest(self, bucket: str, key: str) -> str:
        """The id of the current version."""
        return self.ask("HEAD", bucket, key).headers["x-amz-version-id"]

    def keys(self, bucket: str) -> list[str]:
        return [urllib.parse.unquote(key) for key in self.ask("GET", bucket, query=LISTING).texts("Key")]

    def versions(self, bucket: str) -> list[tuple[str, str]]:
        """Each version and delete marker, as key and id."""
        reply = self.ask("GET", bucket, query="versions&encoding-type=url")
        keys = [urllib.parse.unquote(key) for key in reply.texts("Key")]
        return list(zip(keys, reply.texts("VersionId"), strict=True))

    def see(self, bucket: str, key: str) -> "Seen | None":
        head = self.ask("HEAD", bucket, key)
        if head.status == 404:
            return None
        kept = DEFAULTS | {name: text for name, text in head.headers.items() if name in KEPT or name.startswith(META)}
        tagging = self.ask("GET", bucket, key, "tagging")
        tags = dict(zip(tagging.texts("Key"), tagging.texts("Value"), strict=True))
        return Seen(int(head.headers["content-length"]), kept, tags)

    def read(self, bucket: str, key: str) -> bytes:
        return self.ask("GET", bucket, key).body


LISTING = "list-type=2&encoding-type=url"


def quoted(key: str) -> str:
    return urllib.parse.quote(key, safe="/-_.~")
