-- The first tables: those of SPEC.md, "Data", that an interview touches. Numbered alike with ../sqlite.
-- What refers to a row names its tenant too, so that no row can hang on another tenant's.
--
-- Who may do what:
--   the migrating role   owns the tables; row-level security is forced on it too, so even it sees no tenant's rows
--   vivavoce_server      the only writer: NOLOGIN, owns nothing, taken with SET LOCAL ROLE, bound to one tenant for each
--                        transaction by vivavoce.tenant_id. A login role that serves must be granted it
--   vivavoce_lookup      NOLOGIN, nobody takes it: the owner of the few SECURITY DEFINER functions, with a policy to read
--                        just what they look up
--   authenticated        (Supabase's) may SELECT: members see their tenant's rows, candidates their own by invitation
--   anon, service_role   nothing
--
-- Runs on a plain Postgres and on Supabase's layout: the roles that Supabase brings are made only where they are missing.

-- Roles belong to the whole cluster: another database of it may be making them at this moment.
DO $roles$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['anon', 'authenticated', 'service_role', 'vivavoce_server', 'vivavoce_lookup'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', role_name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- made by the other
            END;
        END IF;
    END LOOP;
    FOREACH role_name IN ARRAY ARRAY['vivavoce_server', 'vivavoce_lookup'] LOOP
        -- What is asked is explicit membership: a superuser is a member of everything without it, and needs none.
        IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
           AND NOT EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid
                           JOIN pg_roles u ON u.oid = m.member
                           WHERE r.rolname = role_name AND u.rolname = current_user) THEN
            BEGIN
                EXECUTE format('GRANT %I TO %I', role_name, current_user);
            EXCEPTION WHEN unique_violation THEN
                NULL;
            END;
        END IF;
    END LOOP;
END
$roles$;

-- Our own schema holds what PostgREST must not offer: functions, and the list of migrations.
CREATE SCHEMA IF NOT EXISTS vivavoce;
REVOKE ALL ON SCHEMA vivavoce FROM PUBLIC;
GRANT USAGE ON SCHEMA vivavoce TO vivavoce_server, vivavoce_lookup, authenticated;
GRANT USAGE ON SCHEMA public TO vivavoce_server, vivavoce_lookup, authenticated;

CREATE TABLE public.tenants (
    id         uuid        PRIMARY KEY,
    name       text        NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE public.tenant_users (
    tenant_id  uuid        NOT NULL REFERENCES public.tenants (id),
    user_id    uuid        NOT NULL,
    role       text        NOT NULL CHECK (role IN ('recruiter', 'admin')),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
);
CREATE INDEX tenant_users_by_user ON public.tenant_users (user_id);

CREATE TABLE public.positions (
    id           uuid        PRIMARY KEY,
    tenant_id    uuid        NOT NULL REFERENCES public.tenants (id),
    title        text        NOT NULL,
    description  text        NOT NULL DEFAULT '',
    language     text        NOT NULL DEFAULT 'en',
    voice        text        NOT NULL DEFAULT 'marin',
    max_minutes  integer     NOT NULL DEFAULT 30 CHECK (max_minutes BETWEEN 1 AND 58),
    plan         jsonb       NOT NULL DEFAULT '[]',
    instructions text        NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL,
    UNIQUE (tenant_id, id)
);

CREATE TABLE public.candidates (
    id         uuid        PRIMARY KEY,
    tenant_id  uuid        NOT NULL REFERENCES public.tenants (id),
    name       text        NOT NULL,
    email      text        NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (tenant_id, id)
);

CREATE TABLE public.interview_invitations (
    id           uuid        PRIMARY KEY,
    tenant_id    uuid        NOT NULL REFERENCES public.tenants (id),
    candidate_id uuid        NOT NULL,
    position_id  uuid        NOT NULL,
    email        text,                        -- where it was sent, if not the candidate's own address
    token_sha256 bytea       NOT NULL UNIQUE CHECK (length(token_sha256) = 32),
    user_id      uuid,                        -- the account that redeemed it, where sign-in is another's (Supabase)
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    redeemed_at  timestamptz,                 -- the first time
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, candidate_id) REFERENCES public.candidates (tenant_id, id),
    FOREIGN KEY (tenant_id, position_id) REFERENCES public.positions (tenant_id, id)
);
CREATE INDEX interview_invitations_by_user ON public.interview_invitations (user_id);

CREATE TABLE public.interview_sessions (
    id                        uuid        PRIMARY KEY,
    tenant_id                 uuid        NOT NULL REFERENCES public.tenants (id),
    invitation_id             uuid        NOT NULL UNIQUE, -- one interview for each invitation, whoever asks at once
    candidate_id              uuid        NOT NULL,
    position_id               uuid        NOT NULL,
    status                    text        NOT NULL DEFAULT 'created'
                              CHECK (status IN ('created', 'in_progress', 'completed', 'failed')),
    webrtc_status             text,
    webrtc_connection_time    timestamptz,                 -- first up
    webrtc_disconnection_time timestamptz,                 -- last lost
    webrtc_changed_at         timestamptz,                 -- an older step than this is late, and ignored
    created_at                timestamptz NOT NULL,
    started_at                timestamptz,
    ended_at                  timestamptz,
    end_reason                text,
    technical_failure         text,
    recording_url             text,
    consent_version           text,
    consent_given             boolean,
    consent_at                timestamptz,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, invitation_id) REFERENCES public.interview_invitations (tenant_id, id),
    FOREIGN KEY (tenant_id, candidate_id) REFERENCES public.candidates (tenant_id, id),
    FOREIGN KEY (tenant_id, position_id) REFERENCES public.positions (tenant_id, id)
);

CREATE TABLE public.transcript_entries (
    id              uuid        NOT NULL,
    session_id      uuid        NOT NULL,
    tenant_id       uuid        NOT NULL,
    speaker         text        NOT NULL CHECK (speaker IN ('ai', 'candidate')),
    text            text        NOT NULL,
    start_time      timestamptz NOT NULL,
    end_time        timestamptz,
    sequence_number integer     NOT NULL,
    item_id         text        NOT NULL,
    content_index   integer     NOT NULL,
    source          text        NOT NULL CHECK (source IN ('tap', 'typed', 'reported')),
    interrupted     boolean     NOT NULL DEFAULT false,
    heard_ms        bigint,
    heard_text      text,
    gap             text,
    revision        integer     NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, session_id) REFERENCES public.interview_sessions (tenant_id, id)
);
CREATE INDEX transcript_entries_in_order
    ON public.transcript_entries (tenant_id, session_id, sequence_number, content_index);

CREATE TABLE public.video_segments (
    id              uuid        NOT NULL,
    session_id      uuid        NOT NULL,
    tenant_id       uuid        NOT NULL,
    url             text        NOT NULL,
    video_id        text,                     -- where the host is api.video
    start_time      timestamptz NOT NULL,
    end_time        timestamptz,
    sequence_number integer     NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, session_id) REFERENCES public.interview_sessions (tenant_id, id)
);
CREATE INDEX video_segments_in_order ON public.video_segments (tenant_id, session_id, sequence_number);

CREATE TABLE public.session_events (
    number     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- order of arrival, among events of one instant
    id         uuid        NOT NULL,
    session_id uuid        NOT NULL,
    tenant_id  uuid        NOT NULL,
    at         timestamptz NOT NULL,
    leg        text        NOT NULL,
    what       text        NOT NULL,
    cause      text        NOT NULL,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, session_id) REFERENCES public.interview_sessions (tenant_id, id)
);
CREATE INDEX session_events_in_order ON public.session_events (tenant_id, session_id, at, number);

-- Asked before a tenant is known (open calls), so it is nobody's in particular; its callers are names, not rows.
CREATE TABLE public.idempotency_keys (
    caller      text        NOT NULL,
    route       text        NOT NULL,
    key         text        NOT NULL,
    body_sha256 bytea       NOT NULL CHECK (length(body_sha256) = 32),
    claimed_at  timestamptz NOT NULL,
    status      integer,
    body        bytea,
    PRIMARY KEY (caller, route, key)
);
CREATE INDEX idempotency_keys_by_age ON public.idempotency_keys (claimed_at);

CREATE TABLE public.audit_log (
    id        uuid        NOT NULL,
    tenant_id uuid        NOT NULL REFERENCES public.tenants (id),
    at        timestamptz NOT NULL,
    who       text        NOT NULL,
    what      text        NOT NULL,
    object    text        NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX audit_log_by_time ON public.audit_log (tenant_id, at);

-- === functions ===

-- The tenant that this transaction acts for; null where none was named, and null equals nothing.
CREATE FUNCTION vivavoce.tenant() RETURNS uuid LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT nullif(current_setting('vivavoce.tenant_id', true), '')::uuid
$$;

-- Who is calling through PostgREST: reads what Supabase's auth.uid() reads. Ours, so that the owner of the definers needs
-- nothing in Supabase's schema auth, and a plain Postgres needs no such schema.
CREATE FUNCTION vivavoce.uid() RETURNS uuid LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT nullif(coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''),
                           nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'), '')::uuid
$$;

-- Membership, asked outside the policy of tenant_users: a policy that asks its own table recurses.
CREATE FUNCTION vivavoce.my_tenants() RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT tenant_id FROM public.tenant_users WHERE user_id = vivavoce.uid()
$$;

CREATE FUNCTION vivavoce.my_invitations() RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
AS $$
    SELECT id FROM public.interview_invitations WHERE user_id = vivavoce.uid() AND revoked_at IS NULL
$$;

-- The one question asked before a tenant is known. It takes 32 bytes that only a holder of the token can tell.
CREATE FUNCTION vivavoce.invitation_by_token(token bytea)
RETURNS TABLE (id uuid, tenant_id uuid, candidate_id uuid, position_id uuid, expires_at timestamptz,
               is_revoked boolean, is_over boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT i.id, i.tenant_id, i.candidate_id, i.position_id, i.expires_at, i.revoked_at IS NOT NULL,
           EXISTS (SELECT 1 FROM public.interview_sessions s
                   WHERE s.tenant_id = i.tenant_id AND s.invitation_id = i.id AND s.ended_at IS NOT NULL)
    FROM public.interview_invitations i WHERE i.token_sha256 = token
$$;

CREATE FUNCTION vivavoce.no_tenant_yet() RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT NOT EXISTS (SELECT 1 FROM public.tenants)
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA vivavoce FROM PUBLIC, anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION vivavoce.tenant() TO vivavoce_server;
GRANT EXECUTE ON FUNCTION vivavoce.my_tenants(), vivavoce.my_invitations() TO authenticated;
GRANT EXECUTE ON FUNCTION vivavoce.invitation_by_token(bytea), vivavoce.no_tenant_yet() TO vivavoce_server;

-- The definers' owner reads what they look up, by column, and nothing else.
GRANT SELECT (id) ON public.tenants TO vivavoce_lookup;
GRANT SELECT (tenant_id, user_id) ON public.tenant_users TO vivavoce_lookup;
GRANT SELECT (id, tenant_id, candidate_id, position_id, token_sha256, user_id, expires_at, revoked_at)
    ON public.interview_invitations TO vivavoce_lookup;
GRANT SELECT (tenant_id, invitation_id, ended_at) ON public.interview_sessions TO vivavoce_lookup;
GRANT EXECUTE ON FUNCTION vivavoce.uid() TO vivavoce_lookup;
GRANT CREATE ON SCHEMA vivavoce TO vivavoce_lookup; -- asked of a new owner; taken back below
ALTER FUNCTION vivavoce.my_tenants() OWNER TO vivavoce_lookup;
ALTER FUNCTION vivavoce.my_invitations() OWNER TO vivavoce_lookup;
ALTER FUNCTION vivavoce.invitation_by_token(bytea) OWNER TO vivavoce_lookup;
ALTER FUNCTION vivavoce.no_tenant_yet() OWNER TO vivavoce_lookup;
REVOKE CREATE ON SCHEMA vivavoce FROM vivavoce_lookup;

-- === row-level security ===

DO $security$
DECLARE
    of_tenant text;
    any_table text;
BEGIN
    FOREACH any_table IN ARRAY ARRAY['tenants', 'tenant_users', 'positions', 'candidates', 'interview_invitations',
        'interview_sessions', 'transcript_entries', 'video_segments', 'session_events', 'idempotency_keys',
        'audit_log'] LOOP
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', any_table);
        EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', any_table);
        -- Supabase grants everything on a new table of public by default.
        EXECUTE format('REVOKE ALL ON public.%I FROM PUBLIC, anon, authenticated, service_role', any_table);
    END LOOP;
    FOREACH of_tenant IN ARRAY ARRAY['tenant_users', 'positions', 'candidates', 'interview_invitations',
        'interview_sessions', 'transcript_entries', 'video_segments', 'session_events', 'audit_log'] LOOP
        EXECUTE format('CREATE POLICY server ON public.%I TO vivavoce_server
                        USING (tenant_id = (SELECT vivavoce.tenant()))
                        WITH CHECK (tenant_id = (SELECT vivavoce.tenant()))', of_tenant);
        EXECUTE format('CREATE POLICY members ON public.%I FOR SELECT TO authenticated
                        USING (tenant_id IN (SELECT vivavoce.my_tenants()))', of_tenant);
    END LOOP;
END
$security$;
REVOKE ALL ON SEQUENCE public.session_events_number_seq FROM PUBLIC, anon, authenticated, service_role;
CREATE POLICY server ON public.tenants TO vivavoce_server
    USING (id = (SELECT vivavoce.tenant())) WITH CHECK (id = (SELECT vivavoce.tenant()));
CREATE POLICY members ON public.tenants FOR SELECT TO authenticated USING (id IN (SELECT vivavoce.my_tenants()));
CREATE POLICY server ON public.idempotency_keys TO vivavoce_server USING (true) WITH CHECK (true);

-- By name too: the migrating role is a member, to give the functions away, and where it inherits it would inherit this.
CREATE POLICY lookup ON public.tenants FOR SELECT TO vivavoce_lookup USING (current_user = 'vivavoce_lookup');
CREATE POLICY lookup ON public.tenant_users FOR SELECT TO vivavoce_lookup USING (current_user = 'vivavoce_lookup');
CREATE POLICY lookup ON public.interview_invitations FOR SELECT TO vivavoce_lookup USING (current_user = 'vivavoce_lookup');
CREATE POLICY lookup ON public.interview_sessions FOR SELECT TO vivavoce_lookup USING (current_user = 'vivavoce_lookup');

CREATE POLICY candidates_own ON public.interview_invitations FOR SELECT TO authenticated
    USING (id IN (SELECT vivavoce.my_invitations()));
CREATE POLICY candidates_own ON public.interview_sessions FOR SELECT TO authenticated
    USING (invitation_id IN (SELECT vivavoce.my_invitations()));
-- Asks interview_sessions under its own policies: of those a candidate sees their own.
CREATE POLICY candidates_own ON public.transcript_entries FOR SELECT TO authenticated
    USING (EXISTS (SELECT 1 FROM public.interview_sessions s
                   WHERE s.tenant_id = transcript_entries.tenant_id AND s.id = transcript_entries.session_id));
CREATE POLICY candidates_own ON public.video_segments FOR SELECT TO authenticated
    USING (EXISTS (SELECT 1 FROM public.interview_sessions s
                   WHERE s.tenant_id = video_segments.tenant_id AND s.id = video_segments.session_id));

-- === grants ===

GRANT SELECT, INSERT, UPDATE, DELETE ON public.tenants, public.tenant_users, public.positions, public.candidates,
    public.interview_invitations, public.interview_sessions, public.transcript_entries, public.video_segments,
    public.session_events, public.idempotency_keys TO vivavoce_server;
GRANT SELECT, INSERT ON public.audit_log TO vivavoce_server; -- what was done stays written

GRANT SELECT ON public.tenants, public.tenant_users, public.positions, public.candidates, public.interview_sessions,
    public.transcript_entries, public.video_segments, public.session_events, public.audit_log TO authenticated;
-- All but the token's hash.
GRANT SELECT (id, tenant_id, candidate_id, position_id, email, user_id, created_at, expires_at, revoked_at, redeemed_at)
    ON public.interview_invitations TO authenticated;
