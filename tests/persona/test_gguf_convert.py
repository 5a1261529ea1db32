"""A tiny Gemma 3 is written as GGUF by the gguf package and comes back through the converter."""

from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import quantize
from transformers import AutoModelForCausalLM, AutoTokenizer, Gemma3ForCausalLM, Gemma3TextConfig

from persona.errors import ModelError
from persona.gguf_convert import CHAT_TEMPLATE, Gguf, parse, write_folder

_HIDDEN, _INNER, _HEAD = 32, 64, 32
_CONTROL, _NORMAL, _BYTE = 3, 1, 6
_SPECIAL = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
_BYTES = [f"<0x{value:02X}>" for value in range(256)]
_PIECES = ["\n", "▁", *"こんにちはusermodl名前", "こん", "にち", "こんにち"]
_TOKENS = list(dict.fromkeys([*_SPECIAL, *_BYTES, *_PIECES]))
_TO_GGUF = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def _model() -> Gemma3ForCausalLM:
    torch.manual_seed(3)
    config = Gemma3TextConfig(
        vocab_size=len(_TOKENS),
        hidden_size=_HIDDEN,
        intermediate_size=_INNER,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=_HEAD,
        query_pre_attn_scalar=_HEAD,
        sliding_window=16,
        max_position_embeddings=128,
        initializer_range=0.3,
        tie_word_embeddings=True,
    )
    model = Gemma3ForCausalLM(config).eval()
    for name, weight in model.named_parameters():
        if "norm" in name:
            weight.data.uniform_(-0.5, 0.5)
        weight.data = weight.data.to(torch.bfloat16).float()
    return model


def _gguf_name(name: str) -> str:
    name = name.removeprefix("model.").removesuffix(".weight")
    if not name.startswith("layers."):
        return {"embed_tokens": "token_embd", "norm": "output_norm"}[name] + ".weight"
    _, layer, part = name.split(".", 2)
    return f"blk.{layer}.{_TO_GGUF[part]}.weight"


def _write(path: Path, model: Gemma3ForCausalLM, kind: GGMLQuantizationType) -> Path:
    writer = GGUFWriter(path, "gemma3")
    writer.add_block_count(2)
    writer.add_embedding_length(_HIDDEN)
    writer.add_feed_forward_length(_INNER)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_key_length(_HEAD)
    writer.add_context_length(128)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_sliding_window(16)
    writer.add_rope_freq_base(1_000_000.0)
    writer.add_token_list(_TOKENS)
    writer.add_token_scores([-float(index) for index in range(len(_TOKENS))])
    writer.add_token_types(
        [
            _CONTROL if token in _SPECIAL else _BYTE if token in _BYTES else _NORMAL
            for token in _TOKENS
        ]
    )
    for name, weight in model.named_parameters():
        values = weight.detach().numpy()
        if "norm" in name:
            writer.add_tensor(_gguf_name(name), 1 + values)
        elif kind == GGMLQuantizationType.F32:
            writer.add_tensor(_gguf_name(name), values)
        else:
            writer.add_tensor(_gguf_name(name), quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _parsed(path: Path) -> Gguf:
    return parse(memoryview(path.read_bytes()))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gguf")
    return _write(folder / "tiny.gguf", _model(), GGMLQuantizationType.F32)


@pytest.fixture(scope="module")
def folder(source: Path) -> Path:
    target = source.parent / "converted"
    target.mkdir()
    write_folder(_parsed(source), target, lambda _stage, _share: None)
    return target


def test_the_converted_model_computes_what_the_original_did(folder: Path) -> None:
    converted = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    ids = torch.tensor([[2, 270, 271, 272, 264, 265, 300 % len(_TOKENS)] * 5])
    with torch.no_grad():
        expected, got = _model()(ids).logits, converted(ids).logits
    # Matrices survive exactly; norms are stored as 1 + w and lose the last bits of w to bf16.
    assert torch.allclose(got, expected, atol=0.05 * expected.abs().max().item())
    assert (got.argmax(-1) == expected.argmax(-1)).float().mean() > 0.9
    matrices = dict(_model().named_parameters())
    for name, weight in converted.named_parameters():
        tolerance = 4e-3 if "norm" in name else 0
        assert torch.allclose(weight, matrices[name], atol=tolerance, rtol=0), name


def test_blocks_of_a_quantised_tensor_are_decoded(tmp_path: Path) -> None:
    model = _model()
    target = tmp_path / "converted"
    target.mkdir()
    path = _write(tmp_path / "q8.gguf", model, GGMLQuantizationType.Q8_0)
    write_folder(_parsed(path), target, lambda _stage, _share: None)
    converted = AutoModelForCausalLM.from_pretrained(target, dtype=torch.float32)
    for name, weight in converted.named_parameters():
        original = dict(model.named_parameters())[name]
        # Q8_0 keeps 8 bits of the largest of 32 neighbours; bf16 then keeps 8 bits of each.
        assert (weight - original).abs().max() <= original.abs().max() * (1 / 254 + 1 / 256), name


def test_the_tokenizer_merges_by_rank_and_keeps_markers_whole(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer("<start_of_turn>user\nこんにちは<end_of_turn>", add_special_tokens=False)
    assert tokenizer.convert_ids_to_tokens(ids["input_ids"]) == [
        "<start_of_turn>", "u", "s", "e", "r", "\n", "こんにち", "は", "<end_of_turn>",
    ]  # fmt: skip
    assert tokenizer.decode(ids["input_ids"][6:8]) == "こんにちは"
    assert tokenizer.decode(tokenizer("稽古", add_special_tokens=False)["input_ids"]) == "稽古"
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (2, 1, 0)


def test_the_template_puts_the_system_turn_before_the_first_user_turn(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.chat_template == CHAT_TEMPLATE
    turns = [
        {"role": "system", "content": "名"},
        {"role": "user", "content": "前"},
        {"role": "assistant", "content": "は"},
        {"role": "user", "content": "こ"},
    ]
    shown = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert shown == (
        "<bos><start_of_turn>user\n名\n\n前<end_of_turn>\n<start_of_turn>model\nは<end_of_turn>\n"
        "<start_of_turn>user\nこ<end_of_turn>\n<start_of_turn>model\n"
    )


def test_progress_goes_from_nothing_to_everything(source: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, float]] = []
    write_folder(_parsed(source), tmp_path, lambda stage, share: seen.append((stage, share)))
    assert seen[0] == ("tokenizer", 0.0)
    assert seen[-1] == ("weights", 1.0)
    shares = [share for stage, share in seen if stage == "weights"]
    assert shares == sorted(shares)


def test_what_is_no_gguf_file_is_refused(source: Path) -> None:
    with pytest.raises(ModelError, match="expected a GGUF file"):
        parse(memoryview(b"PK\x03\x04 something else"))
    raw = source.read_bytes()
    for length in (12, 200, 3000):
        with pytest.raises(ModelError, match=rf"of {length} bytes is cut off or damaged"):
            parse(memoryview(raw[:length]))


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.gguf"
    writer = GGUFWriter(path, "llama")
    writer.add_token_list(_TOKENS)
    writer.add_token_scores([0.0] * len(_TOKENS))
    writer.add_token_types([_NORMAL] * len(_TOKENS))
    writer.add_tensor("blk.0.attn_q.weight", np.zeros((32, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ModelError, match="use a Gemma-3 GGUF file"):
        write_folder(_parsed(path), tmp_path, lambda _stage, _share: None)
