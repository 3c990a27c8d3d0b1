"""The metrics that the built function writes, in the alarms of the template, on LocalStack: they ring and calm down.

LocalStack obeys missing data and the dimensions of an alarm. It reads no log: the line of the function is put there as
CloudWatch would read it. Periods of minutes and hours are ten seconds here; everything else of an alarm is the template's.
"""

import json
import time
import urllib.request
from pathlib import Path

import botocore.session
import pytest
from conftest import ROOT
from runtime_api import Function
from simulator import Simulator

TEMPLATE = json.loads((ROOT / "cdk/cloudformation/s3-backup.template.json").read_bytes())
PERIOD = 10
# The watch comes more often than it is judged.
BEAT_S = 4
SECONDS_TO_RING = 60
NEVER = 8_760


class CloudWatch:
    """The metrics and alarms of LocalStack."""

    def __init__(self, endpoint: str) -> None:
        self.client = botocore.session.get_session().create_client(
            "cloudwatch", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def put(self, line: dict) -> None:
        """What CloudWatch makes of a line of its embedded metric format, at the present time."""
        for directive in line["_aws"]["CloudWatchMetrics"]:
            data = [
                {
                    "MetricName": metric["Name"], "Unit": metric["Unit"], "Value": line[metric["Name"]],
                    "Dimensions": [{"Name": name, "Value": line[name]} for name in dimensions],
                }
                for dimensions in directive["Dimensions"] for metric in directive["Metrics"]
            ]
            self.client.put_metric_data(Namespace=directive["Namespace"], MetricData=data)

    def watch(self, metric: str, job: str) -> str:
        """Makes the alarm of the template for a job."""
        [(name, given)] = [(name, alarm) for name, alarm in alarms() if alarm["MetricName"] == metric and is_own(alarm)]
        own = {**given, "Period": PERIOD, "AlarmName": f"{job}-{name}"}
        own["Dimensions"] = [{"Name": one["Name"], "Value": job} for one in given["Dimensions"]]
        threshold = own["Threshold"]
        if isinstance(threshold, dict):
            own["Threshold"] = TEMPLATE["Parameters"][threshold["Ref"]]["Default"]
        for actions in ("AlarmActions", "OKActions"):
            del own[actions]
        self.client.put_metric_alarm(**own)
        return own["AlarmName"]

    def state(self, alarm: str) -> str:
        [found] = self.client.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
        return found["StateValue"]


def alarms() -> "list[tuple[str, dict]]":
    resources = TEMPLATE["Resources"].items()
    return [(name, row["Properties"]) for name, row in resources if row["Type"] == "AWS::CloudWatch::Alarm"]


def is_own(alarm: dict) -> bool:
    return alarm["Namespace"] == "S3Backup"


@pytest.fixture
def cloudwatch(localstack: str) -> CloudWatch:
    return CloudWatch(localstack)


def put_object(simulator: Simulator, key: str, storage_class: str) -> None:
    request(simulator, "PUT", key, {"x-amz-storage-class": storage_class})


def request(simulator: Simulator, method: str, key: str, headers: "dict[str, str]") -> None:
    body = b"body" if method == "PUT" else None
    asked = urllib.request.Request(f"{simulator.endpoint}/primary/{key}", body, headers, method=method)
    urllib.request.urlopen(asked, timeout=10).close()


def written(simulator: Simulator, handler: str, job: str, log: Path) -> dict:
    """The only line of metrics that the built function writes for an invocation."""
    variables = {"AWS_ENDPOINT_URL": simulator.endpoint, "_HANDLER": handler, "BACKUP_JOB_NAME": job}
    with open(log, "wb") as file, Function(handler, variables, file) as function:
        assert function.invoke(b"{}") is not None, log.read_text()
    [line] = [line for line in log.read_text(encoding="utf-8").splitlines() if '"_aws"' in line]
    return json.loads(line)


def within(cloudwatch: CloudWatch, states: "dict[str, str]", beats: "list[dict]") -> None:
    """Waits until all alarms are in these states, and sends what comes again and again meanwhile."""
    end = time.monotonic() + SECONDS_TO_RING
    while True:
        for beat in beats:
            cloudwatch.put(beat)
        seen = {alarm: cloudwatch.state(alarm) for alarm in states}
        if seen == states:
            return
        assert time.monotonic() < end, f"{seen} after {SECONDS_TO_RING} s; expected {states}"
        time.sleep(BEAT_S)


def test_errors_ring_and_calm_down_and_the_switch_rings_for_nothing_and_for_never(
    cloudwatch: CloudWatch, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with Simulator([]) as simulator:
        never = written(simulator, "watch", "new", log)
        put_object(simulator, "object", "STANDARD")
        # An archive that nobody has thawed, which no run can copy.
        put_object(simulator, "archive", "GLACIER")
        failed = written(simulator, "bootstrap", "data", log)
        request(simulator, "DELETE", "archive", {})
        complete = written(simulator, "bootstrap", "data", log)
        fresh = written(simulator, "watch", "data", log)
    assert (failed["Errors"], failed["Complete"]) == (1, 0)
    assert (complete["Errors"], complete["Complete"]) == (0, 1)
    assert never["HoursSinceComplete"] == NEVER
    assert fresh["HoursSinceComplete"] < 0.1
    hour_old = {**fresh, "HoursSinceComplete": fresh["HoursSinceComplete"] + 1}

    errors, of_others = cloudwatch.watch("Errors", "data"), cloudwatch.watch("Errors", "others")
    cloudwatch.put(hour_old)
    cloudwatch.put(failed)
    current, silent, new = (cloudwatch.watch("HoursSinceComplete", job) for job in ("data", "nobody", "new"))
    switches = {current: "OK", silent: "ALARM", new: "ALARM"}

    within(cloudwatch, {errors: "ALARM", of_others: "OK", **switches}, [hour_old, never])
    cloudwatch.put(complete)
    within(cloudwatch, {errors: "OK", of_others: "OK", **switches}, [hour_old, never])


def test_the_switch_calms_down_when_a_run_was_complete(cloudwatch: CloudWatch, tmp_path: Path) -> None:
    switch = cloudwatch.watch("HoursSinceComplete", "back")
    within(cloudwatch, {switch: "ALARM"}, [])

    with Simulator(["--populate", "3"]) as simulator:
        written(simulator, "bootstrap", "back", tmp_path / "log")
        fresh = written(simulator, "watch", "back", tmp_path / "log")

    within(cloudwatch, {switch: "OK"}, [fresh])


def test_all_own_alarms_can_be_made_as_the_template_has_them(cloudwatch: CloudWatch) -> None:
    """A mistake in one of them, which no other test makes, is refused here."""
    metrics = sorted(alarm["MetricName"] for _, alarm in alarms() if is_own(alarm))
    made = [cloudwatch.watch(metric, "all") for metric in metrics]

    assert len(set(made)) == len(metrics) >= 11
