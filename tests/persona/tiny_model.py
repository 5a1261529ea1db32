"""A Gemma 3 of a few thousand weights with a tokenizer of a few hundred pieces, made on the spot."""

import json
from hashlib import sha256
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, PreTrainedTokenizerFast

from persona.base_model import LoadedModel

BASE_SHA256 = "b" * 64
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
_SPECIAL = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>", "\n"]
_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<start_of_turn>{{ m.role }}\n{{ m.content }}"
    "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>assistant\n{% endif %}"
)


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """One piece per kana, a few kanji, ASCII letters, one Cyrillic and one Hangul letter, bytes."""
    characters = [chr(c) for c in (*range(0x3041, 0x3097), *range(0x30A1, 0x30FD))]
    characters += list("、。！？「」ー目印私名前日本好食物何夜稽古") + [
        chr(c) for c in range(33, 127)
    ]
    pieces = [*_SPECIAL, *(f"<0x{b:02X}>" for b in range(256)), "▁", *characters, "Я", "한", "こん"]
    vocab = {piece: n for n, piece in enumerate(dict.fromkeys(pieces))}
    backend = Tokenizer(
        models.BPE(vocab=vocab, merges=[("こ", "ん")], unk_token="<unk>", byte_fallback=True)
    )
    backend.normalizer = normalizers.Replace(" ", "▁")
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    backend.add_special_tokens(["<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>"
    )
    tokenizer.chat_template = _TEMPLATE
    return tokenizer


def tiny_model(rows: int) -> Gemma3ForCausalLM:
    """fp32, two sliding layers (window 24) and one full layer, weights drawn with a fixed seed."""
    torch.manual_seed(7)
    config = Gemma3TextConfig(
        vocab_size=rows,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=1,
        head_dim=16,
        query_pre_attn_scalar=16,
        sliding_window=24,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        max_position_embeddings=512,
        initializer_range=0.35,
        tie_word_embeddings=False,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=2,
    )
    return Gemma3ForCausalLM(config).float().eval()


def tiny_loaded() -> LoadedModel:
    """The two together, as `load_model` would return them."""
    tokenizer = tiny_tokenizer()
    return LoadedModel(
        model=tiny_model(len(tokenizer)),
        tokenizer=tokenizer,
        sha256=BASE_SHA256,
        folder="tiny",
        dtype=torch.float32,
        quantization="none",
    )


def write_adapter(folder: Path, seed: int, *, rank: int = 4, base: str = BASE_SHA256) -> Path:
    """Write a random but strong LoRA adapter with PEFT itself, and its manifest."""
    model = tiny_model(len(tiny_tokenizer()))
    config = LoraConfig(r=rank, lora_alpha=8, target_modules=TARGETS, task_type="CAUSAL_LM")
    wrapped = get_peft_model(model, config)
    torch.manual_seed(seed)
    for name, parameter in wrapped.named_parameters():
        if "lora_" in name:
            parameter.data.normal_(0, 0.3)
    wrapped.save_pretrained(folder)
    write_manifest(folder, base=base)
    return folder


def write_manifest(folder: Path, *, base: str = BASE_SHA256) -> None:
    """Write a manifest that fits the weights now in the folder."""
    digest = sha256((folder / "adapter_model.safetensors").read_bytes()).hexdigest()
    manifest = {"id": folder.name, "sha256": digest, "base_sha256": base}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def write_weights(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Replace the weights and make the manifest fit them."""
    save_file(tensors, str(folder / "adapter_model.safetensors"))
    write_manifest(folder)
