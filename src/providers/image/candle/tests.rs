//! Tiny models with random weights against diffusers: `scripts/reference/image.py` makes both.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};

use super::engine::{Asked, Engine, Opened};
use super::layout::{Files, Unfit};
use super::noise;
use crate::config::ModelReference;
use crate::providers::ProviderError;
use crate::weights::{Capability, InstalledModel, ModelStore};

const TOLERANCE: f32 = 1e-3;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/image").join(name)
}

fn model(folder: &Path) -> Result<InstalledModel, crate::weights::WeightsError> {
    let config = crate::config::ModelsConfig { dir: folder.join("none"), set: "small".into() };
    ModelStore::open(&config)?.installed(Capability::Image, &ModelReference::Path(folder.to_owned()))
}

fn open(folder: &Path) -> Result<Engine, Unfit> {
    Opened::open(Files(&model(folder).unwrap()))?.load()
}

struct Reference {
    tensors: HashMap<String, Tensor>,
    asked: Asked,
}

impl Reference {
    fn read(name: &str) -> Self {
        let bytes = std::fs::read(fixture(name).join("reference.safetensors")).unwrap();
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        let told = header.metadata().as_ref().unwrap();
        let number = |key: &str| told[key].parse().unwrap();
        let asked = Asked {
            prompt: told["prompt"].clone(),
            negative: told["negative_prompt"].clone(),
            width: number("width"),
            height: number("height"),
            steps: number("num_inference_steps"),
            guidance: told["guidance_scale"].parse().unwrap(),
        };
        Self { tensors: candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).unwrap(), asked }
    }

    fn numbers(&self, name: &str) -> Vec<f32> {
        self.tensors[name].to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    /// The reference's own noise, in its order.
    fn draw(&self) -> impl FnMut(usize) -> Vec<f32> {
        let steps = (0..).map(|step| format!("noise.{step}")).take_while(|name| self.tensors.contains_key(name));
        let names: Vec<String> = std::iter::once("first".to_owned()).chain(steps).collect();
        let mut drawn = names.into_iter().map(|name| self.numbers(&name)).collect::<Vec<_>>().into_iter();
        move |count| drawn.next().filter(|drawn| drawn.len() == count).expect("the reference drew as much")
    }
}

fn apart(made: &Tensor, expected: &[f32]) -> f32 {
    let made: Vec<f32> = made.flatten_all().unwrap().to_vec1().unwrap();
    assert_eq!(made.len(), expected.len());
    made.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn agrees(name: &str) {
    let (engine, reference) = (open(&fixture(name)).unwrap(), Reference::read(name));
    let asked = &reference.asked;
    let ids: Vec<f32> = engine.ids(&asked.prompt).unwrap().into_iter().map(|id| id as f32).collect();
    assert_eq!(ids, reference.numbers("ids"));
    let embedding = apart(&engine.embed(&asked.prompt).unwrap(), &reference.numbers("embedding"));
    let mut told = Vec::new();
    let mut step = |done| {
        told.push(done);
        Ok(())
    };
    let latent = engine.latent(asked, &mut reference.draw(), &mut step).unwrap();
    assert_eq!(told, (0..=asked.steps).collect::<Vec<_>>());
    let last = apart(&latent, &reference.numbers("last"));
    let picture = apart(&engine.decode(&latent).unwrap(), &reference.numbers("picture"));
    let all = [embedding, last, picture];
    assert!(all.iter().all(|apart| *apart < TOLERANCE), "{name}: embedding, latent, picture are apart by {all:?}");
}

#[test]
fn stable_diffusion_1_agrees_with_the_reference() {
    agrees("sd1");
}

#[test]
fn stable_diffusion_2_agrees_with_the_reference() {
    agrees("sd2");
}

#[test]
fn turbo_agrees_with_the_reference() {
    agrees("turbo");
}

/// A copy of a fixture, so that a file of it can be another.
fn altered(name: &str, file: &str, alter: impl FnOnce(&str) -> String) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for part in ["", "tokenizer", "text_encoder", "unet", "vae", "scheduler"] {
        std::fs::create_dir_all(folder.path().join(part)).unwrap();
        for entry in std::fs::read_dir(fixture(name).join(part)).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_file() {
                std::fs::copy(&entry, folder.path().join(part).join(entry.file_name().unwrap())).unwrap();
            }
        }
    }
    let path = folder.path().join(file);
    std::fs::write(&path, alter(&std::fs::read_to_string(&path).unwrap())).unwrap();
    folder
}

#[test]
fn plain_steps_of_euler_agree_too() {
    for name in ["sd1", "sd2", "turbo"] {
        let file = "scheduler/scheduler_config.json";
        let folder = altered(name, file, |text| {
            let mut config: serde_json::Value = serde_json::from_str(text).unwrap();
            config["_class_name"] = "EulerDiscreteScheduler".into();
            config.to_string()
        });
        let (engine, reference) = (open(folder.path()).unwrap(), Reference::read(name));
        let latent = engine.latent(&reference.asked, &mut reference.draw(), &mut |_| Ok(())).unwrap();
        let apart = apart(&latent, &reference.numbers("euler"));
        assert!(apart < TOLERANCE, "{name}: {apart}");
    }
}

#[test]
fn what_is_something_else_is_named() {
    let change = |file: &str, key: &'static str, value: serde_json::Value| {
        let folder = altered("turbo", file, |text| {
            let mut config: serde_json::Value = serde_json::from_str(text).unwrap();
            config[key] = value;
            config.to_string()
        });
        open(folder.path()).err().unwrap().to_string()
    };
    for (file, key, value, named) in [
        ("model_index.json", "_class_name", "StableDiffusionXLPipeline".into(), "StableDiffusionXLPipeline"),
        ("unet/config.json", "addition_embed_type", "text_time".into(), "addition_embed_type"),
        ("unet/config.json", "norm_num_groups", 8.into(), "norm_num_groups"),
        ("unet/config.json", "attention_head_dim", 0.into(), "attention_head_dim"),
        ("unet/config.json", "cross_attention_dim", 64.into(), "text encoder"),
        ("unet/config.json", "layers_per_block", 2.into(), "resnets.1"),
        ("text_encoder/config.json", "num_attention_heads", 5.into(), "num_attention_heads"),
        ("vae/config.json", "latent_channels", 16.into(), "VAE has 16"),
        ("vae/config.json", "_class_name", "AutoencoderTiny".into(), "AutoencoderTiny"),
    ] {
        let sentence = change(file, key, value);
        assert!(sentence.contains(named) && !sentence.contains('\n'), "{sentence}");
    }
}

#[test]
fn a_file_that_is_missing_is_named() {
    let folder = altered("sd1", "model_index.json", str::to_owned);
    std::fs::remove_file(folder.path().join("vae/diffusion_pytorch_model.safetensors")).unwrap();
    let sentence = model(folder.path()).unwrap_err().to_string();
    assert!(sentence.contains("vae/diffusion_pytorch_model.safetensors"), "{sentence}");
}

#[test]
fn a_cancelled_picture_stops_at_the_next_step() {
    let (engine, reference) = (open(&fixture("sd1")).unwrap(), Reference::read("sd1"));
    let mut told = Vec::new();
    let mut step = |done| {
        told.push(done);
        if done == 2 { Err(ProviderError::Cancelled) } else { Ok(()) }
    };
    let outcome = engine.paint(&reference.asked, &mut reference.draw(), &mut step);
    assert!(matches!(outcome, Err(ProviderError::Cancelled)));
    assert_eq!(told, [0, 1, 2]);
}

#[test]
fn a_seed_is_one_picture() {
    let (engine, asked) = (open(&fixture("turbo")).unwrap(), Reference::read("turbo").asked);
    let paint = |seed| engine.paint(&asked, &mut noise::seeded(seed), &mut |_| Ok(())).unwrap();
    let first = paint(7);
    assert_eq!((first.width, first.height, first.bytes.len()), (40, 24, 40 * 24 * 3));
    assert!(first.bytes == paint(7).bytes && first.bytes != paint(8).bytes);
}
