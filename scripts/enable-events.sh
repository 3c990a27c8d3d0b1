#!/usr/bin/env bash
# Lets a bucket tell EventBridge what happens in it, and keeps all that is there already.
#
#   scripts/enable-events.sh BUCKET           switch it on
#   scripts/enable-events.sh BUCKET --check   say how it is, and exit with 0 if it is on, else with 3
#   scripts/enable-events.sh BUCKET --undo    switch it off; what else is there stays
#
# S3 has one call for all notifications of a bucket, and it replaces them. So they are read, merged, written and read
# again. Nobody else should change them in these seconds: S3 has no condition for it.
# Needs the AWS CLI and jq, with s3:GetBucketNotification and s3:PutBucketNotification on the bucket.
set -euo pipefail

usage() {
    echo "usage: scripts/enable-events.sh BUCKET [--check | --undo]" >&2
    exit 2
}

[ $# -ge 1 ] && [ $# -le 2 ] || usage
bucket=$1 action=${2:-enable}
case $bucket in -* | '') usage ;; esac
case $action in enable | --check | --undo) ;; *) usage ;; esac
for tool in aws jq; do
    if ! command -v "$tool" >/dev/null; then
        echo "error: $tool is missing: install it and run this again" >&2
        exit 1
    fi
done

read_all() {
    local found
    found=$(aws s3api get-bucket-notification-configuration --bucket "$bucket" --output json)
    # An empty configuration is an empty answer.
    printf '%s' "${found:-{\}}" | jq -S 'del(.ResponseMetadata)'
}

describe() {
    jq -r '
        def count(name): (.[name] // []) | length;
        "\(count("LambdaFunctionConfigurations")) to functions, \(count("QueueConfigurations")) to queues, " +
        "\(count("TopicConfigurations")) to topics, EventBridge " +
        (if has("EventBridgeConfiguration") then "on" else "off" end)'
}

before=$(read_all)
echo "$bucket has these notifications: $(printf '%s' "$before" | describe)"
case $action in
    --check)
        printf '%s' "$before" | jq -e 'has("EventBridgeConfiguration")' >/dev/null || exit 3
        exit 0
        ;;
    enable) wanted=$(printf '%s' "$before" | jq -S '.EventBridgeConfiguration = {}') ;;
    --undo) wanted=$(printf '%s' "$before" | jq -S 'del(.EventBridgeConfiguration)') ;;
esac
if [ "$wanted" = "$before" ]; then
    echo "nothing to do"
    exit 0
fi
saved=$(mktemp "${TMPDIR:-/tmp}/notifications-XXXXXX.json")
printf '%s\n' "$before" >"$saved"
aws s3api put-bucket-notification-configuration --bucket "$bucket" --notification-configuration "$wanted"
after=$(read_all)
if [ "$after" != "$wanted" ]; then
    echo "error: the notifications of $bucket are not what was written; those of before are in $saved: compare them" >&2
    exit 1
fi
rm -f "$saved"
echo "$bucket has these notifications now: $(printf '%s' "$after" | describe)"
