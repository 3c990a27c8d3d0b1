"""The page in a browser and on a local AWS. scripts/test-web runs this, with what tests/web has installed and a debug build."""

import json
import os
import subprocess
import time
import urllib.request

import paged
import pytest
from local import ROOT, Aws
from paged import LOST, Page

SECONDS = 150
SECONDS_FOR_A_RESTORE = 30


@pytest.fixture(scope="module")
def page(aws: Aws) -> Page:
    return paged.deploy(aws, "seen")


def test_people_get_files_back_behind_the_sign_in(aws: Aws, page: Page) -> None:
    # The local AWS answers for the gateway at a name of its own, which is where people have to come back to.
    port = aws.env["AWS_ENDPOINT_URL"].rsplit(":", 1)[1]
    address = f"https://{page.api()}.execute-api.localhost:{port}/"
    page.come_back_to(address)
    env = {
        **os.environ,
        "WEB_URL": address,
        "WEB_PASSWORD": paged.PASSWORD,
        "WEB_SIGN_IN_URL": aws.env["AWS_ENDPOINT_URL"],
    }
    command = ["node", "--test", "--test-concurrency=1", "--test-reporter=spec", "hosted.test.js"]
    ended = subprocess.run(command, cwd=ROOT / "tests" / "web", env=env, timeout=SECONDS, check=False)
    assert ended.returncode == 0
    keys = aws.keys(page.stack.primary)
    assert LOST not in keys, "it was undone"
    [copy] = [key for key in keys if key.startswith("team-b/restored ")]
    assert aws.get(page.stack.primary, copy) == b"what,how much\nrent,1200\n"


def test_the_page_of_a_terminal_gets_a_file_back_on_the_same_buckets(aws: Aws, page: Page) -> None:
    primary, backup = page.stack.primary, page.stack.backup
    program = os.environ.get("S3_BACKUP", ROOT / "target" / "debug" / "s3-backup")
    command = [program, "serve", "--no-open", "--source", primary, "--destination", backup]
    served = subprocess.Popen(command, env=aws.env, stdout=subprocess.PIPE, text=True)
    try:
        origin, secret = served.stdout.readline().strip().split("/#")
        headers = {"origin": origin, "content-type": "application/json"}

        def ask(route: str, asked: dict) -> dict:
            request = urllib.request.Request(f"{origin}/api/{route}", json.dumps(asked).encode(), headers)
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(request, timeout=60) as answer:
                return json.load(answer)

        headers["authorization"] = f"Bearer {ask('session', {'secret': secret})['token']}"
        [found] = ask("search", {"text": "LOST"})["files"]
        plan = ask("plan", {"run": found["run"], "files": [LOST], "copy": False})
        ask("confirm", {"id": plan["id"]})
        end = time.monotonic() + SECONDS_FOR_A_RESTORE
        while ask("progress", {"id": plan["id"]})["restore"]["stage"] != "complete":
            assert time.monotonic() < end, "the restore does not end"
            time.sleep(0.5)
    finally:
        served.terminate()
        served.wait()
        served.stdout.close()
    assert aws.get(primary, LOST) == b"what is missed"
