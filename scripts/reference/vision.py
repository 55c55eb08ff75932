"""Makes a tiny vision model with random weights, and what the reference implementation computes with it.

    python3 -m venv target/reference && target/reference/bin/pip install torch transformers gguf pillow
    target/reference/bin/python scripts/reference/vision.py tests/fixtures/vision

An Idefics3 (SmolVLM's architecture) of two layers on each side: model.gguf, projector.gguf, picture.png, and
reference.json with the embeddings of the picture and the logits behind a prompt, by transformers in f32. The tests
compare; this script is no part of them.
"""

import json
import sys
from pathlib import Path

import gguf
import numpy as np
import torch
from PIL import Image
from transformers import Idefics3Config, Idefics3ForConditionalGeneration

HIDDEN, HEADS, FEED_FORWARD, LAYERS = 64, 4, 96, 2
IMAGE, PATCH, SCALE = 64, 16, 2
EPS = 1e-5

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<end_of_utterance>", "<fake_token_around_image>",
           "<image>", "<global-img>", "<row_1_col_1>"]
TEMPLATE = ("<|im_start|>{% for message in messages %}{{ message.role }}: {{ message.content }}<end_of_utterance>\n"
            "{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}")


def byte_letters():
    """GPT-2's letters for the 256 bytes."""
    kept = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    letters, more = {byte: chr(byte) for byte in kept}, 0
    for byte in range(256):
        if byte not in letters:
            letters[byte] = chr(256 + more)
            more += 1
    return letters


LETTERS = byte_letters()
NEWLINE = LETTERS[ord("\n")]
VOCABULARY = [*SPECIAL, *(LETTERS[byte] for byte in range(256)), NEWLINE + NEWLINE]
ID = {token: index for index, token in enumerate(VOCABULARY)}


def make_model():
    torch.manual_seed(7)
    config = Idefics3Config(
        image_token_id=ID["<image>"], scale_factor=SCALE, tie_word_embeddings=False, pad_token_id=0,
        vision_config={
            "hidden_size": HIDDEN, "num_attention_heads": HEADS, "intermediate_size": FEED_FORWARD,
            "num_hidden_layers": LAYERS, "image_size": IMAGE, "patch_size": PATCH, "layer_norm_eps": EPS,
        },
        text_config={
            "model_type": "llama", "hidden_size": HIDDEN, "num_attention_heads": HEADS, "num_key_value_heads": 2,
            "intermediate_size": FEED_FORWARD, "num_hidden_layers": LAYERS, "vocab_size": len(VOCABULARY),
            "rms_norm_eps": EPS, "rope_theta": 10000.0, "max_position_embeddings": 8192,
            "tie_word_embeddings": False, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 3,
        },
    )
    model = Idefics3ForConditionalGeneration(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            scale = 0.1 if parameter.dim() > 1 else 0.05
            # So that the picture's rows are about as large as those of the words.
            scale = 0.04 if "modality_projection" in name else scale
            base = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            parameter.copy_(base + scale * torch.randn_like(parameter))
    return model


def make_picture(path):
    rows, columns = np.mgrid[0:IMAGE, 0:IMAGE]
    pixels = np.stack([rows * 4, columns * 4, (rows + columns) * 2], axis=-1).astype(np.uint8)
    pixels[16:40, 20:50] = [250, 240, 20]
    Image.fromarray(pixels).save(path)
    return pixels


def permuted(weight, heads):
    """llama.cpp's order of a head's rows, which it rotates in pairs."""
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(weight.shape)


def write_model(path, state):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("a tiny vision model")
    writer.add_context_length(8192)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(EPS)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(VOCABULARY))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(VOCABULARY)
    control, plain = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    writer.add_token_types([control if token in SPECIAL else plain for token in VOCABULARY])
    writer.add_token_merges([f"{NEWLINE} {NEWLINE}"])
    writer.add_bos_token_id(ID["<|im_start|>"])
    writer.add_eos_token_id(ID["<end_of_utterance>"])
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    text = "model.text_model."
    names = {"embed_tokens.weight": "token_embd.weight", "norm.weight": "output_norm.weight"}
    parts = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
             "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
             "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
    for layer in range(LAYERS):
        names |= {f"layers.{layer}.{a}.weight": f"blk.{layer}.{b}.weight" for a, b in parts.items()}
    for name, target in names.items():
        weight = state[text + name]
        if "attn_q" in target:
            weight = permuted(weight, HEADS)
        if "attn_k" in target:
            weight = permuted(weight, 2)
        writer.add_tensor(target, np.ascontiguousarray(weight))
    writer.add_tensor("output.weight", state["lm_head.weight"])
    finish(writer)


def write_projector(path, state):
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_name("a tiny projector")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "idefics3")
    writer.add_bool("clip.use_gelu", True)
    for key, value in {"embedding_length": HIDDEN, "feed_forward_length": FEED_FORWARD, "block_count": LAYERS,
                       "projection_dim": HIDDEN, "attention.head_count": HEADS, "image_size": IMAGE,
                       "preproc_image_size": IMAGE, "patch_size": PATCH, "projector.scale_factor": SCALE}.items():
        writer.add_uint32(f"clip.vision.{key}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", EPS)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    vision = "model.vision_model."
    names = {vision + "embeddings.patch_embedding.weight": "v.patch_embd.weight",
             vision + "embeddings.patch_embedding.bias": "v.patch_embd.bias",
             vision + "embeddings.position_embedding.weight": "v.position_embd.weight",
             vision + "post_layernorm.weight": "v.post_ln.weight", vision + "post_layernorm.bias": "v.post_ln.bias",
             "model.connector.modality_projection.proj.weight": "mm.model.fc.weight"}
    parts = {"layer_norm1": "ln1", "layer_norm2": "ln2", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
             "self_attn.v_proj": "attn_v", "self_attn.out_proj": "attn_out", "mlp.fc1": "ffn_up",
             "mlp.fc2": "ffn_down"}
    for layer in range(LAYERS):
        for part, target in parts.items():
            for kind in ("weight", "bias"):
                names[f"{vision}encoder.layers.{layer}.{part}.{kind}"] = f"v.blk.{layer}.{target}.{kind}"
    for name, target in names.items():
        writer.add_tensor(target, np.ascontiguousarray(state[name]))
    finish(writer)


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def tokens(text):
    return [ID[LETTERS[byte]] for byte in text.encode()]


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    model = make_model()
    state = {name: value.detach().float().numpy() for name, value in model.state_dict().items()}
    write_model(folder / "model.gguf", state)
    write_projector(folder / "projector.gguf", state)
    pixels = make_picture(folder / "picture.png")
    values = torch.from_numpy(pixels).float().permute(2, 0, 1) / 255.0
    values = (values - 0.5) / 0.5
    # As llama.cpp lays a picture out that needs no parting: the one tile, then the whole.
    rows = (IMAGE // PATCH // SCALE) ** 2
    picture = [ID["<fake_token_around_image>"], ID["<row_1_col_1>"], *[ID["<image>"]] * rows,
               ID[NEWLINE + NEWLINE], ID["<fake_token_around_image>"], ID["<global-img>"], *[ID["<image>"]] * rows,
               ID["<fake_token_around_image>"]]
    question = "What is it?"
    prompt = [ID["<|im_start|>"], *tokens("User: "), *picture, *tokens(question), ID["<end_of_utterance>"],
              *tokens("\nAssistant:")]
    with torch.no_grad():
        both = torch.stack([values, values]).unsqueeze(0)
        embeddings = model.model.get_image_features(both)
        embeddings = getattr(embeddings, "pooler_output", embeddings)
        logits = model(input_ids=torch.tensor([prompt]), pixel_values=both).logits[0, -1]
    reference = {
        "question": question, "prompt_tokens": len(prompt),
        "embeddings": embeddings[0].flatten().tolist(), "logits": logits.tolist(),
    }
    (folder / "reference.json").write_text(json.dumps(reference) + "\n")


main(Path(sys.argv[1]))
