-- Where jobs write: an upload that is told of there is their own. Kept for ever.
CREATE TABLE output(
    place TEXT PRIMARY KEY                        -- a URL or path; "PLACE/": all below; "PLACE/*": see job_store.h
) STRICT, WITHOUT ROWID;
