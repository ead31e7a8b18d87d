//! One interview's life.

pub mod machine;
