//! Names the libraries that espeak-ng's static archive needs and espeak-rs-sys leaves out.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_TTS_PIPER").is_none() {
        return;
    }
    println!("cargo:rustc-link-lib=sonic");
    // espeak-ng's build picks pcaudiolib up where its headers are installed.
    if Path::new("/usr/include/pcaudiolib/audio.h").exists() {
        println!("cargo:rustc-link-lib=pcaudio");
    }
}
