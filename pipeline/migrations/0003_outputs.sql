-- Where jobs write: an upload that is told of there is their own. Kept for ever.
CREATE TABLE output(
    place TEXT PRIMARY KEY                        -- a URL or path, without slash at its end: itself and all below
) STRICT, WITHOUT ROWID;
