//! The tap against traces of the service, one decision a line, and against whole conversations in any order.
#![expect(clippy::needless_pass_by_value, reason = "traces read better as values")]

mod conversation;
mod events;
mod facts;
mod rig;
mod succession;
mod traces;
mod world;
