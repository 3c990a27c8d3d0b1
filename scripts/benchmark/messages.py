"""What a message adds to a run: the same night by new environments of the function, with a topic and without."""

from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from statistics import median

from runtime_api import Function, Server
from simulator import Simulator

OBJECTS = 100
NIGHTS = 15
PUBLISHED = b"<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>"


@dataclass(frozen=True)
class Messages:
    """Medians of so many nights with a message and as many without."""

    nights: int
    cpu_ms: float
    silent_cpu_ms: float
    peak_mib: float
    silent_peak_mib: float
    # To the topic, for all nights that are told of.
    published: int
    # What failed of all nights.
    failed: int

    @property
    def more_cpu_ms(self) -> float:
        return self.cpu_ms - self.silent_cpu_ms

    @property
    def more_mib(self) -> float:
        return self.peak_mib - self.silent_peak_mib

    @property
    def requests(self) -> float:
        return self.published / self.nights

    def problem(self) -> "str | None":
        if self.failed:
            return f"{self.failed} nights failed or warned"
        return None if self.published == self.nights else f"{self.published} messages of {self.nights} nights"


class Topic:
    """Amazon SNS, as far as it takes a message."""

    def __init__(self) -> None:
        self.published = 0
        topic = self

        class Replies(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                topic.published += 1
                self.send_response(200)
                self.send_header("Content-Length", str(len(PUBLISHED)))
                self.end_headers()
                self.wfile.write(PUBLISHED)

            def log_message(self, *_: object) -> None:
                pass

        self.server = Server(Replies)
        self.url = f"http://{self.server.address}"


def measure(nights: int = NIGHTS) -> Messages:
    topic = Topic()
    told = {
        "AWS_ENDPOINT_URL_SNS": topic.url,
        "BACKUP_SNS_TOPIC_ARN": "arn:aws:sns:us-east-1:111122223333:backups",
    }
    try:
        with Simulator(["--populate", str(OBJECTS)]) as simulator:
            night(simulator, {})
            pairs = [(night(simulator, {}), night(simulator, told)) for _ in range(nights)]
    finally:
        topic.server.end()
    silent, loud = zip(*pairs)
    failed = sum(not done for pair in pairs for _, _, done in pair)
    return Messages(
        nights, median_of(loud, 0), median_of(silent, 0), median_of(loud, 1), median_of(silent, 1), topic.published, failed
    )


def median_of(nights: "tuple[tuple[float, float, bool], ...]", figure: int) -> float:
    return median(night[figure] for night in nights)


def night(simulator: Simulator, more: "dict[str, str]") -> "tuple[float, float, bool]":
    """CPU milliseconds, peak memory, and whether it is complete without a warning of a message that was not sent."""
    with Function("backup", {"AWS_ENDPOINT_URL": simulator.endpoint, **more}) as function:
        result = function.invoke(b"{}")
        is_done = result is not None and result["status"] == "complete"
        is_told = is_done and all(warning["code"] != "notification" for warning in result["warnings"])
        return function.cpu_s() * 1000, function.peak_mib(), is_told
