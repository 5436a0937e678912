PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
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
INSERT INTO event VALUES(1,X'e4265c1bdd1f6e8faff2ae9cce1860dd2e0ee53d0763607281dc8594749650ca','01M831M0YC8CDMQ6RWKNNPQ6A3',NULL,NULL,1795398697932943,NULL,0,NULL);
CREATE TABLE start(
    event INTEGER NOT NULL REFERENCES event(id),
    rule TEXT NOT NULL,
    name TEXT NOT NULL,                           -- of the execution
    arn TEXT,                                     -- NULL: refused for ever, see event.outcome
    started_us INTEGER NOT NULL,
    PRIMARY KEY(event, rule)
) STRICT, WITHOUT ROWID;
INSERT INTO start VALUES(1,'film','film-f51a21fa1d49dd8401590bfe8ef53991','arn:aws:states:us-east-1:123456789012:execution:film:film-f51a21fa1d49dd8401590bfe8ef53991',1795398697944019);
CREATE TABLE schedule(
    rule TEXT PRIMARY KEY,
    text TEXT NOT NULL,                           -- the expression and its time zone: another one begins anew
    begin_us INTEGER NOT NULL,
    due_us INTEGER                                -- NULL: never again
) STRICT, WITHOUT ROWID;
CREATE INDEX event_by_due ON event(due_us, id) WHERE due_us IS NOT NULL;
COMMIT;
PRAGMA user_version = 1;
