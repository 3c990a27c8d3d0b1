#!/usr/bin/env bash
# Takes the stack away, with the AWS CLI 1 or 2. Buckets stay, with everything in them: it says which, and their cost.
#
# usage: scripts/destroy.sh [--stack NAME] [--packages] [--bucket NAME] [--yes]
#
#   --stack NAME   s3-backup without it
#   --packages     also takes away the bucket for packages, with what is in it
#   --bucket NAME  that bucket; s3-backup-packages-ACCOUNT-REGION without it
#   --yes          asks nothing
set -euo pipefail

stack=s3-backup
packages=
bucket=
yes=
# Dollars for a GB a month of STANDARD in us-east-1.
PRICE=0.023

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
        --bucket) bucket=$(value "${@:1:2}") && shift ;;
        --packages) packages=yes ;;
        --yes) yes=yes ;;
        --help | -h) usage && exit 0 ;;
        *) fail "$1 is unknown; see --help" ;;
    esac
    shift
done

command -v aws >/dev/null || fail "the AWS CLI is missing: install it (https://aws.amazon.com/cli/)"
region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}
[ -n "$region" ] || fail "no region is set: set AWS_REGION"
export AWS_DEFAULT_REGION=$region
account=$(aws sts get-caller-identity --query Account --output text) || fail "the credentials cannot be used, see above"
bucket=${bucket:-s3-backup-packages-$account-$region}

# confirm QUESTION
confirm() {
    [ -z "$yes" ] || return 0
    [ -t 0 ] || fail "nobody can be asked: run it on a terminal, or with --yes"
    local answer
    read -r -p "$1 [y/N] " answer
    [[ $answer == [yY]* ]]
}

# The names of the buckets that the stack has made.
buckets_of_stack() {
    aws cloudformation describe-stack-resources --stack-name "$stack" --output text \
        --query "StackResources[?ResourceType=='AWS::S3::Bucket'].PhysicalResourceId" | tr '\t' '\n'
}

# Size and cost by the metric of S3, which is a day old and costs nothing to read.
cost_of() {
    local day=86400 now bytes
    now=$(date +%s)
    bytes=$(aws cloudwatch get-metric-statistics --namespace AWS/S3 --metric-name BucketSizeBytes --statistics Maximum \
        --dimensions "Name=BucketName,Value=$1" Name=StorageType,Value=StandardStorage --period $day \
        --start-time $((now - 3 * day)) --end-time "$now" --query 'max(Datapoints[].Maximum)' --output text 2>/dev/null || true)
    if [[ $bytes =~ ^[0-9] ]]; then
        awk -v bytes="$bytes" -v price=$PRICE 'BEGIN { gb = bytes / 1e9; printf "%.1f GB, about $%.2f a month in STANDARD", gb, gb * price }'
    else
        printf 'S3 has not measured its size yet'
    fi
}

if aws cloudformation describe-stacks --stack-name "$stack" >/dev/null 2>&1; then
    mapfile -t kept < <(buckets_of_stack)
    confirm "Take stack $stack away? Its buckets stay." || exit 0
    aws cloudformation delete-stack --stack-name "$stack"
    aws cloudformation wait stack-delete-complete --stack-name "$stack" \
        || fail "stack $stack was not taken away: see its events"
    echo "stack $stack is gone"
    for name in "${kept[@]}"; do
        [ -z "$name" ] || echo "  bucket $name stays: $(cost_of "$name")"
    done
    echo "nothing is backed up any more; versions that were replaced still expire by the rules of their bucket"
else
    echo "there is no stack $stack in $region"
fi

if ! aws s3api head-bucket --bucket "$bucket" --expected-bucket-owner "$account" >/dev/null 2>&1; then
    [ -z "$packages" ] || echo "there is no bucket $bucket for packages"
elif [ -z "$packages" ]; then
    echo "  bucket $bucket stays, with packages and templates: --packages takes it away"
elif confirm "Take bucket $bucket away, with all packages in it?"; then
    aws s3 rm "s3://$bucket" --recursive --only-show-errors
    aws s3api delete-bucket --bucket "$bucket" --expected-bucket-owner "$account"
    echo "bucket $bucket is gone"
fi
