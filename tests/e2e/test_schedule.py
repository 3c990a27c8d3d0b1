"""The schedule of the template starts the function by itself. Last of all, because it waits for it."""

import time

from local import Aws, Stack

# The schedule is each minute, and the server looks for what is due every 10 seconds.
SECONDS_TO_FIRE = 100


def test_the_schedule_backs_up_an_existing_bucket_without_anybody_invoking_it(aws: Aws, scheduled: Stack) -> None:
    key = "written before the first run"
    assert scheduled.primary == "customer-data"

    end = time.monotonic() + SECONDS_TO_FIRE
    while key not in aws.keys(scheduled.backup):
        assert time.monotonic() < end, f"nothing was backed up within {SECONDS_TO_FIRE} s"
        time.sleep(2)

    assert aws.get(scheduled.backup, key) == b"first"
