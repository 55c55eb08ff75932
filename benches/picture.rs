//! A picture of 512 x 512 at SD-Turbo's real size: seconds a step, seconds for the rest, and the memory it takes. The
//! weights are random, made on the spot and kept as f16 in a temporary folder (2.6 GB): what they are doesn't change the time.
//!
//! `cargo bench --bench picture`; `-- --runs 3` for more runs.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use candle_core::{DType, Device, Result, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use candle_transformers::models::stable_diffusion::{clip, unet_2d, vae};
use rose::config::{LocalImageConfig, ModelReference, ModelsConfig};
use rose::providers::image::{CandleImageGenerator, ImageGenerator, ImageRequest, Progress, Wishes};
use rose::weights::{Capability, ModelStore};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const STEPS: u32 = 4;

/// Gives a model whatever tensor it asks for, and keeps it as f16.
#[derive(Clone, Default)]
struct Random(Arc<Mutex<HashMap<String, Tensor>>>);

impl SimpleBackend for Random {
    fn get(&self, shape: Shape, name: &str, _: Init, _: DType, device: &Device) -> Result<Tensor> {
        // As a trained layer is: what comes out is about as large as what goes in.
        let spread = (1.0 / (shape.elem_count() / shape.dims()[0]).max(1) as f32).sqrt();
        let tensor = match shape.dims() {
            [count] if name.ends_with("weight") => Tensor::ones(*count, DType::F16, device)?,
            [count] => Tensor::zeros(*count, DType::F16, device)?,
            _ => Tensor::randn(0f32, spread, shape.clone(), device)?.to_dtype(DType::F16)?,
        };
        self.0.lock().expect("nobody panics with it").insert(name.to_owned(), tensor);
        // The model that asks is thrown away.
        Tensor::zeros(1, DType::F16, device)?.broadcast_as(shape)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        Err(candle_core::Error::CannotFindTensor { path: name.to_owned() })
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

fn write(path: &Path, model: impl FnOnce(VarBuilder<'static>) -> Result<()>) {
    let weights = Random::default();
    model(VarBuilder::from_backend(Box::new(weights.clone()), DType::F16, Device::Cpu)).expect("the model's shapes");
    let tensors = weights.0.lock().expect("nobody panics with it");
    candle_core::safetensors::save(&tensors, path).expect("room for the weights");
}

/// A folder as the hub has stabilityai/sd-turbo, its words those of the tiny model of the tests.
fn make(folder: &Path) {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/image/turbo");
    for part in ["tokenizer", "scheduler", "text_encoder", "unet", "vae"] {
        std::fs::create_dir_all(folder.join(part)).expect("a folder");
    }
    for file in ["model_index.json", "tokenizer/vocab.json", "tokenizer/merges.txt", "tokenizer/tokenizer_config.json"]
    {
        std::fs::copy(fixture.join(file), folder.join(file)).expect("the fixture");
    }
    let config = |file: &str, real: Value| {
        let text = std::fs::read(fixture.join(file)).expect("the fixture");
        let mut config: Value = serde_json::from_slice(&text).expect("the fixture's JSON");
        for (key, value) in real.as_object().expect("an object") {
            config[key] = value.clone();
        }
        std::fs::write(folder.join(file), config.to_string()).expect("room for a config");
    };
    config("scheduler/scheduler_config.json", json!({"_class_name": "EulerDiscreteScheduler"}));
    config(
        "text_encoder/config.json",
        json!({"vocab_size": 49408, "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 23,
               "num_attention_heads": 16}),
    );
    let channels = [320, 640, 1280, 1280];
    let heads = [5, 10, 20, 20];
    let with = |kind: &str, plain: &str| [kind, kind, kind, plain].map(str::to_owned).to_vec();
    let up: Vec<String> = with("CrossAttnUpBlock2D", "UpBlock2D").into_iter().rev().collect();
    config(
        "unet/config.json",
        json!({"sample_size": 64, "block_out_channels": channels, "layers_per_block": 2, "cross_attention_dim": 1024,
               "attention_head_dim": heads, "down_block_types": with("CrossAttnDownBlock2D", "DownBlock2D"),
               "up_block_types": up}),
    );
    config(
        "vae/config.json",
        json!({"block_out_channels": [128, 256, 512, 512], "layers_per_block": 2, "norm_num_groups": 32,
               "down_block_types": vec!["DownEncoderBlock2D"; 4], "up_block_types": vec!["UpDecoderBlock2D"; 4]}),
    );
    write(&folder.join("text_encoder/model.safetensors"), |weights| {
        clip::ClipTextTransformer::new(weights, &clip::Config::v2_1()).map(drop)
    });
    write(&folder.join("unet/diffusion_pytorch_model.safetensors"), |weights| {
        let block = |i: usize| unet_2d::BlockConfig {
            out_channels: channels[i],
            use_cross_attn: (i < 3).then_some(1),
            attention_head_dim: heads[i],
        };
        let config = unet_2d::UNet2DConditionModelConfig {
            blocks: (0..4).map(block).collect(),
            cross_attention_dim: 1024,
            use_linear_projection: true,
            ..Default::default()
        };
        unet_2d::UNet2DConditionModel::new(weights, 4, 4, false, config).map(drop)
    });
    write(&folder.join("vae/diffusion_pytorch_model.safetensors"), |weights| {
        let config = vae::AutoEncoderKLConfig {
            block_out_channels: vec![128, 256, 512, 512],
            layers_per_block: 2,
            ..Default::default()
        };
        vae::AutoEncoderKL::new(weights, 3, 3, config).map(drop)
    });
}

/// The most memory that this process had at once since the last call, in GB; see proc(5), `clear_refs`.
fn peak() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    std::fs::write("/proc/self/clear_refs", "5").ok()?;
    Some(kilobytes * 1024.0 / 1e9)
}

fn main() {
    // `cargo test` runs a bench as well, which is not what this one is for.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let mut arguments = std::env::args().skip_while(|argument| argument != "--runs").skip(1);
    let runs: usize = arguments.next().map_or(1, |runs| runs.parse().expect("a number of runs"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    make(folder.path());
    peak();
    let store = ModelStore::open(&ModelsConfig { dir: folder.path().join("none"), set: "small".into() });
    let reference = ModelReference::Path(folder.path().into());
    let model = store.and_then(|store| store.installed(Capability::Image, &reference)).expect("the folder is whole");
    let config = LocalImageConfig { model: reference, steps: Some(STEPS), guidance: Some(0.0), queue_length: 1 };
    let begin = Instant::now();
    let painter = CandleImageGenerator::load(model, &config).expect("the model loads");
    println!("loaded in {:.1} s, at most {:.2} GB", begin.elapsed().as_secs_f64(), peak().unwrap_or(f64::NAN));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for run in 1..=runs {
        let times = Arc::new(Mutex::new(vec![Instant::now()]));
        let progress = Progress::to({
            let times = Arc::clone(&times);
            move |_| times.lock().expect("nobody panics with it").push(Instant::now())
        });
        let request = ImageRequest {
            prompt: "a calm sea at dusk".into(),
            width: 512,
            height: 512,
            wishes: Wishes { seed: Some(7), ..Wishes::default() },
            progress,
            cancel: CancellationToken::new(),
        };
        runtime.block_on(painter.generate(request)).expect("a picture");
        let end = Instant::now();
        let times = times.lock().expect("nobody panics with it");
        let seconds: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
        let decoding = (end - times[times.len() - 1]).as_secs_f64();
        println!(
            "run {run}: words and first step {:.1} s, each further step {:.1} s, decoding {decoding:.1} s, whole {:.1} s, \
             at most {:.2} GB",
            seconds[0],
            seconds[1..].iter().sum::<f64>() / (seconds.len() - 1) as f64,
            (end - times[0]).as_secs_f64(),
            peak().unwrap_or(f64::NAN),
        );
    }
}
