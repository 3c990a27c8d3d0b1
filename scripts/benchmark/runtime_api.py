"""A running function with a Runtime API of its own, which gives it one payload after the other, as Lambda does."""

import json
import queue
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO

import process

PATIENCE_S = 60


class Server(ThreadingHTTPServer):
    """A server that says nothing of a client that was killed."""

    daemon_threads = True

    def __init__(self, replies: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), replies)
        self.address = f"127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_: object) -> None:
        pass

    def end(self) -> None:
        self.shutdown()
        self.server_close()


class Function(process.Measured):
    """The function, from its start to its end."""

    def __init__(
        self, name: str, variables: "dict[str, str]", log: "int | IO[str]" = subprocess.DEVNULL, patience_s: int = PATIENCE_S
    ) -> None:
        # The time that an invocation has.
        self.patience_s = patience_s
        self.payloads: queue.Queue = queue.Queue()
        self.answers: queue.Queue = queue.Queue()
        self.api = Server(self._replies())
        self.process = process.start_function(self.api.address, name, variables, log)

    def __enter__(self) -> "Function":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def invoke(self, payload: bytes) -> "dict | None":
        """The answer; none if the invocation failed."""
        self.payloads.put(payload)
        return self.answers.get(timeout=self.patience_s + PATIENCE_S)

    def end(self) -> None:
        process.kill(self.process)
        self.api.end()

    def _replies(self) -> type[BaseHTTPRequestHandler]:
        payloads, answers, patience_s = self.payloads, self.answers, self.patience_s

        class Replies(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Else the body waits for the head to be acknowledged, which takes 40 ms.
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                body = payloads.get()
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", "1")
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:111122223333:function:f")
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + patience_s) * 1000)))
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()
                answers.put(json.loads(body) if self.path.endswith("/response") else None)

            def log_message(self, *_: object) -> None:
                pass

        return Replies
