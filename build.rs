//! Makes sure that the folder of the built pages exists, so that `cargo check` works without node.
//!
//! The pages themselves are built by the Makefile, before the binary.

fn main() {
    let root = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let dist = std::path::Path::new(&root).join("web/app/dist");
    if let Err(error) = std::fs::create_dir_all(&dist) {
        println!("cargo::warning=the folder of the pages cannot be made: {error}");
    }
    println!("cargo::rerun-if-changed=web/app/dist");
    println!("cargo::rerun-if-changed=build.rs");
}
