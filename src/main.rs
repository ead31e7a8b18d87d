//! The command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    vivavoce::cli::run()
}
