"""MiniStack, mended where nothing can be set, so that it does what AWS does.

Its gateway asks for the keys of a user pool by http://, also where it serves by TLS only, and then refuses every token of
its own sign-in. Its CopyObject takes no notice of If-Match and If-None-Match, which its PutObject obeys. Its queues hand
messages to a function as they come, whatever the mapping's batching window.
"""

import time

from ministack.app import app
from ministack.services import apigateway, lambda_svc, s3, sqs

__all__ = ["app"]

fetch = apigateway._fetch_jwks
copy = s3._copy_object
receive = sqs._receive_messages_for_esm


async def fetch_by_tls(url: str) -> dict:
    return await fetch(url.replace("http://", "https://", 1))


def copy_on_condition(bucket_name: str, key: str, headers: dict) -> tuple:
    bucket = s3._ensure_bucket(bucket_name)
    refused = bucket and s3._check_put_preconditions(headers, bucket["objects"].get(key))
    return refused or copy(bucket_name, key, headers)


def receive_by_window(queue_url: str, most: int) -> "list[dict]":
    queue = sqs._queues[queue_url]
    now = time.time()
    visible = [message["visible_at"] for message in queue["messages"] if message.get("visible_at", now + 1) <= now]
    if visible and len(visible) < most and now - min(visible) < window(queue["attributes"]["QueueArn"]):
        return []
    return receive(queue_url, most)


def window(queue_arn: str) -> float:
    """Seconds for which the mapping of a queue waits until a batch is full."""
    mappings = [mapping for _, _, mapping in lambda_svc._iter_all_esms() if mapping.get("EventSourceArn") == queue_arn]
    return max((mapping.get("MaximumBatchingWindowInSeconds", 0) for mapping in mappings), default=0)


apigateway._fetch_jwks = fetch_by_tls
s3._copy_object = copy_on_condition
sqs._receive_messages_for_esm = receive_by_window
