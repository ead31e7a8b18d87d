-- Who signs in with us, by a link that comes by mail. Numbered alike with ../sqlite.
-- Where sign-in is another's (Supabase), these stay empty: tenant_users names that one's users.

CREATE TABLE public.accounts (
    id         uuid        PRIMARY KEY,       -- what tenant_users calls user_id
    email      text        NOT NULL UNIQUE,   -- in lower case
    created_at timestamptz NOT NULL
);

CREATE TABLE public.sign_in_links (
    token_sha256   bytea       PRIMARY KEY CHECK (length(token_sha256) = 32),
    browser_sha256 bytea       NOT NULL CHECK (length(browser_sha256) = 32), -- the link opens where it was asked for
    account_id     uuid        NOT NULL REFERENCES public.accounts (id) ON DELETE CASCADE,
    expires_at     timestamptz NOT NULL,
    used_at        timestamptz
);
CREATE INDEX sign_in_links_by_age ON public.sign_in_links (expires_at);

CREATE TABLE public.refresh_tokens (
    token_sha256 bytea       PRIMARY KEY CHECK (length(token_sha256) = 32),
    family       uuid        NOT NULL,        -- all that came of one sign-in: one stolen ends them all
    account_id   uuid        NOT NULL REFERENCES public.accounts (id) ON DELETE CASCADE,
    expires_at   timestamptz NOT NULL,
    used_at      timestamptz
);
CREATE INDEX refresh_tokens_by_family ON public.refresh_tokens (family);
CREATE INDEX refresh_tokens_by_age ON public.refresh_tokens (expires_at);

-- Of which tenants somebody is a member: asked before a tenant is known, of one user alone.
CREATE FUNCTION vivavoce.memberships(member uuid) RETURNS TABLE (tenant_id uuid, name text, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT u.tenant_id, t.name, u.role FROM public.tenant_users u JOIN public.tenants t ON t.id = u.tenant_id
    WHERE u.user_id = member ORDER BY u.tenant_id
$$;
REVOKE ALL ON FUNCTION vivavoce.memberships(uuid) FROM PUBLIC, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION vivavoce.memberships(uuid) TO vivavoce_server;
GRANT SELECT (role) ON public.tenant_users TO vivavoce_lookup;
GRANT SELECT (name) ON public.tenants TO vivavoce_lookup;
GRANT CREATE ON SCHEMA vivavoce TO vivavoce_lookup; -- asked of a new owner; taken back below
ALTER FUNCTION vivavoce.memberships(uuid) OWNER TO vivavoce_lookup;
REVOKE CREATE ON SCHEMA vivavoce FROM vivavoce_lookup;

-- Nobody's in particular, as idempotency_keys: who signs in is of no tenant yet.
DO $security$
DECLARE
    any_table text;
BEGIN
    FOREACH any_table IN ARRAY ARRAY['accounts', 'sign_in_links', 'refresh_tokens'] LOOP
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', any_table);
        EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', any_table);
        -- Supabase grants everything on a new table of public by default.
        EXECUTE format('REVOKE ALL ON public.%I FROM PUBLIC, anon, authenticated, service_role', any_table);
        EXECUTE format('CREATE POLICY server ON public.%I TO vivavoce_server USING (true) WITH CHECK (true)', any_table);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON public.%I TO vivavoce_server', any_table);
    END LOOP;
END
$security$;
