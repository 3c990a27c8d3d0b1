"""A stack with the hosted page, the people who use it, and two nights: for the tests of its calls and those in a browser."""

import base64
import hashlib
import json
import secrets
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html.parser import HTMLParser

from local import Aws, Stack, next_second, outputs_of

PASSWORD = "Correct-Horse-9-Battery"
LOST = "team-a/lost.txt"
OTHER = "team-b/budget.csv"
SECONDS_FOR_A_RESTORE = 60
# The people, with their groups.
PEOPLE = {
    "ada": "s3-backup-admins",
    "rosa": "s3-backup-restorers",
    "rolf": "s3-backup-restorers",
    "vera": "s3-backup-viewers",
    "bob": "team-b",
}


def address(name: str) -> str:
    return f"{name}@example.org"


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
        return f"{self.aws.env['AWS_ENDPOINT_URL']}/_aws/execute-api/{self.api()}/$default{path}"

    def api(self) -> str:
        return self.outputs["WebUrl"].split("//")[1].split(".")[0]

    def come_back_to(self, address: str) -> None:
        """Lets the sign-in page send people there."""
        client = {
            "UserPoolId": self.outputs["WebUserPoolId"], "ClientId": self.outputs["WebUserPoolClientId"],
            "CallbackURLs": [address], "AllowedOAuthFlowsUserPoolClient": True, "AllowedOAuthFlows": ["code"],
            "AllowedOAuthScopes": ["openid", "email", "profile"], "SupportedIdentityProviders": ["COGNITO"],
        }
        self.aws("cognito-idp", "update-user-pool-client", "--cli-input-json", json.dumps(client))

    def call(self, route: str, asked: dict, token: "str | None") -> "tuple[int, str]":
        """What the gateway answers, and the function behind it."""
        headers = {"content-type": "application/json"}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        status, _, body = self.send(self.url(f"/api/{route}"), json.dumps(asked).encode(), headers)
        return status, body

    def ask(self, route: str, asked: dict, token: str) -> dict:
        status, answer = self.call(route, asked, token)
        assert status == 200, (route, answer)
        return json.loads(answer)

    def user(self, name: str) -> None:
        """What an administrator does for a new person."""
        pool = ("--user-pool-id", self.outputs["WebUserPoolId"], "--username", address(name))
        self.aws(
            "cognito-idp", "admin-create-user", *pool, "--message-action", "SUPPRESS", "--temporary-password", PASSWORD,
            "--user-attributes", f"Name=email,Value={address(name)}", "Name=email_verified,Value=true",
        )
        self.aws("cognito-idp", "admin-set-user-password", *pool, "--password", PASSWORD, "--permanent")
        self.aws("cognito-idp", "admin-add-user-to-group", *pool, "--group-name", PEOPLE[name])

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
        filled = {**fields.values, "username": address(name), "password": PASSWORD}
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


def deploy(aws: Aws, name: str) -> Page:
    """The stack, its people, and two nights, between which a file is lost and another one changes."""
    stack = Stack.deploy(
        aws, name, Restore="yes", RestoreMarks="yes", Web="cognito", WebAccess="team-b=restorer:team-b/",
    )
    page = Page(stack, outputs_of(aws, stack.name))
    # The groups of WebAccess are those of whoever keeps the users.
    aws("cognito-idp", "create-group", "--user-pool-id", page.outputs["WebUserPoolId"], "--group-name", "team-b")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(page.user, PEOPLE))
    # So that an undo can hide again what a restore brought.
    aws.set_versioning(stack.primary, "Enabled")
    aws.put_all(stack.primary, {LOST: b"what is missed", OTHER: b"what,how much\nrent,1200\n", "notes.txt": b"notes"})
    next_second()
    stack.run({})
    aws("s3api", "delete-object", "--bucket", stack.primary, "--key", LOST)
    aws.put(stack.primary, OTHER, b"what,how much\nrent,1300\n")
    next_second()
    stack.run({})
    return page
