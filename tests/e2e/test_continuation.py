"""A bucket that is too large for one invocation: the state machine of the template continues until it is done."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from local import Aws, Stack, next_second

OBJECTS = 1_200
# The function begins nothing new in the last quarter of it.
SECONDS_PER_INVOCATION = 3
SECONDS_FOR_AN_EXECUTION = 150
BOUND = "$invocations >= 500 "


@pytest.fixture(scope="module")
def continued(aws: Aws) -> Stack:
    """A stack whose function copies one object after the other, with an extra request for each, in little time."""
    stack = Stack.deploy(aws, "continued", Continuation="yes", MaxConcurrency="1", WebsiteRedirects="all")
    aws(
        "lambda", "update-function-configuration", "--function-name", stack.function,
        "--timeout", str(SECONDS_PER_INVOCATION),
    )
    return stack


@pytest.fixture(scope="module")
def machine(aws: Aws, continued: Stack) -> str:
    """The ARN of its state machine, which is the physical name that CloudFormation gives it."""
    [arn] = [
        row["PhysicalResourceId"] for row in resources(aws, continued)
        if row["ResourceType"] == "AWS::StepFunctions::StateMachine"
    ]
    return arn


@pytest.fixture
def denied(aws: Aws, continued: Stack) -> Iterator[str]:
    """The first key of all; the function may not write it for a while."""
    key = "many/0000"
    policy = ("--role-name", continued.role().split("/")[-1], "--policy-name", "denied")
    statement = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{continued.backup}/{key}"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws("iam", "put-role-policy", *policy, "--policy-document", document)
    yield key
    aws("iam", "delete-role-policy", *policy)


@pytest.fixture
def unversioned(aws: Aws, continued: Stack) -> Iterator[None]:
    aws.set_versioning(continued.backup, "Suspended")
    yield
    aws.set_versioning(continued.backup, "Enabled")


def test_a_backup_of_several_invocations_is_one_execution(
    aws: Aws, continued: Stack, machine: str, tmp_path: Path
) -> None:
    keys = [f"many/{number:04}" for number in range(OBJECTS)]
    put_at_once(aws, continued.primary, keys, tmp_path)

    ended = execution(aws, machine, {})

    assert ended["status"] == "SUCCEEDED", ended
    results = results_of(aws, ended)
    assert len(results) > 1
    assert [result["cursor"] is None for result in results] == [False] * (len(results) - 1) + [True]
    assert sum(result["objects_found"] for result in results) == OBJECTS
    assert sum(result["objects_copied"] for result in results) == OBJECTS
    assert json.loads(ended["output"]) == results[-1]
    assert aws.keys(continued.backup, "many/") == keys


def test_an_error_of_an_earlier_invocation_is_not_forgotten(aws: Aws, machine: str, denied: str) -> None:
    ended = execution(aws, machine, {"operation": "backup", "mode": "full"})

    results = results_of(aws, ended)
    assert len(results) > 1
    assert [failure["key"] for failure in results[0]["failures"]] == [denied]
    assert results[-1]["status"] == "complete", results[-1]
    assert (ended["status"], ended["error"]) == ("FAILED", "BackupIncomplete")
    assert ended["cause"].startswith(f"Errors: 1, in invocations: {len(results)}. The last result: Backed up")


def test_an_execution_of_too_many_invocations_fails_and_says_how_to_go_on(aws: Aws, machine: str) -> None:
    with machine_of_one_invocation(aws, machine) as impatient:
        ended = execution(aws, impatient, {"operation": "backup", "mode": "full"})
        [result] = results_of(aws, ended)

    assert (ended["status"], ended["error"]) == ("FAILED", "TooManyInvocations")
    begin, separator, request = ended["cause"].partition("goes on: ")
    assert separator and begin.startswith("Not done after 1 invocations, with errors: 0.")
    assert json.loads(request) == {"operation": "continue", "cursor": result["cursor"]}


@pytest.mark.usefixtures("unversioned")
def test_an_error_of_the_function_fails_the_execution_at_once(aws: Aws, continued: Stack, machine: str) -> None:
    ended = execution(aws, machine, {})

    assert (ended["status"], ended["error"]) == ("FAILED", "DestinationError")
    assert continued.backup in ended["cause"]
    assert results_of(aws, ended) == []


def test_the_schedule_starts_only_the_state_machine(aws: Aws, continued: Stack, machine: str) -> None:
    assert targets(aws, resources(aws, continued)) == {(machine, "{}"), (watch(aws, continued), None)}


def test_without_the_option_there_is_no_state_machine(aws: Aws, stack: Stack) -> None:
    there = resources(aws, stack)

    assert targets(aws, there) == {(arn(aws, stack.function), None), (watch(aws, stack), None)}
    assert "AWS::StepFunctions::StateMachine" not in [row["ResourceType"] for row in there]


def put_at_once(aws: Aws, bucket: str, keys: "list[str]", folder: Path) -> None:
    for key in keys:
        file = folder / key
        file.parent.mkdir(exist_ok=True)
        file.write_text(key)
    aws("s3", "cp", folder, f"s3://{bucket}/", "--recursive", "--only-show-errors")


def execution(aws: Aws, machine: str, request: dict) -> dict:
    """An execution from its start to its end."""
    next_second()
    arn = aws(
        "stepfunctions", "start-execution", "--state-machine-arn", machine, "--input", json.dumps(request),
    )["executionArn"]
    end = time.monotonic() + SECONDS_FOR_AN_EXECUTION
    while True:
        described = aws("stepfunctions", "describe-execution", "--execution-arn", arn)
        if described["status"] != "RUNNING":
            return described
        assert time.monotonic() < end, f"still running after {SECONDS_FOR_AN_EXECUTION} s"
        time.sleep(1)


def results_of(aws: Aws, ended: dict) -> "list[dict]":
    """What each invocation of an execution answered."""
    history = aws("stepfunctions", "get-execution-history", "--execution-arn", ended["executionArn"])
    details = [event.get("taskSucceededEventDetails") for event in history["events"]]
    return [json.loads(detail["output"]) for detail in details if detail]


@contextmanager
def machine_of_one_invocation(aws: Aws, arn: str) -> Iterator[str]:
    """The same state machine with a lower bound."""
    machine = aws("stepfunctions", "describe-state-machine", "--state-machine-arn", arn)
    assert machine["definition"].count(BOUND) == 1
    copy = aws(
        "stepfunctions", "create-state-machine", "--name", "of-one-invocation", "--role-arn", machine["roleArn"],
        "--definition", machine["definition"].replace(BOUND, "$invocations >= 1 "),
    )["stateMachineArn"]
    yield copy
    aws("stepfunctions", "delete-state-machine", "--state-machine-arn", copy)


def resources(aws: Aws, stack: Stack) -> "list[dict]":
    return aws("cloudformation", "describe-stack-resources", "--stack-name", stack.name)["StackResources"]


def watch(aws: Aws, stack: Stack) -> str:
    """The function that says when no backup was complete for too long. It has a schedule of its own."""
    return arn(aws, f"{stack.name}-watch")


def arn(aws: Aws, function: str) -> str:
    return aws("lambda", "get-function", "--function-name", function)["Configuration"]["FunctionArn"]


def targets(aws: Aws, among: "list[dict]") -> "set[tuple[str, str | None]]":
    """Everything that any schedule among the resources starts, and with which input."""
    rules = [row["PhysicalResourceId"] for row in among if row["ResourceType"] == "AWS::Events::Rule"]
    found = [aws("events", "list-targets-by-rule", "--rule", rule.split("/")[-1])["Targets"] for rule in rules]
    return {(target["Arn"], target.get("Input")) for rows in found for target in rows}
