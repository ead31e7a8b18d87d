//! What Postgres itself refuses, whatever a statement of ours might forget: asked in raw SQL, by another tenant, by
//! Supabase's roles, by a server role without a tenant, by the tables' owner.
//!
//! Is: row-level security, grants and roles, on a plain server and on Supabase's layout. Isn't: the trait's contract
//! (`src/store/conformance/`), nor outages (`tests/journal_crash.rs`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/postgres.rs"]
mod postgres;
#[path = "support/tenants.rs"]
mod tenants;

use postgres::Server;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use std::sync::Arc;
use tenants::{NOW, OF_TENANT, World, code, count, entry, run};
use uuid::Uuid;
use vivavoce::ids::{InvitationId, JobId, ProcessId, SessionId};
use vivavoce::store::sample::{CANDIDATE, OTHER_TENANT, POSITION, RECRUITER, TENANT};
use vivavoce::store::{Entry, Error, NewInvitation, Process, Speaker};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_tenant_has_a_row_in_every_table() {
    // Without this, "sees nothing" below would prove nothing.
    let world = World::new().await;
    let mut own = world.as_server(&TENANT.to_string()).await;
    for table in OF_TENANT {
        assert!(count(&mut own, table).await.unwrap() > 0, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenant_sees_and_writes_nothing_in_raw_sql() {
    let world = World::new().await;
    for table in OF_TENANT {
        let mut other = world.as_server(&OTHER_TENANT.to_string()).await;
        let column = if table == "tenants" { "id" } else { "tenant_id" };
        let theirs: i64 = sqlx::query(AssertSqlSafe(format!(
            "SELECT count(*) FROM {table} WHERE {column} = '{TENANT}'"
        )))
        .fetch_one(&mut other)
        .await
        .unwrap()
        .get(0);
        assert_eq!(theirs, 0, "{table}");
        if table != "audit_log" {
            let touched = run(&mut other, &format!("UPDATE {table} SET {column} = {column}"))
                .await
                .unwrap();
            let own = count(&mut other, table).await.unwrap();
            assert_eq!(touched, u64::try_from(own).unwrap(), "{table}: its own rows alone");
            // To move an own row to the other tenant is to write there.
            if own > 0 {
                let moved = run(&mut other, &format!("UPDATE {table} SET {column} = '{TENANT}'")).await;
                assert_eq!(code(&moved.unwrap_err()), "42501", "{table}");
            }
        }
    }
    let mut other = world.as_server(&OTHER_TENANT.to_string()).await;
    let insert = format!(
        "INSERT INTO session_events (id, session_id, tenant_id, at, leg, what, cause)
         VALUES (gen_random_uuid(), '{}', '{TENANT}', now(), 'ai', 'up', 'x')",
        world.session
    );
    assert_eq!(code(&run(&mut other, &insert).await.unwrap_err()), "42501");
    // Under its own name, hung on the other's session: the reference names the tenant, so there is no such session.
    let mut other = world.as_server(&OTHER_TENANT.to_string()).await;
    let insert = insert.replace(&TENANT.to_string(), &OTHER_TENANT.to_string());
    assert_eq!(code(&run(&mut other, &insert).await.unwrap_err()), "23503");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_tenant_the_server_role_sees_nothing() {
    let world = World::new().await;
    for tenant in ["", "018f0000-0000-7000-8000-0000000000ff"] {
        let mut nobody = world.as_server(tenant).await;
        for table in OF_TENANT {
            assert_eq!(count(&mut nobody, table).await.unwrap(), 0, "{table}");
        }
        let insert = format!("INSERT INTO tenants VALUES ('{}', 'new', now())", Uuid::now_v7());
        assert_eq!(code(&run(&mut nobody, &insert).await.unwrap_err()), "42501");
    }
    // Nor was a tenant ever named on this connection.
    let mut never = world.acting("SET LOCAL ROLE vivavoce_server").await;
    for table in OF_TENANT {
        assert_eq!(count(&mut never, table).await.unwrap(), 0, "{table}");
    }
    // What it may ask before a tenant is known: the one invitation whose token's hash it has.
    let found = sqlx::query("SELECT id FROM vivavoce.invitation_by_token($1)")
        .bind(vec![7_u8; 32])
        .fetch_all(&mut never)
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].get::<Uuid, _>(0), world.invitation.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_its_tenants_alone_and_the_worker_is_told_ids_alone() {
    let world = World::new().await;
    let now = std::time::Duration::ZERO;
    world
        .store
        .job_put(TENANT, JobId::new(), "mail", b"sealed", now)
        .await
        .unwrap();
    for (tenant, jobs) in [
        (TENANT.to_string(), 1),
        (OTHER_TENANT.to_string(), 0),
        (String::new(), 0),
    ] {
        let mut server = world.as_server(&tenant).await;
        assert_eq!(count(&mut server, "jobs").await.unwrap(), jobs, "{tenant}");
    }
    let mut other = world.as_server(&OTHER_TENANT.to_string()).await;
    assert_eq!(run(&mut other, "UPDATE jobs SET attempts = 9").await.unwrap(), 0);
    let mut nobody = world.as_server("").await;
    let rows = sqlx::query("SELECT * FROM vivavoce.jobs_due(now(), 10)")
        .fetch_all(&mut nobody)
        .await
        .unwrap();
    assert!(rows.len() == 1 && rows[0].len() == 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_its_tenants_alone_and_the_sweep_tells_ids_alone() {
    let world = World::new().await;
    let process = Process {
        id: ProcessId::new(),
        node: Uuid::now_v7(),
        url: "https://relay.example.com".into(),
    };
    world.store.process_begin(&process, NOW).await.unwrap();
    let never = std::time::Duration::from_secs(3600);
    world
        .store
        .lease_take(TENANT, world.session, process.id, never)
        .await
        .unwrap();
    for (tenant, leases) in [
        (TENANT.to_string(), 1),
        (OTHER_TENANT.to_string(), 0),
        (String::new(), 0),
    ] {
        let mut server = world.as_server(&tenant).await;
        assert_eq!(count(&mut server, "session_leases").await.unwrap(), leases, "{tenant}");
    }
    let mut other = world.as_server(&OTHER_TENANT.to_string()).await;
    let taken = run(&mut other, "UPDATE session_leases SET fence = fence + 1")
        .await
        .unwrap();
    assert_eq!(taken, 0);
    let mut nobody = world.as_server("").await;
    let columns = sqlx::query("SELECT * FROM vivavoce.sessions_adrift(now(), now() + interval '1 year', 10)")
        .fetch_all(&mut nobody)
        .await
        .unwrap();
    assert!(columns.iter().all(|row| row.len() == 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_role_owns_nothing_and_cannot_log_in_or_unsay_an_audit_row() {
    let world = World::new().await;
    let database = world.url.rsplit('/').next().unwrap();
    let ask = |sql: &str| world.server.sql(database, sql).trim().to_owned();
    assert_eq!(
        ask("SELECT count(*) FROM pg_class WHERE relowner = 'vivavoce_server'::regrole"),
        "0"
    );
    assert_eq!(
        ask(
            "SELECT rolcanlogin, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = 'vivavoce_server'"
        ),
        "f|f|f|f"
    );
    assert_eq!(
        ask(
            "SELECT rolcanlogin, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = 'vivavoce_lookup'"
        ),
        "f|f|f|f"
    );
    let unforced = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE n.nspname = 'public' AND c.relkind = 'r' AND NOT (c.relrowsecurity AND c.relforcerowsecurity)";
    assert_eq!(
        ask(unforced),
        "0",
        "a table of public without forced row-level security"
    );
    let unpinned = "SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                    WHERE n.nspname = 'vivavoce' AND p.prosecdef
                      AND NOT coalesce('search_path=\"\"' = ANY (p.proconfig), false)";
    assert_eq!(
        ask(unpinned),
        "0",
        "a SECURITY DEFINER function without a pinned search_path"
    );
    for statement in [
        "DELETE FROM audit_log",
        "UPDATE audit_log SET who = 'nobody'",
        "TRUNCATE audit_log",
    ] {
        let mut server = world.as_server(&TENANT.to_string()).await;
        assert_eq!(
            code(&run(&mut server, statement).await.unwrap_err()),
            "42501",
            "{statement}"
        );
    }
    let mut owner = world.acting("SELECT 1").await;
    for table in OF_TENANT {
        assert_eq!(
            count(&mut owner, table).await.unwrap(),
            0,
            "{table}: forced on the owner too"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_reads_their_tenant_through_postgrest_and_writes_nothing() {
    let world = World::new().await;
    for table in OF_TENANT {
        let mut member = world.as_user(RECRUITER).await;
        let column = if table == "tenants" { "id" } else { "tenant_id" };
        let rows = sqlx::query(AssertSqlSafe(format!("SELECT {column} FROM {table}")))
            .fetch_all(&mut member)
            .await;
        let rows = rows.unwrap_or_else(|error| panic!("{table}: {error}"));
        assert!(!rows.is_empty(), "{table}");
        assert!(rows.iter().all(|row| row.get::<Uuid, _>(0) == TENANT.0), "{table}");
        for statement in [
            format!("DELETE FROM {table}"),
            format!("UPDATE {table} SET {column} = {column}"),
            format!("INSERT INTO {table} DEFAULT VALUES"),
            format!("TRUNCATE {table}"),
        ] {
            let mut member = world.as_user(RECRUITER).await;
            assert_eq!(
                code(&run(&mut member, &statement).await.unwrap_err()),
                "42501",
                "{statement}"
            );
        }
    }
    let mut member = world.as_user(RECRUITER).await;
    let hash = run(&mut member, "SELECT token_sha256 FROM interview_invitations").await;
    assert_eq!(code(&hash.unwrap_err()), "42501");
    for forbidden in [
        "SELECT * FROM idempotency_keys",
        "SELECT * FROM vivavoce.migrations",
        "SELECT * FROM processes",
        "SELECT * FROM session_leases",
        "SELECT * FROM jobs",
        "SELECT * FROM accounts",
        "SELECT * FROM sign_in_links",
        "SELECT * FROM refresh_tokens",
        "SELECT * FROM vivavoce.memberships(vivavoce.uid())",
        "SELECT * FROM vivavoce.jobs_due(now(), 1)",
        "SELECT * FROM vivavoce.sessions_adrift(now(), now(), 1)",
        "SELECT * FROM vivavoce.invitation_by_token('\\x00')",
        "SELECT vivavoce.no_tenant_yet()",
        "SET LOCAL ROLE vivavoce_server",
    ] {
        // As the login role of PostgREST is: no superuser, a member of `authenticated` alone.
        let mut member = world.as_user(RECRUITER).await;
        if forbidden.starts_with("SET LOCAL ROLE") {
            run(&mut member, "SET LOCAL SESSION AUTHORIZATION authenticated")
                .await
                .ok();
        }
        assert_eq!(
            code(&run(&mut member, forbidden).await.unwrap_err()),
            "42501",
            "{forbidden}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_and_anon_read_nothing() {
    let world = World::new().await;
    let mut stranger = world.as_user(Uuid::now_v7()).await;
    for table in OF_TENANT {
        assert_eq!(count(&mut stranger, table).await.unwrap(), 0, "{table}");
    }
    for role in ["anon", "service_role"] {
        for table in OF_TENANT {
            let mut connection = PgConnection::connect(&world.server.as_superuser(&world.url))
                .await
                .unwrap();
            run(&mut connection, "BEGIN").await.unwrap();
            run(&mut connection, &format!("SET LOCAL ROLE {role}")).await.unwrap();
            assert_eq!(
                code(&count(&mut connection, table).await.unwrap_err()),
                "42501",
                "{role} {table}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_reads_their_own_interview_alone() {
    let world = World::new().await;
    let account = Uuid::now_v7();
    let second = NewInvitation {
        id: InvitationId::new(),
        candidate: CANDIDATE,
        position: POSITION,
        email: None,
        token_sha256: [8; 32],
        created_at: NOW,
        expires_at: NOW + time::Duration::hours(48),
    };
    let second = world.store.invitation_create(TENANT, &second).await.unwrap().id;
    let hidden = world.store.session_open(TENANT, second, NOW).await.unwrap().session.id;
    world
        .store
        .transcript_put(TENANT, &[entry(hidden, "another's words")])
        .await
        .unwrap();
    let mut server = world.as_server(&TENANT.to_string()).await;
    let bind = format!(
        "UPDATE interview_invitations SET user_id = '{account}' WHERE id = '{}'",
        world.invitation
    );
    run(&mut server, &bind).await.unwrap();
    run(&mut server, "COMMIT").await.unwrap();

    let mut candidate = world.as_user(account).await;
    let expected = [
        ("interview_invitations", 1),
        ("interview_sessions", 1),
        ("transcript_entries", 1),
        ("video_segments", 1),
        ("tenants", 0),
        ("tenant_users", 0),
        ("positions", 0),
        ("candidates", 0),
        ("session_events", 0),
        ("audit_log", 0),
    ];
    for (table, rows) in expected {
        assert_eq!(count(&mut candidate, table).await.unwrap(), rows, "{table}");
    }
    let session = sqlx::query("SELECT session_id FROM transcript_entries")
        .fetch_one(&mut candidate)
        .await
        .unwrap();
    assert_eq!(session.get::<Uuid, _>(0), world.session.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn migrates_on_supabases_layout_and_takes_back_its_default_grants() {
    let server = Server::shared();
    let url = server.database();
    let database = url.rsplit('/').next().unwrap();
    // What a Supabase project has before us: its roles, schema auth of another owner, and grants on whatever is new.
    server.sql(
        database,
        "DO $$ BEGIN CREATE ROLE anon; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
         DO $$ BEGIN CREATE ROLE authenticated; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
         DO $$ BEGIN CREATE ROLE service_role BYPASSRLS; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
         DO $$ BEGIN CREATE ROLE supabase_auth_admin; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
         CREATE SCHEMA auth AUTHORIZATION supabase_auth_admin;
         CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS 'SELECT NULL::uuid';
         ALTER DEFAULT PRIVILEGES FOR ROLE app IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;
         ALTER DEFAULT PRIVILEGES FOR ROLE app IN SCHEMA public GRANT ALL ON SEQUENCES TO anon, authenticated, service_role;
         ALTER DEFAULT PRIVILEGES FOR ROLE app IN SCHEMA public GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role;",
    );
    let world = World::on(Arc::clone(&server), url.clone()).await;
    let left = "SELECT count(*) FROM information_schema.role_table_grants
                WHERE table_schema IN ('public', 'vivavoce') AND grantee IN ('anon', 'service_role', 'PUBLIC')
                   OR table_schema IN ('public', 'vivavoce') AND grantee = 'authenticated' AND privilege_type <> 'SELECT'";
    assert_eq!(server.sql(database, left).trim(), "0");
    let sequences = "SELECT count(*) FROM pg_class c WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace
                     AND (has_sequence_privilege('anon', c.oid, 'USAGE, SELECT, UPDATE')
                          OR has_sequence_privilege('authenticated', c.oid, 'USAGE, SELECT, UPDATE'))";
    assert_eq!(server.sql(database, sequences).trim(), "0");
    let mut member = world.as_user(RECRUITER).await;
    assert_eq!(count(&mut member, "transcript_entries").await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_tells_nothing_of_what_was_stored() {
    let world = World::new().await;
    let secret = "a word that was spoken";
    // A check that fails quotes the whole row in Postgres' own detail.
    let bad = Entry {
        speaker: Speaker::Ai,
        ..entry(SessionId::new(), secret)
    };
    let missing = world.store.transcript_put(TENANT, &[bad]).await.unwrap_err();
    let database = world.url.rsplit('/').next().unwrap();
    world.server.sql(
        database,
        "ALTER TABLE transcript_entries ADD CONSTRAINT short CHECK (length(text) < 5) NOT VALID",
    );
    let refused = world
        .store
        .transcript_put(TENANT, &[entry(world.session, secret)])
        .await
        .unwrap_err();
    assert!(
        matches!(refused, Error::Refused(_)) && refused.is_in_the_data(),
        "{refused:?}"
    );
    assert!(
        refused.to_string().contains("short"),
        "an operator is told which rule: {refused}"
    );
    for error in [missing, refused] {
        let mut told = format!("{error} {error:?}");
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            told = format!("{told} {inner} {inner:?}");
            source = inner.source();
        }
        assert!(!told.contains("spoken"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_told_in_time_and_passes() {
    let server = Arc::new(Server::start());
    let world = World::on(Arc::clone(&server), server.database()).await;
    server.kill();
    let started = vivavoce::clock::monotonic();
    let away = world.store.ping().await.unwrap_err();
    assert!(matches!(away, Error::Away(_)), "{away:?}");
    assert!(started.elapsed().as_secs() < 10, "told within the deadline of a call");
    server.restart();
    world.store.ping().await.unwrap();
    assert_eq!(
        world
            .store
            .transcript(TENANT, world.session, false)
            .await
            .unwrap()
            .len(),
        1
    );
}
