#!/bin/bash
# A test that is killed, as by its time limit, leaves no server behind: neither one of ours nor one that
# tests/servers starts, which has a session of its own.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
root=$PWD

# gone PID: within a minute.
gone() { timeout 60 tail --pid="$1" -s 0.1 -f /dev/null || { kill -9 "$1"; complain "$1 stays behind"; }; }
# killed: runs test.sh, which kills itself when it has written what it started to pid.
killed()
{
    SERVER_ENDS_WITH='' bash test.sh >said.out 2>&1
    [ "$?" -eq 137 ] && [ -s pid ] || { cat said.out; complain 'it was not killed'; }
}

ours()
{
    cat >test.sh <<END
cd "$root" && . tests/lib.sh && . tests/serve.sh && cd "$PWD/ours" || exit
start && echo "\$server" >../pid && kill -KILL \$\$
END
    mkdir ours && killed && gone "$(cat pid)"
}

others()
{
    mkdir scripts && cat >scripts/server.sh <<'END'
#!/bin/bash
. "$ROOT/tests/servers/lib.sh"
stop() { kill "$(cat "$1/pid")"; }
start() { setsid tail -f /dev/null >/dev/null 2>&1 </dev/null & echo $! >"$1/pid"; }
case "$1:$#" in
start:2) start_anywhere "$2" ;;
start:3) start "$2" ;;
stop:2) stop "$2" ;;
esac
END
    chmod +x scripts/server.sh
    cat >test.sh <<END
cd "$root" && . tests/lib.sh && cd "$PWD" || exit
export ROOT=$root
scripts/server.sh start folder && cp folder/pid pid && kill -0 "\$(cat pid)" && kill -KILL \$\$
END
    killed && gone "$(cat pid)"
}

for scenario in ours others; do mkdir "$work/$scenario-1"; done
try 'leftovers: serve' eval 'cd ours-1 && ours'
try 'leftovers: a server with a session of its own' eval 'cd others-1 && others'
finish
