"""What the product relies on in S3 holds on this AWS too, or differs as is known; the fidelity matrix arrives."""

from local import Aws


def test_the_promises_of_s3_and_the_matrix(aws: Aws) -> None:
    server = f"CONTRACT_ENDPOINT={aws.env['AWS_ENDPOINT_URL']}"
    chosen = "_named_endpoint"

    shown = aws.run(
        "env", server, "CONTRACT_SERVER=ministack",
        "cargo", "test", "--locked", "--test", "it", chosen, "--", "--ignored",
    )

    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "test result: ok. 2 passed" in shown.stdout, shown.stdout
