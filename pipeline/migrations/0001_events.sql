-- What has happened (uploads, times of schedules), what of it is still to be started, and what was.
CREATE TABLE event(
    id INTEGER PRIMARY KEY,
    identity BLOB NOT NULL UNIQUE,                -- SHA-256 of what two deliveries have in common; kept for ever
    uuid TEXT NOT NULL,                           -- the document's id
    document TEXT,                                -- JSON; NULL once nothing is left to do
    rule TEXT,                                    -- of a schedule; NULL: every rule that it matches
    seen_us INTEGER NOT NULL,
    due_us INTEGER,                               -- when to try to start what it starts; NULL: nothing is left to do
    attempts INTEGER NOT NULL DEFAULT 0,
    outcome TEXT                                  -- why the last attempt failed; NULL: it did not
) STRICT;
CREATE INDEX event_by_due ON event(due_us, id) WHERE due_us IS NOT NULL;
CREATE TABLE start(
    event INTEGER NOT NULL REFERENCES event(id),
    rule TEXT NOT NULL,
    name TEXT NOT NULL,                           -- of the execution
    arn TEXT,                                     -- NULL: refused for ever, see event.outcome
    started_us INTEGER NOT NULL,
    PRIMARY KEY(event, rule)
) STRICT, WITHOUT ROWID;
CREATE TABLE schedule(
    rule TEXT PRIMARY KEY,
    text TEXT NOT NULL,                           -- the expression and its time zone: another one begins anew
    begin_us INTEGER NOT NULL,
    due_us INTEGER                                -- NULL: never again
) STRICT, WITHOUT ROWID;
