-- The first tables: those of SPEC.md, "Data", that an interview touches. Numbered alike with ../postgres.
-- Ids are UUIDs as text with hyphens; times are microseconds since 1970, UTC, as integers.
-- What refers to a row names its tenant too, so that no row can hang on another tenant's.

CREATE TABLE tenants (
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE tenant_users (
    tenant_id  TEXT    NOT NULL REFERENCES tenants (id),
    user_id    TEXT    NOT NULL,
    role       TEXT    NOT NULL CHECK (role IN ('recruiter', 'admin')),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
) STRICT;

CREATE TABLE positions (
    id           TEXT    NOT NULL PRIMARY KEY,
    tenant_id    TEXT    NOT NULL REFERENCES tenants (id),
    title        TEXT    NOT NULL,
    description  TEXT    NOT NULL DEFAULT '',
    language     TEXT    NOT NULL DEFAULT 'en',
    voice        TEXT    NOT NULL DEFAULT 'marin',
    max_minutes  INTEGER NOT NULL DEFAULT 30 CHECK (max_minutes BETWEEN 1 AND 58),
    plan         TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(plan)),
    instructions TEXT    NOT NULL DEFAULT '',
    created_at   INTEGER NOT NULL,
    UNIQUE (tenant_id, id)
) STRICT;

CREATE TABLE candidates (
    id         TEXT    NOT NULL PRIMARY KEY,
    tenant_id  TEXT    NOT NULL REFERENCES tenants (id),
    name       TEXT    NOT NULL,
    email      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (tenant_id, id)
) STRICT;

CREATE TABLE interview_invitations (
    id           TEXT    NOT NULL PRIMARY KEY,
    tenant_id    TEXT    NOT NULL REFERENCES tenants (id),
    candidate_id TEXT    NOT NULL,
    position_id  TEXT    NOT NULL,
    email        TEXT,                        -- where it was sent, if not the candidate's own address
    token_sha256 BLOB    NOT NULL UNIQUE CHECK (length(token_sha256) = 32),
    user_id      TEXT,                        -- the account that redeemed it, where sign-in is another's (Supabase)
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    revoked_at   INTEGER,
    redeemed_at  INTEGER,                     -- the first time
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, candidate_id) REFERENCES candidates (tenant_id, id),
    FOREIGN KEY (tenant_id, position_id) REFERENCES positions (tenant_id, id)
) STRICT;

CREATE TABLE interview_sessions (
    id                        TEXT    NOT NULL PRIMARY KEY,
    tenant_id                 TEXT    NOT NULL REFERENCES tenants (id),
    invitation_id             TEXT    NOT NULL UNIQUE, -- one interview for each invitation, whoever asks at once
    candidate_id              TEXT    NOT NULL,
    position_id               TEXT    NOT NULL,
    status                    TEXT    NOT NULL DEFAULT 'created'
                              CHECK (status IN ('created', 'in_progress', 'completed', 'failed')),
    webrtc_status             TEXT,
    webrtc_connection_time    INTEGER,                 -- first up
    webrtc_disconnection_time INTEGER,                 -- last lost
    webrtc_changed_at         INTEGER,                 -- an older step than this is late, and ignored
    created_at                INTEGER NOT NULL,
    started_at                INTEGER,
    ended_at                  INTEGER,
    end_reason                TEXT,
    technical_failure         TEXT,
    recording_url             TEXT,
    consent_version           TEXT,
    consent_given             INTEGER CHECK (consent_given IN (0, 1)),
    consent_at                INTEGER,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, invitation_id) REFERENCES interview_invitations (tenant_id, id),
    FOREIGN KEY (tenant_id, candidate_id) REFERENCES candidates (tenant_id, id),
    FOREIGN KEY (tenant_id, position_id) REFERENCES positions (tenant_id, id)
) STRICT;

CREATE TABLE transcript_entries (
    id              TEXT    NOT NULL,
    session_id      TEXT    NOT NULL,
    tenant_id       TEXT    NOT NULL,
    speaker         TEXT    NOT NULL CHECK (speaker IN ('ai', 'candidate')),
    text            TEXT    NOT NULL,
    start_time      INTEGER NOT NULL,
    end_time        INTEGER,
    sequence_number INTEGER NOT NULL,
    item_id         TEXT    NOT NULL,
    content_index   INTEGER NOT NULL,
    source          TEXT    NOT NULL CHECK (source IN ('tap', 'typed', 'reported')),
    interrupted     INTEGER NOT NULL DEFAULT 0 CHECK (interrupted IN (0, 1)),
    heard_ms        INTEGER,
    heard_text      TEXT,
    gap             TEXT,
    revision        INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, session_id) REFERENCES interview_sessions (tenant_id, id)
) STRICT;
CREATE INDEX transcript_entries_in_order ON transcript_entries (tenant_id, session_id, sequence_number, content_index);

CREATE TABLE video_segments (
    id              TEXT    NOT NULL,
    session_id      TEXT    NOT NULL,
    tenant_id       TEXT    NOT NULL,
    url             TEXT    NOT NULL,
    video_id        TEXT,                     -- where the host is api.video
    start_time      INTEGER NOT NULL,
    end_time        INTEGER,
    sequence_number INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, session_id) REFERENCES interview_sessions (tenant_id, id)
) STRICT;
CREATE INDEX video_segments_in_order ON video_segments (tenant_id, session_id, sequence_number);

CREATE TABLE session_events (
    number     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, -- order of arrival, among events of one instant
    id         TEXT    NOT NULL,
    session_id TEXT    NOT NULL,
    tenant_id  TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    leg        TEXT    NOT NULL,
    what       TEXT    NOT NULL,
    cause      TEXT    NOT NULL,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, session_id) REFERENCES interview_sessions (tenant_id, id)
) STRICT;
CREATE INDEX session_events_in_order ON session_events (tenant_id, session_id, at, number);

-- Asked before a tenant is known (open calls), so it is nobody's in particular; its callers are names, not rows.
CREATE TABLE idempotency_keys (
    caller      TEXT    NOT NULL,
    route       TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    body_sha256 BLOB    NOT NULL CHECK (length(body_sha256) = 32),
    claimed_at  INTEGER NOT NULL,
    status      INTEGER,
    body        BLOB,
    PRIMARY KEY (caller, route, key)
) STRICT;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (claimed_at);

CREATE TABLE audit_log (
    id        TEXT    NOT NULL,
    tenant_id TEXT    NOT NULL REFERENCES tenants (id),
    at        INTEGER NOT NULL,
    who       TEXT    NOT NULL,
    what      TEXT    NOT NULL,
    object    TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX audit_log_by_time ON audit_log (tenant_id, at);
