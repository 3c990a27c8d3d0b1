"""The role of the function can do its work and cannot undo a backup, whatever runs under it."""

import pytest
from local import Aws, CommandFailed, Stack

KEY = "role/object"


@pytest.fixture(scope="module")
def as_function(aws: Aws, stack: Stack) -> Aws:
    """The command line with the credentials of the function's role."""
    aws.put(stack.primary, KEY, b"content")
    stack.run({})
    return aws.as_role(stack.role())


def test_it_may_do_its_work(as_function: Aws, stack: Stack) -> None:
    assert KEY in as_function.keys(stack.primary)
    assert as_function.get(stack.primary, KEY) == b"content"
    as_function(
        "s3api", "copy-object", "--copy-source", f"{stack.primary}/{KEY}", "--bucket", stack.backup, "--key", KEY
    )


FORBIDDEN = {
    "delete a version of a backup": ("delete-object", "backup", "--key", KEY, "--version-id", "{version}"),
    "hide a backup": ("delete-object", "backup", "--key", KEY),
    "suspend versioning": (
        "put-bucket-versioning", "backup", "--versioning-configuration", "Status=Suspended",
    ),
    "change the lifecycle": (
        "put-bucket-lifecycle-configuration", "backup", "--lifecycle-configuration", "file://lifecycle-policy.json",
    ),
    "change the bucket policy": ("delete-bucket-policy", "backup"),
    "change the primary bucket": ("put-object", "primary", "--key", KEY, "--body", "lifecycle-policy.json"),
    "delete from the primary bucket": ("delete-object", "primary", "--key", KEY),
    "read another bucket": ("list-objects-v2", "packages"),
}


@pytest.mark.parametrize("forbidden", FORBIDDEN)
def test_it_may_not(aws: Aws, as_function: Aws, stack: Stack, forbidden: str) -> None:
    command, bucket, *arguments = FORBIDDEN[forbidden]
    name = {"backup": stack.backup, "primary": stack.primary}.get(bucket, bucket)
    before = aws.versions(stack.backup, KEY)
    arguments = [argument.format(version=before[-1]["VersionId"]) for argument in arguments]

    with pytest.raises(CommandFailed, match="AccessDenied"):
        as_function("s3api", command, "--bucket", name, *arguments)

    assert aws.versions(stack.backup, KEY) == before
    assert aws.get(stack.primary, KEY) == b"content"


def test_the_same_commands_work_with_the_permission(aws: Aws) -> None:
    """The refusals above are for the role and not for a command that could never work."""
    spare = aws.new_bucket("spare", versioned=True)
    aws.put(spare, KEY, b"content")
    [version] = aws.versions(spare, KEY)
    for command, bucket, *arguments in FORBIDDEN.values():
        name = bucket if bucket == "packages" else spare
        arguments = [argument.format(version=version["VersionId"]) for argument in arguments]
        aws("s3api", command, "--bucket", name, *arguments)
