-- Who drives which interview: the processes that share this database, and a lease a session. Numbered alike with ../postgres.
-- Times are this database's own, so that no two clocks are compared; told_at alone is the process's.

CREATE TABLE processes (
    id          TEXT    NOT NULL PRIMARY KEY, -- new at each start
    node        TEXT    NOT NULL,             -- the folder whose journal it holds: two processes of a node never live at once
    url         TEXT    NOT NULL,             -- how browsers reach this very process
    is_draining INTEGER NOT NULL DEFAULT 0 CHECK (is_draining IN (0, 1)),
    started_at  INTEGER NOT NULL,
    beat_at     INTEGER NOT NULL,
    told_at     INTEGER NOT NULL,             -- the beat by the process's own clock, by which its entries are timed
    ended_at    INTEGER,                      -- known to be over, however short its silence
    pokes       INTEGER NOT NULL DEFAULT 0    -- rises when one of its leases was taken or is wanted: look at them
) STRICT;

CREATE TABLE session_leases (
    session_id TEXT    NOT NULL,
    tenant_id  TEXT    NOT NULL,
    process_id TEXT,                          -- nobody's: free; one that has ended or has no row: free too
    fence      INTEGER NOT NULL,              -- rises with each taking: what an older one writes of later is refused
    taken_at   INTEGER NOT NULL,
    wanted_by  TEXT,                          -- asks a draining owner for it
    PRIMARY KEY (tenant_id, session_id),
    FOREIGN KEY (tenant_id, session_id) REFERENCES interview_sessions (tenant_id, id)
) STRICT;
CREATE INDEX session_leases_by_process ON session_leases (process_id);
CREATE INDEX interview_sessions_unfinished ON interview_sessions (id) WHERE ended_at IS NULL;
