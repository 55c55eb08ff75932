//! Names the libraries that espeak-ng's static archive needs and espeak-rs-sys leaves out, and watches the web app.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    watch_frontend();
    if std::env::var_os("CARGO_FEATURE_TTS_PIPER").is_none() {
        return;
    }
    println!("cargo:rustc-link-lib=sonic");
    // espeak-ng's build picks pcaudiolib up where its headers are installed.
    if Path::new("/usr/include/pcaudiolib/audio.h").exists() {
        println!("cargo:rustc-link-lib=pcaudio");
    }
}

/// A new build of the web app gets into the binary. Its folder is made where it is missing, since cargo would take a
/// missing one for changed, each time.
fn watch_frontend() {
    if std::env::var_os("CARGO_FEATURE_FRONTEND").is_none() {
        return;
    }
    if let Err(error) = std::fs::create_dir_all("frontend/dist") {
        println!("cargo:warning=frontend/dist can't be made ({error}); the binary is built without the web app");
    }
    println!("cargo:rerun-if-changed=frontend/dist");
}
