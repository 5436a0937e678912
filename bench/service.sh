#!/bin/bash
# The service from outside: executions started over HTTP by 50 connections, each durable before its
# answer; memory with 1,000 long polls open. Needs make all and build/bench/service_load
# (make bench-service does both).
#
#   bench/service.sh [EXECUTIONS] [POLLS]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
executions=${1:-20000} polls=${2:-1000}
splitreel=${SPLITREEL:-build/splitreel}
work=$(mktemp -d /tmp/splitreel-bench-XXXXXX)
server=
end() { [ -z "$server" ] || { kill "$server" && wait "$server" || true; }; rm -rf -- "$work"; }
trap end EXIT

mkfifo "$work/said"
"$splitreel" serve --listen 127.0.0.1:0 --state "$work/state" --log-level error >"$work/said" &
server=$!
read -r said <"$work/said"
url=${said##*listening on } at=${said##*http://}

op() { curl -sSf -H 'Content-Type: application/x-amz-json-1.0' -H "X-Amz-Target: AWSStepFunctions.$1" -d "$2" "$url/" >/dev/null; }
cpu() { awk -v hz="$(getconf CLK_TCK)" '{ printf "%.2f", ($14 + $15) / hz }' "/proc/$server/stat"; }
memory() { awk '/^VmRSS/ { printf "%.0f", $2 / 1024 }' "/proc/$server/status"; }

arn=arn:aws:states:us-east-1:123456789012
op CreateActivity '{"name":"work"}'
op CreateStateMachine '{"name":"m","roleArn":"arn:aws:iam::123456789012:role/r","definition":"{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Pass\",\"End\":true}}}"}'
before=$(cpu)
build/bench/service_load starts "$at" "$arn:stateMachine:m" "$executions" 50
echo "CPU of the service: $(awk "BEGIN { print $(cpu) - $before }") s; memory: $(memory) MB"

before=$(memory)
mkfifo "$work/hold" "$work/open"
build/bench/service_load polls "$at" "$arn:activity:work" "$polls" <"$work/hold" >"$work/open" &
load=$!
exec 3>"$work/hold"
read -r said <"$work/open"
until curl -sSf "$url/metrics" | grep -qF "splitreel_activity_pollers{activity=\"$arn:activity:work\"} $polls"; do :; done
echo "$said: memory $(memory) MB (before: $before MB)"
exec 3>&-
wait "$load"
