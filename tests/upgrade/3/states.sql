PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE revision(
    id INTEGER PRIMARY KEY,
    machine TEXT NOT NULL,
    definition TEXT NOT NULL,
    role TEXT,
    created_us INTEGER NOT NULL
, name TEXT NOT NULL DEFAULT '', type INTEGER NOT NULL DEFAULT 0, uuid TEXT, settings TEXT) STRICT;
INSERT INTO revision VALUES(1,'arn:aws:states:us-east-1:123456789012:stateMachine:film','{"StartAt":"Work","States":{"Work":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:work","End":true}}}','arn:aws:iam::123456789012:role/r',1795398697855559,'film',0,NULL,NULL);
CREATE TABLE machine(
    arn TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    type INTEGER NOT NULL,                        -- 0 STANDARD, 1 EXPRESS
    revision INTEGER NOT NULL REFERENCES revision(id),
    created_us INTEGER NOT NULL
, versions INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO machine VALUES('arn:aws:states:us-east-1:123456789012:stateMachine:film','film',0,1,1795398697855559,0);
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
, version TEXT, alias TEXT, express INTEGER NOT NULL DEFAULT 0, redrive_count INTEGER NOT NULL DEFAULT 0, redriven_us INTEGER) STRICT;
INSERT INTO execution VALUES(1,'arn:aws:states:us-east-1:123456789012:execution:film:one','one','arn:aws:states:us-east-1:123456789012:stateMachine:film',1,0,'{}',NULL,NULL,NULL,1795398697871876,NULL,NULL,NULL,NULL,NULL,0,0,NULL);
INSERT INTO execution VALUES(2,'arn:aws:states:us-east-1:123456789012:execution:film:film-f51a21fa1d49dd8401590bfe8ef53991','film-f51a21fa1d49dd8401590bfe8ef53991','arn:aws:states:us-east-1:123456789012:stateMachine:film',1,0,'{"version":"0","id":"01M831M0YC8CDMQ6RWKNNPQ6A3","detail-type":"Object Created","source":"aws.s3","account":"123456789012","time":"2026-11-22T10:19:01Z","region":"","resources":["arn:aws:s3:::incoming"],"detail":{"version":"0","bucket":{"name":"incoming"},"object":{"key":"a b/ü+&= %41.mp4","size":3000,"etag":"3531fcc4efbe01f1df0020651a552d84","sequencer":"95C1026B49D9E11B"},"reason":"PutObject","event-source":"ceph:s3","event-name":"ObjectCreated:Put"}}',NULL,NULL,NULL,1795398697941335,NULL,NULL,NULL,NULL,NULL,0,0,NULL);
CREATE TABLE log(
    execution INTEGER NOT NULL REFERENCES execution(id),
    seq INTEGER NOT NULL,
    entry TEXT NOT NULL,                          -- {"input": ..., "events": [...]}
    PRIMARY KEY(execution, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO log VALUES(1,0,'{"input":{"kind":"start","op":0,"now_us":1795398697871876,"seed":-1452226801350531538,"value":{}},"events":[[1,0,0,"ExecutionStarted",1795398697871876,{"input":{},"roleArn":"arn:aws:iam::123456789012:role/r"}],[2,1,0,"TaskStateEntered",1795398697871876,{"name":"Work","input":{}}],[3,2,0,"ActivityScheduled",1795398697871876,{"resource":"arn:aws:states:us-east-1:123456789012:activity:work","input":{}}]]}');
INSERT INTO log VALUES(1,1,'{"input":{"kind":"task-started","op":1,"now_us":1795398697900752,"seed":3683355690978032164},"events":[[4,3,0,"ActivityStarted",1795398697900752,{}]]}');
INSERT INTO log VALUES(2,0,'{"input":{"kind":"start","op":0,"now_us":1795398697941335,"seed":-4405902688909058771,"value":{"version":"0","id":"01M831M0YC8CDMQ6RWKNNPQ6A3","detail-type":"Object Created","source":"aws.s3","account":"123456789012","time":"2026-11-22T10:19:01Z","region":"","resources":["arn:aws:s3:::incoming"],"detail":{"version":"0","bucket":{"name":"incoming"},"object":{"key":"a b/ü+&= %41.mp4","size":3000,"etag":"3531fcc4efbe01f1df0020651a552d84","sequencer":"95C1026B49D9E11B"},"reason":"PutObject","event-source":"ceph:s3","event-name":"ObjectCreated:Put"}}},"events":[[1,0,0,"ExecutionStarted",1795398697941335,{"input":{"version":"0","id":"01M831M0YC8CDMQ6RWKNNPQ6A3","detail-type":"Object Created","source":"aws.s3","account":"123456789012","time":"2026-11-22T10:19:01Z","region":"","resources":["arn:aws:s3:::incoming"],"detail":{"version":"0","bucket":{"name":"incoming"},"object":{"key":"a b/ü+&= %41.mp4","size":3000,"etag":"3531fcc4efbe01f1df0020651a552d84","sequencer":"95C1026B49D9E11B"},"reason":"PutObject","event-source":"ceph:s3","event-name":"ObjectCreated:Put"}},"roleArn":"arn:aws:iam::123456789012:role/r"}],[2,1,0,"TaskStateEntered",1795398697941335,{"name":"Work","input":{"version":"0","id":"01M831M0YC8CDMQ6RWKNNPQ6A3","detail-type":"Object Created","source":"aws.s3","account":"123456789012","time":"2026-11-22T10:19:01Z","region":"","resources":["arn:aws:s3:::incoming"],"detail":{"version":"0","bucket":{"name":"incoming"},"object":{"key":"a b/ü+&= %41.mp4","size":3000,"etag":"3531fcc4efbe01f1df0020651a552d84","sequencer":"95C1026B49D9E11B"},"reason":"PutObject","event-source":"ceph:s3","event-name":"ObjectCreated:Put"}}}],[3,2,0,"ActivityScheduled",1795398697941335,{"resource":"arn:aws:states:us-east-1:123456789012:activity:work","input":{"version":"0","id":"01M831M0YC8CDMQ6RWKNNPQ6A3","detail-type":"Object Created","source":"aws.s3","account":"123456789012","time":"2026-11-22T10:19:01Z","region":"","resources":["arn:aws:s3:::incoming"],"detail":{"version":"0","bucket":{"name":"incoming"},"object":{"key":"a b/ü+&= %41.mp4","size":3000,"etag":"3531fcc4efbe01f1df0020651a552d84","sequencer":"95C1026B49D9E11B"},"reason":"PutObject","event-source":"ceph:s3","event-name":"ObjectCreated:Put"}}}]]}');
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
INSERT INTO task VALUES(1,1,1,'arn:aws:states:us-east-1:123456789012:activity:work','{}','arn:aws:states:us-east-1:123456789012:execution:film:one.1.7b72c7c2aded56d2994689a6f66c5e6b',1795398697871876,NULL,0,NULL,1);
INSERT INTO task VALUES(2,1,1,'arn:aws:states:us-east-1:123456789012:activity:work','{"version":"0","id":"01M831M0YC8CDMQ6RWKNNPQ6A3","detail-type":"Object Created","source":"aws.s3","account":"123456789012","time":"2026-11-22T10:19:01Z","region":"","resources":["arn:aws:s3:::incoming"],"detail":{"version":"0","bucket":{"name":"incoming"},"object":{"key":"a b/ü+&= %41.mp4","size":3000,"etag":"3531fcc4efbe01f1df0020651a552d84","sequencer":"95C1026B49D9E11B"},"reason":"PutObject","event-source":"ceph:s3","event-name":"ObjectCreated:Put"}}','arn:aws:states:us-east-1:123456789012:execution:film:film-f51a21fa1d49dd8401590bfe8ef53991.1.7b72c7c2aded56d2994689a6f66c5e6b',1795398697941335,NULL,0,NULL,0);
CREATE TABLE timer(
    execution INTEGER NOT NULL REFERENCES execution(id),
    op INTEGER NOT NULL,                          -- 0: the execution has more to do at once
    at_us INTEGER NOT NULL,
    PRIMARY KEY(execution, op)
) STRICT, WITHOUT ROWID;
CREATE TABLE version(
    arn TEXT PRIMARY KEY,
    machine TEXT NOT NULL REFERENCES machine(arn),
    number INTEGER NOT NULL,
    revision INTEGER NOT NULL REFERENCES revision(id),
    description TEXT,
    created_us INTEGER NOT NULL,
    UNIQUE(machine, number)
) STRICT;
CREATE TABLE alias(
    arn TEXT PRIMARY KEY,
    machine TEXT NOT NULL REFERENCES machine(arn),
    name TEXT NOT NULL,
    description TEXT,
    version TEXT NOT NULL REFERENCES version(arn),      -- where executions go, by weight
    weight INTEGER NOT NULL,
    version2 TEXT REFERENCES version(arn),              -- NULL: all to the first
    weight2 INTEGER,
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL
) STRICT;
CREATE TABLE tag(
    resource TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY(resource, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE activity(
    arn TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created_us INTEGER NOT NULL
) STRICT;
INSERT INTO activity VALUES('arn:aws:states:us-east-1:123456789012:activity:work','work',1795398697800314);
CREATE TABLE map_run(
    execution INTEGER NOT NULL REFERENCES execution(id),
    op INTEGER NOT NULL,
    arn TEXT NOT NULL UNIQUE,
    status INTEGER NOT NULL,                      -- enum asl_status
    numbers TEXT NOT NULL,                        -- {"total", "items", "maxConcurrency", ...}
    started_us INTEGER NOT NULL,
    stopped_us INTEGER,
    redriven_us INTEGER,
    PRIMARY KEY(execution, op)
) STRICT, WITHOUT ROWID;
CREATE TABLE child(
    execution INTEGER NOT NULL REFERENCES execution(id),
    op INTEGER NOT NULL,
    run INTEGER NOT NULL,
    arn TEXT NOT NULL UNIQUE,
    items INTEGER NOT NULL,
    status INTEGER NOT NULL,
    started_us INTEGER NOT NULL,
    stopped_us INTEGER,
    redrive_count INTEGER NOT NULL DEFAULT 0,
    redriven_us INTEGER,
    first_seq INTEGER NOT NULL,                   -- of the log
    last_seq INTEGER,                             -- NULL: it has not ended
    PRIMARY KEY(execution, op)
) STRICT, WITHOUT ROWID;
CREATE INDEX execution_by_machine ON execution(machine, started_us);
CREATE INDEX alias_by_machine ON alias(machine, name);
CREATE INDEX execution_by_end ON execution(stopped_us) WHERE stopped_us IS NOT NULL;
CREATE INDEX execution_by_parent ON execution(parent, parent_op) WHERE parent IS NOT NULL;
CREATE INDEX child_by_run ON child(execution, run, status, op);
COMMIT;
PRAGMA user_version = 3;
