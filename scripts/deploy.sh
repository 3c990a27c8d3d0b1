#!/usr/bin/env bash
# Deploys the stack, or brings it up to date: with the AWS CLI 1 or 2, and nothing else.
#
# usage: scripts/deploy.sh [--stack NAME] [--parameter KEY=VALUE]... [--package FILE] [--bucket NAME] [--yes] [--run]
#
#   --stack NAME           s3-backup without it
#   --parameter KEY=VALUE  of the template; what is left out keeps its value, or its default
#   --package FILE         dist/bootstrap.zip without it: build that with `make package`
#   --bucket NAME          bucket for packages; s3-backup-packages-ACCOUNT-REGION without it, made if it is missing
#   --yes                  asks nothing
#   --run                  makes a first backup when it is done
#
# Run again it changes nothing. The package lies under its hash, so that a new one is always deployed.
set -euo pipefail

folder=$(cd "$(dirname "$0")/.." && pwd)
template=$folder/cdk/cloudformation/s3-backup.template.json
stack=s3-backup
package=$folder/dist/bootstrap.zip
bucket=
yes=
run=
parameters=()

fail() {
    echo "error: $1" >&2
    exit 1
}

usage() {
    sed -n '/^# usage:/,/^set /{s/^# \{0,1\}//p;}' "$0"
}

# value OPTION [VALUE]
value() {
    [ $# -eq 2 ] && [ -n "$2" ] || fail "$1 needs a value; see --help"
    printf '%s' "$2"
}

while [ $# -gt 0 ]; do
    case $1 in
        --stack) stack=$(value "${@:1:2}") && shift ;;
        --package) package=$(value "${@:1:2}") && shift ;;
        --bucket) bucket=$(value "${@:1:2}") && shift ;;
        --parameter)
            parameter=$(value "${@:1:2}") && shift
            [[ $parameter == [A-Za-z]*=* ]] || fail "--parameter $parameter: expected KEY=VALUE"
            parameters+=("$parameter")
            ;;
        --yes) yes=yes ;;
        --run) run=yes ;;
        --help | -h) usage && exit 0 ;;
        *) fail "$1 is unknown; see --help" ;;
    esac
    shift
done

command -v aws >/dev/null || fail "the AWS CLI is missing: install it (https://aws.amazon.com/cli/)"
[ -f "$package" ] || fail "there is no package at $package: build it with \"make package\", or name one with --package"
region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}
[ -n "$region" ] || fail "no region is set: set AWS_REGION"
export AWS_DEFAULT_REGION=$region
account=$(aws sts get-caller-identity --query Account --output text) || fail "the credentials cannot be used, see above"
bucket=${bucket:-s3-backup-packages-$account-$region}

hash_of() {
    if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -c 1-64
}

status_of_stack() {
    aws cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0].StackStatus' --output text 2>/dev/null || true
}

# confirm QUESTION
confirm() {
    [ -z "$yes" ] || return 0
    [ -t 0 ] || fail "nobody can be asked: run it on a terminal, or with --yes"
    local answer
    read -r -p "$1 [y/N] " answer
    [[ $answer == [yY]* ]]
}

# A bucket of that name that somebody else owns is refused: its owner would choose what is deployed.
if ! found=$(aws s3api head-bucket --bucket "$bucket" --expected-bucket-owner "$account" 2>&1); then
    [[ $found == *404* || $found == *"Not Found"* ]] || fail "bucket $bucket cannot be used for packages: $found"
    echo "making bucket $bucket for packages"
    location=()
    [ "$region" = us-east-1 ] || location=(--create-bucket-configuration "LocationConstraint=$region")
    aws s3api create-bucket --bucket "$bucket" ${location[@]+"${location[@]}"} >/dev/null
    aws s3api put-public-access-block --bucket "$bucket" --public-access-block-configuration \
        BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
fi

key=packages/$(hash_of "$package").zip
if aws s3api head-object --bucket "$bucket" --key "$key" --expected-bucket-owner "$account" >/dev/null 2>&1; then
    echo "the package is there: s3://$bucket/$key"
else
    echo "uploading the package: s3://$bucket/$key"
    aws s3 cp "$package" "s3://$bucket/$key" --only-show-errors
fi

before=$(status_of_stack)
case $before in
    ROLLBACK_COMPLETE | *_FAILED)
        fail "stack $stack is $before: run scripts/destroy.sh first; buckets stay"
        ;;
    *_IN_PROGRESS)
        [ "$before" = REVIEW_IN_PROGRESS ] || fail "stack $stack is $before: wait until that is over"
        ;;
esac

shown=$(aws cloudformation deploy --stack-name "$stack" --template-file "$template" \
    --s3-bucket "$bucket" --s3-prefix templates --capabilities CAPABILITY_IAM \
    --no-execute-changeset --no-fail-on-empty-changeset \
    --parameter-overrides "CodeBucket=$bucket" "CodeKey=$key" ${parameters[@]+"${parameters[@]}"})
changes=$(grep -o 'arn:[^ ]*:changeSet/[^ ]*' <<<"$shown" | head -n 1 || true)

if [ -z "$changes" ]; then
    echo "no change: stack $stack is up to date"
else
    echo "changes:"
    aws cloudformation describe-change-set --change-set-name "$changes" --output text --query \
        'Changes[].ResourceChange.[Action,ResourceType,LogicalResourceId,Replacement]' | sed 's/^/  /'
    if ! confirm "Deploy them?"; then
        aws cloudformation delete-change-set --change-set-name "$changes"
        echo "nothing was changed"
        exit 0
    fi
    case $before in
        '' | None | REVIEW_IN_PROGRESS) what="stack-create-complete" ;;
        *) what="stack-update-complete" ;;
    esac
    aws cloudformation execute-change-set --change-set-name "$changes"
    echo "deploying; a few minutes"
    if ! aws cloudformation wait "$what" --stack-name "$stack"; then
        aws cloudformation describe-stack-events --stack-name "$stack" --output text --query \
            "StackEvents[?ends_with(ResourceStatus, 'FAILED')].[LogicalResourceId,ResourceStatusReason]" | head -n 10 >&2
        fail "stack $stack was not deployed: it is $(status_of_stack)"
    fi
    echo "deployed"
fi

# output NAME: empty where the stack has none of that name
output() {
    local found
    found=$(aws cloudformation describe-stacks --stack-name "$stack" --output text \
        --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue")
    [ "$found" = None ] || printf '%s' "$found"
}

aws cloudformation describe-stacks --stack-name "$stack" --output text \
    --query 'Stacks[0].Outputs[].[OutputKey,OutputValue]' | sed 's/^/  /'

if [ -z "$run" ] && [ -n "$changes" ] && [ -z "$yes" ] && confirm "Make a backup now?"; then
    run=yes
fi
if [ -n "$run" ]; then
    machine=$(output StateMachineArn)
    if [ -n "$machine" ]; then
        aws stepfunctions start-execution --state-machine-arn "$machine" --input '{}' --query executionArn --output text
    else
        request=$(mktemp)
        trap 'rm -f "$request"' EXIT
        printf '{}' >"$request"
        # Not waited for: it may take fifteen minutes. A message of the topic tells how it ended.
        aws lambda invoke --function-name "$(output FunctionName)" --invocation-type Event \
            --payload "fileb://$request" /dev/null >/dev/null
    fi
    echo "a backup is under way; its result is in the log $(output LogGroupName)"
fi
