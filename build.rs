//! Watches the web app: a new build of it gets into the binary. Its folder is made where it is missing, since cargo would
//! take a missing one for changed, each time.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_FRONTEND").is_none() {
        return;
    }
    if let Err(error) = std::fs::create_dir_all("frontend/dist") {
        println!("cargo:warning=frontend/dist can't be made ({error}); the binary is built without the web app");
    }
    println!("cargo:rerun-if-changed=frontend/dist");
}
