-- Work that outlives a request and a process: mail, summaries, calls to others. Numbered alike with ../sqlite.
-- Times are this database's own.

CREATE TABLE public.jobs (
    id         uuid        PRIMARY KEY,
    tenant_id  uuid        NOT NULL REFERENCES public.tenants (id),
    kind       text        NOT NULL,
    payload    bytea       NOT NULL,        -- sealed: it may hold an invitation's link
    created_at timestamptz NOT NULL,
    due_at     timestamptz NOT NULL,        -- not before; while somebody works on it, when that one counts as dead
    attempts   integer     NOT NULL DEFAULT 0,
    last_error text,                        -- in words of ours
    failed_at  timestamptz,                 -- given up
    UNIQUE (tenant_id, id)
);
CREATE INDEX jobs_due ON public.jobs (due_at) WHERE failed_at IS NULL;

-- What is due, of all tenants: ids alone, for the worker, which names the tenant again to take one.
CREATE FUNCTION vivavoce.jobs_due(now timestamptz, most bigint)
RETURNS TABLE (tenant_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT j.tenant_id, j.id FROM public.jobs j
    WHERE j.failed_at IS NULL AND j.due_at <= now ORDER BY j.due_at, j.id LIMIT most
$$;
REVOKE ALL ON FUNCTION vivavoce.jobs_due(timestamptz, bigint) FROM PUBLIC, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION vivavoce.jobs_due(timestamptz, bigint) TO vivavoce_server;
GRANT SELECT (tenant_id, id, due_at, failed_at) ON public.jobs TO vivavoce_lookup;
GRANT CREATE ON SCHEMA vivavoce TO vivavoce_lookup; -- asked of a new owner; taken back below
ALTER FUNCTION vivavoce.jobs_due(timestamptz, bigint) OWNER TO vivavoce_lookup;
REVOKE CREATE ON SCHEMA vivavoce FROM vivavoce_lookup;

ALTER TABLE public.jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.jobs FORCE ROW LEVEL SECURITY;
-- Supabase grants everything on a new table of public by default. What is still to be done is nobody's business there.
REVOKE ALL ON public.jobs FROM PUBLIC, anon, authenticated, service_role;
CREATE POLICY server ON public.jobs TO vivavoce_server
    USING (tenant_id = (SELECT vivavoce.tenant())) WITH CHECK (tenant_id = (SELECT vivavoce.tenant()));
CREATE POLICY lookup ON public.jobs FOR SELECT TO vivavoce_lookup USING (current_user = 'vivavoce_lookup');
GRANT SELECT, INSERT, UPDATE, DELETE ON public.jobs TO vivavoce_server;
