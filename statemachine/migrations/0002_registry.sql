-- What else an API's caller makes: versions and aliases of state machines, tags, activities. A revision knows its
-- machine's name and type itself, so that executions outlive the machine.
ALTER TABLE revision ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE revision ADD COLUMN type INTEGER NOT NULL DEFAULT 0;
ALTER TABLE revision ADD COLUMN uuid TEXT;              -- NULL: the machine's first
ALTER TABLE revision ADD COLUMN settings TEXT;          -- JSON: logging, tracing, encryption; NULL: none given
UPDATE revision SET (name, type) = (SELECT m.name, m.type FROM machine m WHERE m.arn = revision.machine);
ALTER TABLE machine ADD COLUMN versions INTEGER NOT NULL DEFAULT 0;  -- how many there have been: a number is never used again
ALTER TABLE execution ADD COLUMN version TEXT;          -- the ARNs that it was started with; NULL: the machine's
ALTER TABLE execution ADD COLUMN alias TEXT;
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
CREATE INDEX alias_by_machine ON alias(machine, name);
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
