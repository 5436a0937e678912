-- Which waiting task a worker gets first.
ALTER TABLE task ADD COLUMN priority INTEGER NOT NULL DEFAULT 50;
