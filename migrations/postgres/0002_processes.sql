-- Who drives which interview: the processes that share this database, and a lease a session. Numbered alike with ../sqlite.
-- Times are this database's own, so that no two clocks are compared; told_at alone is the process's.

-- Nobody's in particular, as idempotency_keys: it names machines, and no tenant.
CREATE TABLE public.processes (
    id          uuid        PRIMARY KEY,                -- new at each start
    node        uuid        NOT NULL,                   -- the folder whose journal it holds: two of a node never live at once
    url         text        NOT NULL,                   -- how browsers reach this very process
    is_draining boolean     NOT NULL DEFAULT false,
    started_at  timestamptz NOT NULL,
    beat_at     timestamptz NOT NULL,
    told_at     timestamptz NOT NULL,                   -- the beat by the process's own clock, which times its entries
    ended_at    timestamptz,                            -- known to be over, however short its silence
    pokes       bigint      NOT NULL DEFAULT 0          -- rises when one of its leases was taken or is wanted
);

CREATE TABLE public.session_leases (
    session_id uuid        NOT NULL,
    tenant_id  uuid        NOT NULL,
    process_id uuid,                                    -- nobody's: free; one that has ended or has no row: free too
    fence      bigint      NOT NULL,                    -- rises with each taking: what an older one writes of later is refused
    taken_at   timestamptz NOT NULL,
    wanted_by  uuid,                                    -- asks a draining owner for it
    PRIMARY KEY (tenant_id, session_id),
    FOREIGN KEY (tenant_id, session_id) REFERENCES public.interview_sessions (tenant_id, id)
);
CREATE INDEX session_leases_by_process ON public.session_leases (process_id);
CREATE INDEX interview_sessions_unfinished ON public.interview_sessions (id) WHERE ended_at IS NULL;

-- Interviews that have no end yet and that no living process drives, of all tenants: ids alone, for the sweep that ends
-- them. Whoever acts on one names its tenant again.
CREATE FUNCTION vivavoce.sessions_adrift(silent_since timestamptz, overdue_since timestamptz, most bigint)
RETURNS TABLE (tenant_id uuid, session_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT s.tenant_id, s.id
    FROM public.interview_sessions s
    JOIN public.positions p ON p.tenant_id = s.tenant_id AND p.id = s.position_id
    WHERE s.ended_at IS NULL
      AND (s.started_at + p.max_minutes * interval '1 minute' < overdue_since
           OR EXISTS (SELECT 1 FROM public.session_events e
                      WHERE e.tenant_id = s.tenant_id AND e.session_id = s.id AND e.leg = 'session' AND e.what = 'ended'))
      AND NOT EXISTS (SELECT 1 FROM public.session_leases l JOIN public.processes o ON o.id = l.process_id
                      WHERE l.tenant_id = s.tenant_id AND l.session_id = s.id AND o.ended_at IS NULL AND o.beat_at > silent_since)
    ORDER BY s.id LIMIT most
$$;
REVOKE ALL ON FUNCTION vivavoce.sessions_adrift(timestamptz, timestamptz, bigint)
    FROM PUBLIC, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION vivavoce.sessions_adrift(timestamptz, timestamptz, bigint) TO vivavoce_server;

GRANT SELECT (tenant_id, id, started_at, ended_at, position_id) ON public.interview_sessions TO vivavoce_lookup;
GRANT SELECT (tenant_id, id, max_minutes) ON public.positions TO vivavoce_lookup;
GRANT SELECT (tenant_id, session_id, leg, what) ON public.session_events TO vivavoce_lookup;
GRANT SELECT (tenant_id, session_id, process_id) ON public.session_leases TO vivavoce_lookup;
GRANT SELECT (id, beat_at, ended_at) ON public.processes TO vivavoce_lookup;
GRANT CREATE ON SCHEMA vivavoce TO vivavoce_lookup; -- asked of a new owner; taken back below
ALTER FUNCTION vivavoce.sessions_adrift(timestamptz, timestamptz, bigint) OWNER TO vivavoce_lookup;
REVOKE CREATE ON SCHEMA vivavoce FROM vivavoce_lookup;

-- === row-level security ===

ALTER TABLE public.processes ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.processes FORCE ROW LEVEL SECURITY;
ALTER TABLE public.session_leases ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.session_leases FORCE ROW LEVEL SECURITY;
-- Supabase grants everything on a new table of public by default. Who drives what is nobody's business there.
REVOKE ALL ON public.processes, public.session_leases FROM PUBLIC, anon, authenticated, service_role;
CREATE POLICY server ON public.processes TO vivavoce_server USING (true) WITH CHECK (true);
CREATE POLICY server ON public.session_leases TO vivavoce_server
    USING (tenant_id = (SELECT vivavoce.tenant())) WITH CHECK (tenant_id = (SELECT vivavoce.tenant()));
CREATE POLICY lookup ON public.processes FOR SELECT TO vivavoce_lookup USING (current_user = 'vivavoce_lookup');
CREATE POLICY lookup ON public.session_leases FOR SELECT TO vivavoce_lookup USING (current_user = 'vivavoce_lookup');
CREATE POLICY lookup ON public.positions FOR SELECT TO vivavoce_lookup USING (current_user = 'vivavoce_lookup');
CREATE POLICY lookup ON public.session_events FOR SELECT TO vivavoce_lookup USING (current_user = 'vivavoce_lookup');
GRANT SELECT, INSERT, UPDATE, DELETE ON public.processes, public.session_leases TO vivavoce_server;
