//! The vendors, one thin client each: what they are asked, in their words. No decision is made here.

pub mod mail;
