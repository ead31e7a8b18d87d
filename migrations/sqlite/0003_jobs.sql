-- Work that outlives a request and a process: mail, summaries, calls to others. Numbered alike with ../postgres.
-- Times are this database's own.

CREATE TABLE jobs (
    id         TEXT    NOT NULL PRIMARY KEY,
    tenant_id  TEXT    NOT NULL REFERENCES tenants (id),
    kind       TEXT    NOT NULL,
    payload    BLOB    NOT NULL,            -- sealed: it may hold an invitation's link
    created_at INTEGER NOT NULL,
    due_at     INTEGER NOT NULL,            -- not before; while somebody works on it, when that one counts as dead
    attempts   INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,                        -- in words of ours
    failed_at  INTEGER,                     -- given up
    UNIQUE (tenant_id, id)
) STRICT;
CREATE INDEX jobs_due ON jobs (due_at) WHERE failed_at IS NULL;
