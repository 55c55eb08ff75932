"""Tiny Stable Diffusion models with random weights, and what diffusers makes of them: the fixtures of the local painter.

Not part of the gate. To make them anew, from the root of the repository:

    python3 -m venv reference
    reference/bin/pip install torch==2.15.0 diffusers==0.42.1 transformers==5.24.0 safetensors
    reference/bin/python scripts/reference/image.py

Each folder of tests/fixtures/image is a model in diffusers layout, its weights as f16, and `reference.safetensors`: token
ids, what the text encoder makes of them, the first latent, the noise of each step, the last latent and the picture, and the last
latent by Euler's plain steps. The reference computes in f32 with the rounded weights.
"""

import json
from pathlib import Path

import diffusers.schedulers.scheduling_euler_ancestral_discrete as ancestral
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

FIXTURES = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "image"
PROMPT = "A calm  Sea at dusk, it's 7 o'clock! Caf\u00e9 \U0001f30a"
NEGATIVE = "grey sky"
BEGIN, END = "<|startoftext|>", "<|endoftext|>"
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}

VARIANTS = {
    "sd1": {
        "scheduler": DDIMScheduler(
            **BETAS, clip_sample=False, set_alpha_to_one=False, steps_offset=1, prediction_type="epsilon"
        ),
        "heads": 4,
        "linear": False,
        "act": "quick_gelu",
        "pad": END,
        "steps": 4,
        "guidance": 7.5,
    },
    "sd2": {
        "scheduler": DDIMScheduler(
            **BETAS, clip_sample=False, set_alpha_to_one=False, steps_offset=1, prediction_type="v_prediction"
        ),
        "heads": [2, 4],
        "linear": True,
        "act": "gelu",
        "pad": "!",
        "steps": 3,
        "guidance": 5.0,
    },
    "turbo": {
        "scheduler": EulerAncestralDiscreteScheduler(**BETAS, timestep_spacing="trailing", prediction_type="epsilon"),
        "heads": [2, 4],
        "linear": True,
        "act": "gelu",
        "pad": "!",
        "steps": 2,
        "guidance": 0.0,
        # As its maker names the files.
        "files": "fp16",
    },
}


def byte_letters():
    """GPT-2's letter for each byte."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = {byte: chr(byte) for byte in plain}
    for byte in range(256):
        letters.setdefault(byte, chr(256 + len(letters) - len(plain)))
    return [letters[byte] for byte in [*plain, *(byte for byte in range(256) if byte not in plain)]]


def write_tokenizer(folder, pad):
    folder.mkdir(parents=True)
    letters = byte_letters()
    merges = ["c a", "ca l", "cal m</w>", "s e", "se a</w>", "a t</w>", "d u", "du s", "dus k</w>", "s k", "sk y</w>"]
    tokens = [*letters, *(letter + "</w>" for letter in letters), *(merge.replace(" ", "") for merge in merges)]
    vocabulary = {token: index for index, token in enumerate([*tokens, BEGIN, END])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    config = {
        "bos_token": BEGIN,
        "eos_token": END,
        "unk_token": END,
        "pad_token": pad,
        "do_lower_case": True,
        "model_max_length": 77,
        "tokenizer_class": "CLIPTokenizer",
        "added_tokens_decoder": {
            str(vocabulary[token]): {
                "content": token, "special": True, "normalized": False,
                "lstrip": False, "rstrip": False, "single_word": False,
            }
            for token in {BEGIN, END, pad}
        },
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2))
    return vocabulary


def rounded(module):
    """Norms and biases that do something, and every weight as f16 can hold it."""
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
            parameter.copy_(parameter.half().float())
    return module.eval()


def make(name, variant):
    torch.manual_seed(7)
    folder = FIXTURES / name
    vocabulary = write_tokenizer(folder / "tokenizer", variant["pad"])
    text_encoder = CLIPTextModel(CLIPTextConfig(
        vocab_size=len(vocabulary), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=77, hidden_act=variant["act"], projection_dim=32,
        bos_token_id=vocabulary[BEGIN], eos_token_id=vocabulary[END], pad_token_id=vocabulary[variant["pad"]],
    ))
    unet = UNet2DConditionModel(
        sample_size=16, block_out_channels=(32, 32), layers_per_block=1, cross_attention_dim=32, norm_num_groups=32,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        attention_head_dim=variant["heads"], use_linear_projection=variant["linear"],
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, sample_size=32, latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    )
    pipe = StableDiffusionPipeline(
        text_encoder=rounded(text_encoder), unet=rounded(unet), vae=rounded(vae), scheduler=variant["scheduler"],
        tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)

    noises = []
    draw = ancestral.randn_tensor
    ancestral.randn_tensor = lambda *given, **named: noises.append(draw(*given, **named)) or noises[-1]
    first = torch.randn(1, 4, 12, 20)
    with torch.no_grad():
        ids = pipe.tokenizer(PROMPT, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
        embedding = text_encoder(ids).last_hidden_state
        asked = {
            "prompt": PROMPT, "negative_prompt": NEGATIVE, "num_inference_steps": variant["steps"],
            "guidance_scale": variant["guidance"], "height": 24, "width": 40,
        }
        last = pipe(**asked, latents=first, output_type="latent").images
        picture = vae.decode(last / vae.config.scaling_factor).sample
        walked = {key: pipe.scheduler.config[key] for key in ("prediction_type", "timestep_spacing", "steps_offset")}
        pipe.scheduler = EulerDiscreteScheduler(**BETAS, **walked)
        euler = pipe(**asked, latents=first, output_type="latent").images
    ancestral.randn_tensor = draw

    pipe.scheduler = variant["scheduler"]
    pipe.to(torch.float16)
    for part in ("text_encoder", "unet", "vae"):
        getattr(pipe, part).save_pretrained(folder / part, variant=variant.get("files"))
    pipe.scheduler.save_pretrained(folder / "scheduler")
    if name != "sd2":
        # As published models have them; transformers 5 leaves the prefix out.
        [path] = (folder / "text_encoder").glob("*.safetensors")
        save_file({f"text_model.{key}": value for key, value in load_file(path).items()}, path, {"format": "pt"})
    index = {"_class_name": "StableDiffusionPipeline"}
    for part in ("text_encoder", "tokenizer", "unet", "vae", "scheduler"):
        library = "transformers" if part in ("text_encoder", "tokenizer") else "diffusers"
        index[part] = [library, type(getattr(pipe, part)).__name__]
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    tensors = {"ids": ids.int(), "embedding": embedding, "first": first, "last": last, "picture": picture, "euler": euler}
    tensors |= {f"noise.{step}": noise for step, noise in enumerate(noises)}
    asked = {key: str(value) for key, value in asked.items()}
    save_file({key: value.contiguous() for key, value in tensors.items()}, folder / "reference.safetensors", asked)
    print(name, ids[0, :40].tolist(), "picture", picture.min().item(), picture.max().item(), "last", last.std().item())


for name, variant in VARIANTS.items():
    make(name, variant)
