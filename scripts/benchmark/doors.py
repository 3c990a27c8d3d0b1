"""The two doors of the page: `s3-backup serve`, and the function behind API Gateway, which here is this program."""

import base64
import http.client
import json
import subprocess
import time
from http.server import BaseHTTPRequestHandler

import process
from runtime_api import Function, Server
from simulator import Unusable

JOB = ["--source", "primary", "--destination", "backup"]
# The memory of the function in the stack.
MEMORY_MB = "512"


class Door(process.Measured):
    """What both have: calls by the name of a route."""

    name = ""

    def __enter__(self) -> "Door":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def send(self, method: str, path: str, body: "bytes | None" = None) -> bytes:
        """The body of an answer, which must be a good one."""
        raise NotImplementedError

    def end(self) -> None:
        raise NotImplementedError

    def ask(self, route: str, asked: dict) -> dict:
        return json.loads(self.send("POST", f"/api/{route}", json.dumps(asked).encode()))

    def waits(self, route: str, asked: dict) -> "tuple[float, dict]":
        began = time.monotonic()
        answer = self.ask(route, asked)
        return time.monotonic() - began, answer


class Serve(Door):
    """`s3-backup serve`, signed in to. It plans a restore in its own process."""

    name = "serve"

    def __init__(self, program: str, env: "dict[str, str]") -> None:
        with process.client_core():
            self.process = subprocess.Popen(
                [program, "serve", "--no-open", *JOB], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        link = self.process.stdout.readline().strip()
        if "/#" not in link:
            raise Unusable("s3-backup serve prints no link")
        self.host, secret = link.removeprefix("http://").split("/#")
        self.token = ""
        self.token = self.ask("session", {"secret": secret})["token"]

    def send(self, method: str, path: str, body: "bytes | None" = None) -> bytes:
        headers = {"host": self.host, "origin": f"http://{self.host}", "content-type": "application/json"}
        headers["authorization"] = f"Bearer {self.token}"
        connection = http.client.HTTPConnection(self.host, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise Unusable(f"{path} is answered with {answer.status}: {content[:200]!r}")
        return content

    def end(self) -> None:
        process.kill(self.process)
        self.process.stdout.close()


class Lambda:
    """Lambda, as far as the page invokes the function that restores and waits for its answer."""

    def __init__(self, variables: "dict[str, str]") -> None:
        self.function = Function("restore", {**variables, "_HANDLER": "restore"})
        function = self.function

        class Replies(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                payload = self.rfile.read(int(self.headers["Content-Length"]))
                is_right = self.path.endswith("/functions/restore/invocations")
                answer = json.dumps(function.invoke(payload)).encode() if is_right else b"{}"
                self.send_response(200 if is_right else 404)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self.server = Server(Replies)

    def end(self) -> None:
        self.server.end()
        self.function.end()


class Hosted(Door):
    """The function `web` with the payloads that API Gateway sends for a signed-in administrator, and Lambda behind it."""

    name = "function"

    def __init__(self, endpoint: str) -> None:
        variables = {"AWS_ENDPOINT_URL": endpoint, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": MEMORY_MB}
        self.restores = Lambda(variables)
        self.function = Function("web", {
            **variables,
            "_HANDLER": "web",
            "AWS_ENDPOINT_URL_LAMBDA": f"http://{self.restores.server.address}",
            "WEB_SIGN_IN": "cognito",
            "WEB_ISSUER": "https://cognito-idp.us-east-1.amazonaws.com/pool",
            "WEB_SIGN_IN_URL": "https://sign-in.example",
            "WEB_CLIENT_ID": "client",
            "WEB_RESTORE_FUNCTION": "restore",
        })
        self.process = self.function.process

    def send(self, method: str, path: str, body: "bytes | None" = None) -> bytes:
        status, content = self.answer(method, path, body, is_signed_in=path.startswith("/api/"))
        if status != 200:
            raise Unusable(f"the function answers {path} with {status}: {content[:200]!r}")
        return content

    def answer(self, method: str, path: str, body: "bytes | None", is_signed_in: bool) -> "tuple[int, bytes]":
        answer = self.function.invoke(payload(method, path, body, is_signed_in))
        if answer is None:
            raise Unusable(f"the invocation for {path} failed")
        text = answer["body"]
        return answer["statusCode"], base64.b64decode(text) if answer["isBase64Encoded"] else text.encode()

    def end(self) -> None:
        self.function.end()
        self.restores.end()


def payload(method: str, path: str, body: "bytes | None", is_signed_in: bool) -> bytes:
    """API Gateway's payload 2.0, with the claims of an access token of Cognito on a route that asks for a sign-in."""
    claims = {
        "sub": "ada", "username": "ada@example.org", "token_use": "access", "client_id": "client", "exp": "1795800000",
        "cognito:groups": "[s3-backup-admins]",
    }
    context = {
        "accountId": "111122223333", "apiId": "x", "stage": "$default", "requestId": "r-1",
        "http": {
            "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "Mozilla/5.0",
        },
    }
    if is_signed_in:
        context["authorizer"] = {"jwt": {"claims": claims, "scopes": None}}
    event = {
        "version": "2.0", "routeKey": f"{method} {path}", "rawPath": path, "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "x.execute-api.us-east-1.amazonaws.com"},
        "requestContext": context, "isBase64Encoded": False,
    }
    if body is not None:
        event["body"] = body.decode()
    return json.dumps(event).encode()
