#!/bin/bash
# The engine's threads under ThreadSanitizer: a program that `make check` has built for it. TSan of gcc 12
# cannot place its shadow under strong address randomisation.
. tests/lib.sh
program=$PWD/build/tsan/statemachine/engine_thread_test
if setarch -R true 2>/dev/null; then
    try 'races: threads of the engine' setarch -R "$program"
else
    echo 'skip races: address randomisation cannot be switched off here'
fi
finish
