#!/usr/bin/env bash
# Sends dead letters of the function for events to its queue again, after their cause is gone.
#
#   scripts/redrive-events.sh STACK            begin, and wait for the end
#   scripts/redrive-events.sh STACK --check    say how many there are, and exit with 0 if there are none, else with 3
#
# Nothing is lost without it: the next run copies what events have not. Needs the AWS CLI with
# cloudformation:DescribeStacks, sqs:GetQueueAttributes, sqs:StartMessageMoveTask and sqs:ListMessageMoveTasks.
set -euo pipefail

usage() {
    echo "usage: scripts/redrive-events.sh STACK [--check]" >&2
    exit 2
}

[ $# -ge 1 ] && [ $# -le 2 ] || usage
stack=$1 action=${2:-redrive}
case $stack in -* | '') usage ;; esac
case $action in redrive | --check) ;; *) usage ;; esac

# The AWS CLI 1 does not read AWS_ENDPOINT_URL for queues.
sqs() {
    aws ${AWS_ENDPOINT_URL:+--endpoint-url "$AWS_ENDPOINT_URL"} sqs "$@"
}

url=$(aws cloudformation describe-stacks --stack-name "$stack" --output text \
    --query "Stacks[0].Outputs[?OutputKey=='EventsDeadLettersUrl'].OutputValue")
if [ -z "$url" ]; then
    echo "error: stack $stack has no dead letters of events: deploy it with Events=yes" >&2
    exit 1
fi
attribute() {
    sqs get-queue-attributes --queue-url "$url" --attribute-names "$1" --query "Attributes.$1" --output text
}
count=$(attribute ApproximateNumberOfMessages)
echo "$count dead letters"
if [ "$action" = --check ]; then
    [ "$count" = 0 ] || exit 3
    exit 0
fi
[ "$count" != 0 ] || exit 0
arn=$(attribute QueueArn)
sqs start-message-move-task --source-arn "$arn" >/dev/null
while :; do
    status=$(sqs list-message-move-tasks --source-arn "$arn" --query 'Results[0].Status' --output text)
    case $status in
        RUNNING) sleep 2 ;;
        COMPLETED)
            echo "all of them are in the queue again"
            exit 0
            ;;
        *)
            echo "error: the move ended as $status: look at the queue in the console" >&2
            exit 1
            ;;
    esac
done
