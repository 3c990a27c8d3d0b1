"""What the template and the lifecycle file make of an account."""

import json

from local import ROOT, Aws, Stack


def test_the_lifecycle_file_is_accepted_and_read_back_as_it_is(aws: Aws, stack: Stack) -> None:
    file = ROOT / "lifecycle-policy.json"

    aws(
        "s3api", "put-bucket-lifecycle-configuration", "--bucket", stack.backup,
        "--lifecycle-configuration", f"file://{file}",
    )

    read_back = aws("s3api", "get-bucket-lifecycle-configuration", "--bucket", stack.backup)
    for rule in read_back["Rules"]:
        both = rule["Filter"].get("And", {})
        # MiniStack adds it to each filter of several conditions, and it holds for every object.
        if both.get("ObjectSizeGreaterThan") == 0:
            del both["ObjectSizeGreaterThan"]
    assert read_back["Rules"] == json.loads(file.read_bytes())["Rules"]


def test_the_backup_bucket_keeps_versions_and_lets_nobody_in(aws: Aws, stack: Stack) -> None:
    versioning = aws("s3api", "get-bucket-versioning", "--bucket", stack.backup)
    assert versioning["Status"] == "Enabled"

    access = aws("s3api", "get-public-access-block", "--bucket", stack.backup)
    assert set(access["PublicAccessBlockConfiguration"].values()) == {True}

    policy = json.loads(aws("s3api", "get-bucket-policy", "--bucket", stack.backup)["Policy"])
    assert {"Bool": {"aws:SecureTransport": "false"}} in [
        statement.get("Condition") for statement in policy["Statement"] if statement["Effect"] == "Deny"
    ]


def test_the_rule_starts_the_function_at_two_every_night(aws: Aws, stack: Stack) -> None:
    function = aws("lambda", "get-function-configuration", "--function-name", stack.function)["FunctionArn"]
    names = aws("events", "list-rule-names-by-target", "--target-arn", function)["RuleNames"]

    [rule] = [aws("events", "describe-rule", "--name", name) for name in names]

    assert (rule["ScheduleExpression"], rule["State"]) == ("cron(0 2 * * ? *)", "ENABLED")


def test_an_update_of_the_stack_keeps_the_buckets_and_what_they_hold(aws: Aws, stack: Stack) -> None:
    aws.put(stack.primary, "update/object", b"content")
    stack.run({})

    updated = Stack.deploy(aws, stack.name, MemorySize="1024")

    assert updated == stack
    configuration = aws("lambda", "get-function-configuration", "--function-name", stack.function)
    assert configuration["MemorySize"] == 1024
    assert stack.run({})["objects_copied"] == 0
    assert aws.get(stack.backup, "update/object") == b"content"


def test_the_function_logs_its_result_to_the_log_group_of_the_stack(aws: Aws, stack: Stack) -> None:
    result = stack.run({})

    events = aws("logs", "filter-log-events", "--log-group-name", stack.log)["events"]
    assert [event for event in events if result["run_id"] in event["message"]]
