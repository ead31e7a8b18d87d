//! SQLite's migrations, in order. Numbered like Postgres'; a test in `store/mod.rs` compares the two and the folders.

/// Number, name, text.
pub(in crate::store) const ALL: &[(i64, &str, &str)] = &[
    (1, "first", include_str!("../../../migrations/sqlite/0001_first.sql")),
    (
        2,
        "processes",
        include_str!("../../../migrations/sqlite/0002_processes.sql"),
    ),
    (3, "jobs", include_str!("../../../migrations/sqlite/0003_jobs.sql")),
    (
        4,
        "sign_in",
        include_str!("../../../migrations/sqlite/0004_sign_in.sql"),
    ),
];
