-- Manifests that were accepted, and what became of them. `due_us` is when something is to be done for one by itself;
-- what it waits for otherwise (the end of an execution) is looked for again at every start.
CREATE TABLE job(
    id TEXT PRIMARY KEY,                          -- sorts by the time it was made
    state INTEGER NOT NULL,                       -- enum job_row_state
    attempt INTEGER NOT NULL,                     -- from 1
    priority INTEGER NOT NULL,
    correlation TEXT NOT NULL,
    traceparent TEXT,
    idempotency_key TEXT UNIQUE,                  -- kept for ever
    digest BLOB NOT NULL,                         -- SHA-256 of what two submissions under one key have in common
    manifest TEXT NOT NULL,                       -- JSON
    shown TEXT NOT NULL,                          -- JSON: the members of its document that the manifest decides
    workspace TEXT NOT NULL,                      -- a folder of its own, or the s3:// URL that all jobs share
    overwrite INTEGER NOT NULL,
    strict INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    started_us INTEGER,                           -- of this attempt, like what follows
    ended_us INTEGER,
    execution TEXT,                               -- ARN; NULL: not started
    stopped INTEGER NOT NULL DEFAULT 0,           -- CANCELLING: what ran is stopped, only to be cleaned up after
    error TEXT,
    cause TEXT,
    report TEXT,                                  -- where it is; NULL: there is none
    engine TEXT,                                  -- as planned; NULL: it did not come to that
    segments INTEGER,
    segments_done INTEGER,
    due_us INTEGER,                               -- NULL: it has ended, or waits for an execution
    tries INTEGER NOT NULL DEFAULT 0,             -- how often this step has failed
    kept INTEGER NOT NULL DEFAULT 1               -- its workspace is there still
) STRICT;
CREATE INDEX job_by_due ON job(due_us, id) WHERE due_us IS NOT NULL;
CREATE INDEX job_by_state ON job(state, id);
CREATE INDEX job_by_correlation ON job(correlation, id);
CREATE INDEX job_by_end ON job(ended_us) WHERE ended_us IS NOT NULL AND kept = 1;
