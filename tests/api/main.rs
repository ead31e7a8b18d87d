//! The HTTP contract, asked from outside: a server on SQLite (and Postgres where a database decides), a client, answers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod auth;
mod bad_input;
mod hiring;
mod idempotency;
mod invitations;
mod mail;
mod media;
mod openapi;
mod operation;
#[path = "../support/postgres.rs"]
mod postgres;
mod sessions;
mod sign_in;
mod support;
mod transcript;
