//! Where things are kept.

use super::Error;
use super::vars::{Vars, refuse};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::path::Path;

/// The database.
#[derive(Clone, Debug)]
pub struct Database {
    /// `DATABASE_URL`: `sqlite:PATH` or `postgres://…`. Secret, since it may hold a password.
    pub url: SecretString,
}

impl Database {
    /// These variables alone: for a command that needs no others.
    pub fn from_vars(vars: &BTreeMap<String, String>) -> Result<Self, Error> {
        let vars = Vars::new(vars);
        let data_dir = super::http::data_dir(&vars);
        Self::read(&vars, &data_dir)
    }

    pub(super) fn read(vars: &Vars<'_>, data_dir: &Path) -> Result<Self, Error> {
        const NAME: &str = "DATABASE_URL";
        let url = match vars.text(NAME) {
            Some(url) => url.to_owned(),
            None => format!("sqlite:{}", data_dir.join("vivavoce.db").display()),
        };
        let known = ["sqlite:", "postgres:", "postgresql:"]
            .iter()
            .any(|scheme| url.starts_with(scheme));
        if !known {
            return Err(refuse(NAME, "should begin with sqlite: or postgres:"));
        }
        Ok(Self { url: url.into() })
    }
}
