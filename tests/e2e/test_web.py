"""The hosted page, as the stack deploys it: people sign in at its user pool, and call the function through its gateway."""

import json

import paged
import pytest
from local import Aws, CommandFailed
from paged import LOST, Page

ROUTES = (
    "me", "runs", "folder", "today", "search", "deleted", "file", "preview", "download", "plan", "undo", "confirm",
    "cancel", "progress", "activity",
)


@pytest.fixture(scope="module")
def page(aws: Aws) -> Page:
    return paged.deploy(aws, "paged")


@pytest.fixture(scope="module")
def rosa(page: Page) -> "dict[str, str]":
    return page.sign_in("rosa")


def test_the_page_itself_needs_no_sign_in_and_holds_no_data(page: Page) -> None:
    for path in ("/", "/app.js", "/app.css", "/icon.svg", "/config.json"):
        status, headers, body = page.send(page.url(path))
        assert status == 200, (path, body)
        policy = {name.lower(): value for name, value in headers.items()}["content-security-policy"]
        assert page.aws.env["AWS_ENDPOINT_URL"] in policy
        assert page.stack.primary not in body


@pytest.mark.parametrize("route", ROUTES)
def test_no_route_answers_without_the_right_token(page: Page, rosa: "dict[str, str]", route: str) -> None:
    token = rosa["access_token"]
    at = len(token) // 2
    changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1:]

    assert page.call(route, {}, None)[0] == 401
    assert page.call(route, {}, changed)[0] == 401
    # A gateway takes an ID token of the same pool and client. The function does not.
    assert page.call(route, {}, rosa["id_token"])[0] == 403


def test_a_file_is_found_put_back_watched_and_taken_back_in_the_name_of_a_person(
    page: Page, rosa: "dict[str, str]"
) -> None:
    token = rosa["access_token"]
    assert page.ask("me", {}, token) == {"name": "rosa@example.org", "role": "restorer"}
    [found] = page.ask("search", {"text": "LOST"}, token)["files"]
    assert found["path"] == LOST
    version = found["file"]["version"]
    assert page.call("preview", {"path": LOST, "version": version}, token) == (200, "what is missed")
    link = page.ask("download", {"path": LOST, "version": version}, token)["url"]
    assert page.send(link)[2] == "what is missed"

    plan = page.ask("plan", {"run": found["run"], "files": [LOST], "copy": False}, token)
    assert LOST not in page.aws.keys(page.stack.primary)
    page.ask("confirm", {"id": plan["id"]}, token)
    progress = page.ended(plan["id"], token)

    assert (progress["stage"], progress["asked_by"]) == ("complete", "rosa@example.org")
    assert page.aws.get(page.stack.primary, LOST) == b"what is missed"
    other = page.sign_in("rolf")["access_token"]
    status, refused = page.call("undo", {"id": plan["id"]}, other)
    assert status == 403, refused
    undo = page.ask("undo", {"id": plan["id"]}, token)
    page.ask("confirm", {"id": undo["id"]}, token)
    assert page.ended(undo["id"], token)["stage"] == "complete"
    assert LOST not in page.aws.keys(page.stack.primary)


def test_a_viewer_looks_and_a_team_is_blind_for_others(page: Page) -> None:
    viewer = page.sign_in("vera")["access_token"]
    runs = page.ask("runs", {}, viewer)
    assert runs["read_only"]
    wish = {"run": runs["runs"][1]["run"], "files": [LOST], "copy": False}
    assert page.call("plan", wish, viewer)[0] == 403
    team = page.sign_in("bob")["access_token"]
    assert page.ask("search", {"text": "lost"}, team)["files"] == []
    assert page.call("file", {"path": LOST}, team)[0] == 404
    assert page.call("plan", wish, team)[0] == 404


def test_the_role_of_the_page_writes_nothing_and_asks_nobody_else(page: Page) -> None:
    configuration = page.aws("lambda", "get-function-configuration", "--function-name", page.outputs["WebFunctionName"])
    as_page = page.aws.as_role(configuration["Role"])
    primary, backup = page.stack.primary, page.stack.backup
    file = ("--body", "lifecycle-policy.json")
    forbidden = {
        "PutObject": ("s3api", "put-object", "--bucket", backup, "--key", LOST, *file),
        "PutObject of state": ("s3api", "put-object", "--bucket", backup, "--key", ".s3-backup/x", *file),
        "PutObject in the source": ("s3api", "put-object", "--bucket", primary, "--key", LOST, *file),
        "DeleteObject": ("s3api", "delete-object", "--bucket", backup, "--key", LOST),
        "RestoreObject": (
            "s3api", "restore-object", "--bucket", backup, "--key", LOST, "--restore-request", "Days=1",
        ),
        "another function": ("lambda", "invoke", "--function-name", page.stack.function, "/dev/null"),
    }
    for what, command in forbidden.items():
        with pytest.raises(CommandFailed, match="AccessDenied"):
            as_page(*command)
            pytest.fail(what)
    assert as_page.versions(backup, LOST), "it may look"


def test_the_log_tells_who_did_what(page: Page) -> None:
    group = f"/aws/lambda/{page.outputs['WebFunctionName']}"
    events = page.aws("logs", "filter-log-events", "--log-group-name", group)["events"]
    lines = [json.loads(row["message"]) for row in events if row["message"].startswith('{"audit"')]
    done = {line["audit"] for line in lines if line["result"] == "done" and line["email"] == "rosa@example.org"}
    assert done >= {"sign_in", "search", "preview", "download", "plan", "restore", "undo"}, done
    refused = {(line["audit"], line["email"]) for line in lines if line["result"] == "refused"}
    assert ("undo", "rolf@example.org") in refused
