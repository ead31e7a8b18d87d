-- Who signs in with us, by a link that comes by mail. Numbered alike with ../postgres.
-- Where sign-in is another's (Supabase), these stay empty: tenant_users names that one's users.

CREATE TABLE accounts (
    id         TEXT    NOT NULL PRIMARY KEY,  -- what tenant_users calls user_id
    email      TEXT    NOT NULL UNIQUE,       -- in lower case
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sign_in_links (
    token_sha256   BLOB    NOT NULL PRIMARY KEY CHECK (length(token_sha256) = 32),
    browser_sha256 BLOB    NOT NULL CHECK (length(browser_sha256) = 32), -- the link opens where it was asked for
    account_id     TEXT    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    expires_at     INTEGER NOT NULL,
    used_at        INTEGER
) STRICT;
CREATE INDEX sign_in_links_by_age ON sign_in_links (expires_at);

CREATE TABLE refresh_tokens (
    token_sha256 BLOB    NOT NULL PRIMARY KEY CHECK (length(token_sha256) = 32),
    family       TEXT    NOT NULL,            -- all that came of one sign-in: one stolen ends them all
    account_id   TEXT    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    expires_at   INTEGER NOT NULL,
    used_at      INTEGER
) STRICT;
CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_by_age ON refresh_tokens (expires_at);
