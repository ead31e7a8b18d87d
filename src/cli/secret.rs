//! The secret that `demo` makes for itself and keeps beside its data.

use super::Failure;
use secrecy::{ExposeSecret as _, SecretString};
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

const FILE: &str = "jwt-secret";

/// The secret of a data folder.
pub(super) fn read(dir: &Path) -> Result<SecretString, Failure> {
    let path = dir.join(FILE);
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let text = text.trim();
    if text.len() < crate::config::SECRET_BYTES_MIN {
        return Err(format!("{}: holds no secret", path.display()).into());
    }
    Ok(text.into())
}

/// The secret of a data folder, made if there is none; readable by its owner alone.
pub(super) fn read_or_make(dir: &Path) -> Result<SecretString, Failure> {
    let path = dir.join(FILE);
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(mut file) => {
            let secret = SecretString::from(crate::api::random_hex());
            file.write_all(secret.expose_secret().as_bytes())?;
            Ok(secret)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => read(dir),
        Err(error) => Err(format!("{}: {error}", path.display()).into()),
    }
}
