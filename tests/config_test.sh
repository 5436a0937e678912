#!/bin/bash
# splitreel config: every value and where it is from, what is wrong with a file, and that serve and
# worker go by the same file, environment and options.
root=$PWD
. tests/lib.sh
. tests/serve.sh

value() { jq -r --arg name "$1" '.[] | select(.name == $name) | .value' out.txt; }
from() { jq -r --arg name "$1" '.[] | select(.name == $name) | .from' out.txt; }

config_of() { printf '%s\n' "$1" >config.json; chmod 600 config.json; }

the_example()
{
    status 0 "$SPLITREEL" config check --config "$root/etc/splitreel.json" && says 'is fine' out.txt &&
        status 0 "$SPLITREEL" config show --config "$root/etc/splitreel.json" --json && [ "$(value listen)" = 127.0.0.1:8083 ] &&
        [ "$(from listen)" = file ]
}
origins()
{
    config_of '{ "region": "eu-1",
        "worker": { "slots": 2, "light_slots": 3 },
        "metrics_token": "a-secret-of-24-letters.." }'
    status 0 env SPLITREEL_CONFIG=config.json SPLITREEL_STORES=/s.json "$SPLITREEL" config show --json --slots 5 || return
    [ "$(value region) $(from region)" = 'eu-1 file' ] || complain 'region' || return
    [ "$(value worker.slots) $(from worker.slots)" = '5 option' ] || complain 'slots' || return
    [ "$(value worker.light_slots) $(from worker.light_slots)" = '3 file' ] || complain 'light_slots' || return
    [ "$(value worker.stores) $(from worker.stores)" = '/s.json environment' ] || complain 'stores' || return
    [ "$(value account) $(from account)" = '123456789012 default' ] || complain 'account' || return
    jq -e '.[] | select(.name == "region") | .line == 1 and .file == "config.json"' out.txt >/dev/null || complain 'line' || return
    status 0 "$SPLITREEL" config show --config config.json && says 'config.json:2' out.txt &&
        grep -qE '^metrics_token +set +config.json:3$' out.txt || { cat out.txt; complain 'the token'; } || return
    ! grep -q a-secret out.txt || complain 'a secret is shown'
}
wrong_files()
{
    config_of '{ "worker": { "slot": 1 } }'
    status 2 "$SPLITREEL" config check --config config.json && says 'slots' || return
    config_of '{ "worker": { "stores": "stores.json" }, "rules": "rules" }'
    status 3 "$SPLITREEL" config check --config config.json && says stores.json || return
    echo '{ "version": 1, "stores": {}, "no": 1 }' >stores.json
    status 2 "$SPLITREEL" config check --config config.json && says stores.json || return
    echo '{ "version": 1, "stores": {} }' >stores.json
    mkdir -p rules && echo '{ "no": 1 }' >rules/bad.json
    status 2 "$SPLITREEL" config check --config config.json && says bad || return
    rm rules/bad.json
    status 0 "$SPLITREEL" config check --config config.json --json && jq -e .fine out.txt >/dev/null || return
    config_of '{ "metrics_token": "a-secret-of-24-letters.." }'
    chmod 644 config.json
    status 4 "$SPLITREEL" config check --config config.json && says 'chmod 600'
}
wrong_words()
{
    status 2 "$SPLITREEL" config && status 2 "$SPLITREEL" config list && status 2 "$SPLITREEL" config show show &&
        status 2 "$SPLITREEL" config check && says '--config' && status 3 "$SPLITREEL" config show --config absent.json &&
        status 2 "$SPLITREEL" config show --slots many && says '--slots: $.worker.slots' &&
        status 2 "$SPLITREEL" config show --listen example.org:80 && says '--listen' &&
        status 0 "$SPLITREEL" config --help && says '--config' out.txt
}
# What serve does without an option that its file has.
serve_goes_by_it()
{
    mkdir -p of-file
    config_of '{ "listen": "127.0.0.1:0", "state": "of-file/state", "log_level": "debug" }'
    launch env SPLITREEL_CONFIG=config.json "$SPLITREEL" serve && stop || return
    is_there of-file/state/states.db && is_absent .splitreel-state &&
        status 2 env SPLITREEL_CONFIG=config.json "$SPLITREEL" serve --log-level loud && says '--log-level' &&
        status 2 env SPLITREEL_CONFIG=config.json "$SPLITREEL" worker --light-slots 0 && says '$.worker.light_slots'
}

try 'config: the example that is shipped' the_example
try 'config: every value says where it is from' origins
try 'config: what is wrong with a file, and with those that it names' wrong_files
try 'config: wrong words' wrong_words
scenario 'config: serve and worker go by the same file' serve_goes_by_it
finish
