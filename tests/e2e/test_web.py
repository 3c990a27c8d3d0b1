"""The hosted page, as the stack deploys it, with people who sign in at its user pool.

The gateway of the local AWS reads the keys of a user pool without TLS, which this one has not: it refuses every token.
So it is asked only what it refuses anyway, and the function is sent what the gateway would send, with the claims of real
tokens.
"""

import base64
import hashlib
import json
import secrets
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from html.parser import HTMLParser

import pytest
from local import Aws, CommandFailed, Stack, next_second

ROUTES = (
    "me", "runs", "folder", "today", "search", "deleted", "file", "preview", "download", "plan", "undo", "confirm",
    "cancel", "progress", "activity",
)
PASSWORD = "Correct-Horse-9-Battery"
LOST = "team-a/lost.txt"
SECONDS_FOR_A_RESTORE = 60


class Fields(HTMLParser):
    """The fields of the sign-in page."""

    def __init__(self) -> None:
        super().__init__()
        self.values: "dict[str, str]" = {}

    def handle_starttag(self, tag: str, attrs: "list[tuple[str, str | None]]") -> None:
        given = dict(attrs)
        if tag == "input" and given.get("name"):
            self.values[given["name"]] = given.get("value") or ""


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


@dataclass(frozen=True)
class Page:
    """The page of a stack."""

    stack: Stack
    outputs: "dict[str, str]"

    @property
    def aws(self) -> Aws:
        return self.stack.aws

    def send(self, url: str, body: "bytes | None" = None, headers: "dict | None" = None) -> "tuple[int, dict, str]":
        trust = ssl.create_default_context(cafile=self.aws.env["AWS_CA_BUNDLE"])
        handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust), NoRedirects()]
        request = urllib.request.Request(url, data=body, headers=headers or {})
        try:
            with urllib.request.build_opener(*handlers).open(request, timeout=60) as reply:
                return reply.status, dict(reply.headers), reply.read().decode()
        except urllib.error.HTTPError as reply:
            return reply.code, dict(reply.headers), reply.read().decode()

    def url(self, path: str) -> str:
        """The gateway at the address of the local AWS, which names it in the path."""
        api = self.outputs["WebUrl"].split("//")[1].split(".")[0]
        return f"{self.aws.env['AWS_ENDPOINT_URL']}/_aws/execute-api/{api}/$default{path}"

    def at_gateway(self, route: str, token: "str | None") -> int:
        headers = {"content-type": "application/json"}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        return self.send(self.url(f"/api/{route}"), b"{}", headers)[0]

    def call(self, route: str, asked: dict, token: str) -> "tuple[int, str]":
        """What the function answers behind the gateway."""
        http = {"method": "POST", "path": f"/api/{route}", "sourceIp": "192.0.2.1", "userAgent": "test"}
        payload = {
            "version": "2.0", "rawPath": f"/api/{route}", "rawQueryString": "",
            "headers": {"content-type": "application/json"}, "isBase64Encoded": False, "body": json.dumps(asked),
            "requestContext": {"requestId": "r", "http": http, "authorizer": {"jwt": {"claims": claims(token)}}},
        }
        answer = self.aws.invoke(self.outputs["WebFunctionName"], payload)
        assert answer.error is None, answer.result
        return answer.result["statusCode"], answer.result["body"]

    def ask(self, route: str, asked: dict, token: str) -> dict:
        status, answer = self.call(route, asked, token)
        assert status == 200, (route, answer)
        return json.loads(answer)

    def user(self, name: str, group: str) -> None:
        """What an administrator does for a new person."""
        pool = ("--user-pool-id", self.outputs["WebUserPoolId"], "--username", name)
        self.aws(
            "cognito-idp", "admin-create-user", *pool, "--message-action", "SUPPRESS", "--temporary-password", PASSWORD,
            "--user-attributes", f"Name=email,Value={name}", "Name=email_verified,Value=true",
        )
        self.aws("cognito-idp", "admin-set-user-password", *pool, "--password", PASSWORD, "--permanent")
        self.aws("cognito-idp", "admin-add-user-to-group", *pool, "--group-name", group)

    def sign_in(self, name: str) -> "dict[str, str]":
        """The tokens of a person, by the sign-in page and a code with PKCE."""
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        config = json.loads(self.send(self.url("/config.json"))[2])["sign_in"]
        pool = ("--user-pool-id", self.outputs["WebUserPoolId"], "--client-id", config["client_id"])
        client = self.aws("cognito-idp", "describe-user-pool-client", *pool)["UserPoolClient"]
        [page] = client["CallbackURLs"]
        asked = {
            "response_type": "code", "client_id": config["client_id"], "redirect_uri": page, "scope": config["scope"],
            "state": "s", "code_challenge_method": "S256",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        }
        _, _, form = self.send(f"{config['authorize']}?{urllib.parse.urlencode(asked)}")
        fields = Fields()
        fields.feed(form)
        filled = {**fields.values, "username": name, "password": PASSWORD}
        login = urllib.parse.urljoin(config["authorize"], "/login")
        _, headers, answer = self.send(login, urllib.parse.urlencode(filled).encode())
        place = {name.lower(): value for name, value in headers.items()}.get("location")
        assert place, answer
        code = urllib.parse.parse_qs(urllib.parse.urlsplit(place).query)["code"][0]
        trade = {
            "grant_type": "authorization_code", "client_id": config["client_id"], "code": code, "redirect_uri": page,
            "code_verifier": verifier,
        }
        kind = {"content-type": "application/x-www-form-urlencoded"}
        _, _, tokens = self.send(config["token"], urllib.parse.urlencode(trade).encode(), kind)
        return json.loads(tokens)

    def ended(self, restore: str, token: str) -> dict:
        end = time.monotonic() + SECONDS_FOR_A_RESTORE
        while time.monotonic() < end:
            progress = self.ask("progress", {"id": restore}, token)["restore"]
            if progress["stage"] in ("complete", "incomplete", "cancelled"):
                return progress
            time.sleep(1)
        raise AssertionError(f"restore {restore} does not end: {progress}")


def claims(token: str) -> "dict[str, str]":
    """The claims of a token as the gateway hands them on: all of them texts, and lists in brackets."""
    part = token.split(".")[1]
    given = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))

    def text(value: object) -> str:
        return f"[{' '.join(value)}]" if isinstance(value, list) else str(value)

    return {name: text(value) for name, value in given.items()}


@pytest.fixture(scope="module")
def page(aws: Aws) -> Page:
    stack = Stack.deploy(
        aws, "paged", Restore="yes", RestoreMarks="yes", Web="cognito", WebAccess="team-b=restorer:team-b/",
    )
    [described] = aws("cloudformation", "describe-stacks", "--stack-name", stack.name)["Stacks"]
    outputs = {row["OutputKey"]: row["OutputValue"] for row in described["Outputs"]}
    page = Page(stack, outputs)
    page.user("rosa@example.org", "s3-backup-restorers")
    page.user("rolf@example.org", "s3-backup-restorers")
    aws.put(stack.primary, LOST, b"what is missed")
    next_second()
    stack.run({})
    aws("s3api", "delete-object", "--bucket", stack.primary, "--key", LOST)
    next_second()
    stack.run({})
    return page


@pytest.fixture(scope="module")
def rosa(page: Page) -> "dict[str, str]":
    return page.sign_in("rosa@example.org")


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

    assert page.at_gateway(route, None) == 401
    assert page.at_gateway(route, changed) == 401
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
    assert page.aws.keys(page.stack.primary) == []
    page.ask("confirm", {"id": plan["id"]}, token)
    progress = page.ended(plan["id"], token)

    assert (progress["stage"], progress["asked_by"]) == ("complete", "rosa@example.org")
    assert page.aws.get(page.stack.primary, LOST) == b"what is missed"
    other = page.sign_in("rolf@example.org")["access_token"]
    status, refused = page.call("undo", {"id": plan["id"]}, other)
    assert status == 403, refused
    undo = page.ask("undo", {"id": plan["id"]}, token)
    page.ask("confirm", {"id": undo["id"]}, token)
    assert page.ended(undo["id"], token)["stage"] == "complete"
    # The primary bucket keeps no versions, so that nothing there is hidden: what was brought stays.
    assert page.aws.keys(page.stack.primary) == [LOST]


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
