//! The Vivavoce server: everything that knows HTTP, the database or a vendor.
//!
//! `main.rs` is the command line on top of this library; tests start the server through [`app`].

pub mod api;
pub mod app;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod ids;
pub mod jobs;
pub mod letters;
pub mod metrics;
pub mod realtime;
pub mod session;
pub mod store;
pub mod summary;
pub mod vendors;
