//! The database away, the disk full: the interview does not notice, and what was said is stored when there is room again.
