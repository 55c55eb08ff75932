//! What is installed, what is not what it should be, and files of the user's own.

use std::fs;

use rose::config::ModelReference;
use rose::weights::{Capability, ModelState, ModelStore, WeightsError};

use super::{Lines, Place, content, from_file, model, no_hub, open};

/// A store into which the model `a` has been pulled from a file, and that file's content.
fn with_model() -> (Place, Vec<u8>) {
    let content = content(100_000);
    let place = Place::new("");
    let source = place.file("source", &content);
    let manifest = model("a", &content, &[from_file(&source)]);
    fs::write(place.dir().join("manifest.toml"), manifest).unwrap();
    let pulled = place.store().pull(&["a".into()], &no_hub(), &Lines::default().progress()).unwrap();
    assert!(pulled[0].outcome.is_ok(), "{pulled:?}");
    (place, content)
}

fn named(name: &str) -> ModelReference {
    ModelReference::Named(name.into())
}

#[test]
fn a_pulled_model_is_installed() {
    let (place, content) = with_model();
    let installed = place.store().installed(Capability::Llm, &named("a")).unwrap();
    assert_eq!(installed.name, "a");
    assert_eq!(fs::read(installed.file("weights").unwrap()).unwrap(), content);
    assert_eq!(installed.file("config"), None);
}

#[test]
fn an_altered_file_is_named_with_both_sums() {
    let (place, mut content) = with_model();
    let path = place.dir().join("a/a.gguf");
    let expected = super::sum_of(&content);
    content[50_000] ^= 1;
    fs::write(&path, &content).unwrap();
    let actual = super::sum_of(&content);
    let error = place.store().installed(Capability::Llm, &named("a")).expect_err("an altered file");
    let text = error.to_string();
    for part in [path.display().to_string(), expected.sha256.to_string(), actual.sha256.to_string()] {
        assert!(text.contains(&part), "{text}");
    }
    assert!(matches!(error, WeightsError::Altered { .. }));
    assert!(text.contains("rose models pull a"), "{text}");
}

#[test]
fn a_truncated_file_is_named_with_both_sizes() {
    let (place, content) = with_model();
    fs::write(place.dir().join("a/a.gguf"), &content[..99_999]).unwrap();
    let text = place.store().installed(Capability::Llm, &named("a")).expect_err("a truncated file").to_string();
    assert!(text.contains("100000 bytes") && text.contains("99999 bytes"), "{text}");
}

#[test]
fn what_was_altered_is_pulled_anew() {
    let (place, content) = with_model();
    fs::write(place.dir().join("a/a.gguf"), "other").unwrap();
    let lines = Lines::default();
    let pulled = place.store().pull(&["a".into()], &no_hub(), &lines.progress()).unwrap();
    assert!(pulled[0].outcome.is_ok(), "{pulled:?}");
    assert!(lines.text().contains("has been altered"), "{}", lines.text());
    assert_eq!(fs::read(place.dir().join("a/a.gguf")).unwrap(), content);
}

/// The receipt is what keeps the start short: a file of the same size and time is believed, until asked to verify.
#[test]
fn an_untouched_file_is_not_hashed_again() {
    let (place, mut content) = with_model();
    let path = place.dir().join("a/a.gguf");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    content[7] ^= 1;
    fs::write(&path, &content).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    let store = place.store();
    store.installed(Capability::Llm, &named("a")).unwrap();
    assert!(matches!(store.verify("a"), Err(WeightsError::Altered { .. })));
}

#[test]
fn a_receipt_that_is_gone_or_damaged_vouches_for_nothing() {
    let (place, content) = with_model();
    let receipt = place.dir().join("a/.receipt.json");
    let store = place.store();
    for damage in ["", "{", "[]", "{\"files\":{\"a.gguf\":{}}}"] {
        fs::write(&receipt, damage).unwrap();
        store.installed(Capability::Llm, &named("a")).unwrap();
        assert!(fs::read_to_string(&receipt).unwrap().contains("sha256"), "it is written anew");
    }
    fs::remove_file(&receipt).unwrap();
    fs::write(place.dir().join("a/a.gguf"), &content[1..]).unwrap();
    assert!(matches!(store.installed(Capability::Llm, &named("a")), Err(WeightsError::Altered { .. })));
}

#[test]
fn a_receipt_holds_only_for_the_sums_of_the_manifest() {
    let (place, old) = with_model();
    let manifest = model("a", &content(90_000), &[from_file(&place.file("new", &content(90_000)))]);
    fs::write(place.dir().join("manifest.toml"), manifest).unwrap();
    assert!(matches!(place.store().installed(Capability::Llm, &named("a")), Err(WeightsError::Altered { .. })));
    assert_eq!(fs::read(place.dir().join("a/a.gguf")).unwrap(), old, "looking changes nothing");
}

#[test]
fn what_is_missing_says_how_to_get_it() {
    let place = Place::new("");
    let error = place.store().installed(Capability::Llm, &ModelReference::FromSet).expect_err("an empty store");
    assert!(error.to_string().contains("rose models pull smollm2-135m-instruct"), "{error}");
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let place = Place::new("");
    let store = place.store();
    for error in [
        store.installed(Capability::Llm, &named("nonesuch")).expect_err("an unknown name"),
        store.pull(&["nonesuch".into()], &no_hub(), &Lines::default().progress()).expect_err("an unknown name"),
        store.verify("nonesuch").expect_err("an unknown name"),
        store.remove("nonesuch", &Lines::default().progress()).expect_err("an unknown name"),
    ] {
        let text = error.to_string();
        for known in ["nonesuch", "tiny", "laptop", "whisper-tiny.en"] {
            assert!(text.contains(known), "{text}");
        }
    }
    let config = rose::config::ModelsConfig { dir: place.dir(), set: "nonesuch".into() };
    assert!(matches!(ModelStore::open(&config), Err(WeightsError::Unknown { .. })));
}

#[test]
fn a_model_serves_only_its_own_capability() {
    let (place, _) = with_model();
    let error = place.store().installed(Capability::Embeddings, &named("a")).expect_err("another capability");
    assert!(matches!(error, WeightsError::WrongCapability { .. }), "{error}");
}

#[test]
fn a_set_need_not_name_every_capability() {
    let (place, _) = with_model();
    let manifest = fs::read_to_string(place.dir().join("manifest.toml")).unwrap();
    fs::write(place.dir().join("manifest.toml"), manifest + "[sets.mine]\nabout = \"\"\nmodels.llm = \"a\"\n").unwrap();
    let config = rose::config::ModelsConfig { dir: place.dir(), set: "mine".into() };
    let store = ModelStore::open(&config).unwrap();
    assert_eq!(store.installed(Capability::Llm, &ModelReference::FromSet).unwrap().name, "a");
    let error = store.installed(Capability::Embeddings, &ModelReference::FromSet).expect_err("none is named");
    assert!(matches!(error, WeightsError::NotInSet { .. }), "{error}");
}

#[test]
fn an_invalid_manifest_of_the_users_is_named() {
    let place = Place::new("[[model]]\nname = 1\n");
    let error = open(&place.dir()).expect_err("an invalid manifest");
    assert!(error.to_string().contains("manifest.toml"), "{error}");
}

#[test]
fn removed_is_gone() {
    let (place, _) = with_model();
    let store = place.store();
    let progress = Lines::default().progress();
    assert!(store.remove("a", &progress).unwrap());
    assert!(!store.remove("a", &progress).unwrap());
    assert_eq!(store.state(store.model("a").unwrap()).unwrap(), ModelState::Missing);
}

#[test]
fn files_of_the_users_own_are_found_by_role() {
    let place = Place::new("");
    let store = place.store();
    let own = |capability, path: &std::path::Path| store.installed(capability, &ModelReference::Path(path.to_owned()));

    let gguf = place.file("my.gguf", b"GGUF and more");
    assert_eq!(own(Capability::Llm, &gguf).unwrap().file("weights"), Some(gguf.as_path()));
    let whisper = place.file("ggml-my.bin", b"lmgg and more");
    assert_eq!(own(Capability::SpeechToText, &whisper).unwrap().name, "ggml-my.bin");

    let voice = place.file("voice.onnx", b"\x08");
    assert!(own(Capability::TextToSpeech, &voice).expect_err("no settings").to_string().contains("voice.onnx.json"));
    let settings = place.file("voice.onnx.json", b"{}");
    assert_eq!(own(Capability::TextToSpeech, &voice).unwrap().file("config"), Some(settings.as_path()));

    let folder = place.folder.path().to_owned();
    let weights = place.file("model.safetensors", b"");
    place.file("config.json", b"{}");
    assert!(own(Capability::Embeddings, &folder).expect_err("no tokenizer").to_string().contains("tokenizer.json"));
    let tokenizer = place.file("tokenizer.json", b"{}");
    for path in [&folder, &weights] {
        let installed = own(Capability::Embeddings, path).unwrap();
        assert_eq!(installed.file("weights"), Some(weights.as_path()));
        assert_eq!(installed.file("tokenizer"), Some(tokenizer.as_path()));
    }
    assert_eq!(own(Capability::OnnxRuntime, &weights).unwrap().file("library"), Some(weights.as_path()));
}

#[test]
fn files_of_another_kind_are_refused() {
    let place = Place::new("");
    let store = place.store();
    let text = place.file("letter.gguf", b"Dear Rose");
    let empty = place.file("empty.gguf", b"");
    let missing = place.folder.path().join("missing.gguf");
    for path in [text, empty, missing, place.folder.path().to_owned()] {
        for capability in [Capability::Llm, Capability::SpeechToText] {
            let error = store.installed(capability, &ModelReference::Path(path.clone())).expect_err("not a model");
            assert!(matches!(error, WeightsError::OwnFile { .. }), "{error}");
            assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        }
    }
}

/// What `rose models pull tiny` brought.
#[test]
fn every_model_of_the_tiny_set_is_what_it_should_be() {
    let config = crate::support::settings::tiny();
    let store = ModelStore::open(&config.models).unwrap();
    let names: Vec<&str> = store.manifest().sets["tiny"].names().collect();
    assert_eq!(names.len(), 7);
    for name in names {
        store.verify(name).unwrap();
    }
    for capability in Capability::NEEDED {
        store.installed(capability, &ModelReference::FromSet).unwrap();
    }
}
