//! What an interview came to, for whoever decides: what the model is asked (`brief`), and what of its answer stands (`judged`).
//!
//! Is: pure. Isn't: the asking (`vendors/`), nor when (`jobs/`). **Law:** every claim of a summary stands on entries of the transcript that
//! exist; one that cites none is removed and counted, by code. The transcript is data: what is said in it asks nothing of the model.
//! Nothing is said of voice, accent, mood or looks.

mod brief;
mod judged;

pub use brief::{label, request};
pub use judged::{Claim, Finding, Item, Summary, Unreadable, judge};
