PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE revision(
    id INTEGER PRIMARY KEY,
    machine TEXT NOT NULL,
    definition TEXT NOT NULL,
    role TEXT,
    created_us INTEGER NOT NULL
) STRICT;
INSERT INTO revision VALUES(1,'arn:aws:states:local:000000000000:stateMachine:flow',replace('{"StartAt":"Wait","States":{"Wait":{"Type":"Wait","Seconds":20,"Next":"Work"},\n  "Work":{"Type":"Task","Resource":"arn:aws:states:local:000000000000:activity:work","End":true}}}\n','\n',char(10)),NULL,1795398697360912);
CREATE TABLE machine(
    arn TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    type INTEGER NOT NULL,                        -- 0 STANDARD, 1 EXPRESS
    revision INTEGER NOT NULL REFERENCES revision(id),
    created_us INTEGER NOT NULL
) STRICT;
INSERT INTO machine VALUES('arn:aws:states:local:000000000000:stateMachine:flow','flow',0,1,1795398697360912);
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
INSERT INTO execution VALUES(1,'arn:aws:states:local:000000000000:execution:flow:once','once','arn:aws:states:local:000000000000:stateMachine:flow',1,0,'{"film":1}',NULL,NULL,NULL,1795398697360912,NULL,NULL,NULL);
CREATE TABLE log(
    execution INTEGER NOT NULL REFERENCES execution(id),
    seq INTEGER NOT NULL,
    entry TEXT NOT NULL,                          -- {"input": ..., "events": [...]}
    PRIMARY KEY(execution, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO log VALUES(1,0,'{"input":{"kind":"start","op":0,"now_us":1795398697360912,"seed":-7995527694508729151,"value":{"film":1}},"events":[[1,0,0,"ExecutionStarted",1795398697360912,{"input":{"film":1}}],[2,1,0,"WaitStateEntered",1795398697360912,{"name":"Wait","input":{"film":1}}]]}');
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
INSERT INTO timer VALUES(1,1,1795398717360912);
CREATE INDEX execution_by_machine ON execution(machine, started_us);
COMMIT;
PRAGMA user_version = 1;
