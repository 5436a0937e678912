-- What an engine has promised. History is append-only: `log` holds, for each input, the input and the events it gave;
-- an execution is rebuilt by applying its inputs again. `task` and `timer` hold only what is still waited for.
CREATE TABLE revision(
    id INTEGER PRIMARY KEY,
    machine TEXT NOT NULL,
    definition TEXT NOT NULL,
    role TEXT,
    created_us INTEGER NOT NULL
) STRICT;
CREATE TABLE machine(
    arn TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    type INTEGER NOT NULL,                        -- 0 STANDARD, 1 EXPRESS
    revision INTEGER NOT NULL REFERENCES revision(id),
    created_us INTEGER NOT NULL
) STRICT;
CREATE TABLE execution(
    id INTEGER PRIMARY KEY,
    arn TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    machine TEXT NOT NULL,
    revision INTEGER NOT NULL REFERENCES revision(id),
    status INTEGER NOT NULL,                      -- enum asl_status
    input TEXT NOT NULL,
    output TEXT,
    error TEXT,
    cause TEXT,
    started_us INTEGER NOT NULL,
    stopped_us INTEGER,
    parent INTEGER,                               -- whose task waits for this one's end; NULL: nobody's
    parent_op INTEGER
) STRICT;
CREATE INDEX execution_by_machine ON execution(machine, started_us);
CREATE TABLE log(
    execution INTEGER NOT NULL REFERENCES execution(id),
    seq INTEGER NOT NULL,
    entry TEXT NOT NULL,                          -- {"input": ..., "events": [...]}
    PRIMARY KEY(execution, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE task(
    execution INTEGER NOT NULL REFERENCES execution(id),
    op INTEGER NOT NULL,
    kind INTEGER NOT NULL,                        -- enum store_task_kind
    resource TEXT NOT NULL,
    payload TEXT NOT NULL,
    token TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    timeout_at_us INTEGER,
    heartbeat_s INTEGER NOT NULL,
    heartbeat_at_us INTEGER,
    taken INTEGER NOT NULL,                       -- an activity's worker has it
    PRIMARY KEY(execution, op)
) STRICT, WITHOUT ROWID;
CREATE TABLE timer(
    execution INTEGER NOT NULL REFERENCES execution(id),
    op INTEGER NOT NULL,                          -- 0: the execution has more to do at once
    at_us INTEGER NOT NULL,
    PRIMARY KEY(execution, op)
) STRICT, WITHOUT ROWID;
