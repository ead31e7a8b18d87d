//! Thin clients of outside services, one file each.
