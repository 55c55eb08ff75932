//! CTranslate2 to ggml: the published file comes out, and damaged input is told from good.

use rose::config::ModelReference;
use rose::weights::{Capability, ConversionError, ModelStore, ctranslate2_to_ggml};

use super::ctranslate2::{self, F16, F32, I8, Model};

fn convert(model: &[u8], vocabulary: &str) -> Result<Vec<u8>, ConversionError> {
    let mut ggml = Vec::new();
    ctranslate2_to_ggml(model, vocabulary, &mut ggml)?;
    Ok(ggml)
}

/// The store's file is the one that whisper.cpp publishes, by its sha256. What it would have come from must become it
/// again, byte for byte.
#[test]
fn the_published_file_comes_out() {
    let config = crate::support::settings::tiny();
    let store = ModelStore::open(&config.models).unwrap();
    let name = ModelReference::Named("whisper-tiny.en".into());
    let installed = store.installed(Capability::SpeechToText, &name).expect("`rose models pull tiny` has been run");
    let published = std::fs::read(installed.file("weights").unwrap()).unwrap();
    let (model, vocabulary) = ctranslate2::from_ggml(&published);
    let converted = convert(&model.bytes(), &vocabulary).unwrap();
    assert_eq!(converted.len(), 77_704_715);
    assert!(converted == published, "the same size, but other bytes");
}

#[test]
fn weights_of_f32_are_narrowed() {
    let vocabulary = ctranslate2::vocabulary();
    let from_f16 = convert(&Model::small(F16).bytes(), &vocabulary).unwrap();
    let from_f32 = convert(&Model::small(F32).bytes(), &vocabulary).unwrap();
    assert!(from_f16 == from_f32);
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let model = Model::small(F16);
    let bytes = model.bytes();
    let vocabulary = ctranslate2::vocabulary();
    let big = model.variables["decoder/embeddings/weight"].data.len();
    // Every cut, but within the one big array only some.
    let cuts =
        (0..bytes.len()).filter(|cut| bytes.len() < big || cut % 997 == 0 || *cut < 1000 || bytes.len() - cut < 20_000);
    for cut in cuts {
        let error = convert(&bytes[..cut], &vocabulary).expect_err("a cut file");
        assert!(matches!(error, ConversionError::Truncated { .. }), "cut at {cut}: {error}");
    }
}

#[test]
fn every_damaged_byte_is_borne() {
    let mut bytes = Model::small(F16).bytes();
    let vocabulary = ctranslate2::vocabulary();
    for offset in (0..400).chain((bytes.len() - 12_000)..bytes.len()).step_by(3) {
        for damage in [0xFF, 0x80, 0x01] {
            bytes[offset] ^= damage;
            // It may still be a model, with other numbers in it; it may not panic or grow without bound.
            if let Ok(ggml) = convert(&bytes, &vocabulary) {
                assert!(ggml.len() < 10 * bytes.len());
            }
            bytes[offset] ^= damage;
        }
    }
}

#[test]
fn lengths_that_lie_allocate_nothing() {
    let vocabulary = ctranslate2::vocabulary();
    let mut model = Model::small(F16);
    let heads = model.variables.get_mut("encoder/num_heads").unwrap();
    heads.shape = vec![u32::MAX; 8];
    assert!(matches!(convert(&model.bytes(), &vocabulary), Err(ConversionError::Malformed { .. })));

    let mut many_variables = Model::small(F16).bytes();
    let count = 4 + 2 + "WhisperSpec".len() + 1 + 4;
    many_variables[count..count + 4].fill(0xFF);
    assert!(convert(&many_variables, &vocabulary).is_err());

    let mut many_axes = Model::small(F16);
    many_axes.variables.get_mut("encoder/num_heads").unwrap().shape = vec![1; 200];
    assert!(matches!(convert(&many_axes.bytes(), &vocabulary), Err(ConversionError::Malformed { .. })));
}

#[test]
fn what_follows_the_end_is_refused() {
    let mut bytes = Model::small(F16).bytes();
    bytes.push(0);
    let error = convert(&bytes, &ctranslate2::vocabulary()).expect_err("a longer file");
    assert!(matches!(error, ConversionError::Malformed { what: "the end", .. }), "{error}");
}

#[test]
fn each_missing_variable_is_named() {
    let whole = Model::small(F16);
    let vocabulary = ctranslate2::vocabulary();
    for name in whole.variables.keys() {
        let mut model = whole.clone();
        model.variables.remove(name);
        model.aliases.clear();
        let result = convert(&model.bytes(), &vocabulary);
        assert!(matches!(&result, Err(ConversionError::Missing { name: missing }) if missing == name), "{name}");
    }
}

#[test]
fn each_wrong_shape_is_named() {
    let whole = Model::small(F16);
    let vocabulary = ctranslate2::vocabulary();
    for name in whole.variables.keys().filter(|name| name.contains("layer_0")) {
        let mut model = whole.clone();
        let variable = model.variables.get_mut(name).unwrap();
        variable.shape[0] += 1;
        variable.data = vec![0; variable.shape.iter().product::<u32>() as usize * 2];
        let error = convert(&model.bytes(), &vocabulary).expect_err("a wrong shape");
        assert!(error.to_string().contains(name.as_str()), "{error}");
    }
}

#[test]
fn quantised_weights_are_refused() {
    let mut model = Model::small(F16);
    let variable = model.variables.get_mut("encoder/conv1/weight").unwrap();
    variable.element = I8;
    variable.data.truncate(variable.data.len() / 2);
    let error = convert(&model.bytes(), &ctranslate2::vocabulary()).expect_err("quantised weights");
    assert!(error.to_string().contains("only f16 and f32"), "{error}");
}

#[test]
fn an_alias_of_nothing_is_refused() {
    let mut model = Model::small(F16);
    model.aliases.push(("a".into(), "b".into()));
    let result = convert(&model.bytes(), &ctranslate2::vocabulary());
    assert!(matches!(result, Err(ConversionError::Missing { name }) if name == "b"));
}

#[test]
fn another_kind_of_model_is_refused() {
    let mut bytes = Model::small(F16).bytes();
    bytes[6] = b'w';
    let error = convert(&bytes, &ctranslate2::vocabulary()).expect_err("another specification");
    assert!(error.to_string().contains("only WhisperSpec"), "{error}");
    bytes[0] = 5;
    let error = convert(&bytes, &ctranslate2::vocabulary()).expect_err("another version");
    assert!(error.to_string().contains("only version 6"), "{error}");
}

#[test]
fn a_short_vocabulary_is_refused() {
    let result = convert(&Model::small(F16).bytes(), &"a\n".repeat(50_256));
    assert!(matches!(result, Err(ConversionError::Vocabulary { line: 50_256, .. })));
}
