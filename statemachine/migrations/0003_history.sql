-- How often an execution was redriven; map runs and their child executions; what the collector looks for.
ALTER TABLE execution ADD COLUMN express INTEGER NOT NULL DEFAULT 0;
ALTER TABLE execution ADD COLUMN redrive_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE execution ADD COLUMN redriven_us INTEGER;
CREATE INDEX execution_by_end ON execution(stopped_us) WHERE stopped_us IS NOT NULL;
CREATE INDEX execution_by_parent ON execution(parent, parent_op) WHERE parent IS NOT NULL;
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
-- A child execution's events are in its parent's log, under its op.
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
CREATE INDEX child_by_run ON child(execution, run, status, op);
