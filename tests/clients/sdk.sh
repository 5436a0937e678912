#!/usr/bin/env bash
# AWS's SDK for JavaScript (npm), for tests: install, modules.
#
# "install" puts what package-lock.json pins into build/clients, when there is an npm. "modules" prints the
# node_modules folder; exit status 77: node or the SDK is missing. SDK_MODULES is another folder that has it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
into=$(cd ../.. && pwd)/build/clients

fail() {
    echo "sdk.sh: $*" >&2
    exit 1
}

is_installed() {
    cmp -s package-lock.json "$into/installed.json"
}

install() {
    is_installed && return
    command -v npm >/dev/null || fail 'there is no npm'
    mkdir -p "$into"
    rm -f "$into/installed.json"
    cp package.json package-lock.json "$into"
    npm ci --prefix "$into" --no-audit --no-fund --ignore-scripts --no-update-notifier --loglevel=error ||
        fail 'npm did not install the SDK'
    cp package-lock.json "$into/installed.json"
}

modules() {
    if ! command -v node >/dev/null; then
        echo 'node is not installed' >&2
    elif [ -n "${SDK_MODULES:-}" ] && [ -d "$SDK_MODULES/@aws-sdk/client-sfn" ]; then
        echo "$SDK_MODULES"
        return
    elif is_installed; then
        echo "$into/node_modules"
        return
    else
        echo 'the SDK is not installed (tests/clients/sdk.sh install)' >&2
    fi
    exit 77
}

case "${1-}:$#" in
install:1) install ;;
modules:1) modules ;;
*) fail 'usage: install | modules' ;;
esac
