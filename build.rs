//! Links libsonic, which espeak-ng's static library needs and espeak-rs-sys does not name.

fn main() {
    if std::env::var_os("CARGO_FEATURE_TTS_PIPER").is_some() {
        println!("cargo:rustc-link-lib=sonic");
    }
}
