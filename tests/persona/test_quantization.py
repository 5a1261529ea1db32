"""QLoRA on a processor: 4-bit base, one training step, adapter saved and loaded again."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("bitsandbytes", reason="NF4 needs bitsandbytes")

# Weights that an inference pass has packed break a later training pass of the same process, so
# the work is done in processes of its own.
_TRAIN = """
import json, sys
import bitsandbytes, torch
from pathlib import Path
from peft import PeftModel, get_peft_model, prepare_model_for_kbit_training
from persona.base_model import LoadOptions, load_model
from persona.sft import SftSettings, lora_config

base, adapter, mode = sys.argv[1:]
torch.set_num_threads(1)
loaded = load_model(base, Path(base), LoadOptions(quantization="nf4"))
layers = [m for m in loaded.model.modules() if isinstance(m, bitsandbytes.nn.Linear4bit)]
quantised = {m.weight.quant_state.quant_type for m in layers}
ids = torch.arange(300, 324).reshape(2, 12)
losses = []
if mode != "serve":
    # Without its packed bf16 kernels the comparison is one of fp32 figures.
    for layer in layers:
        layer.support_avx512bf16_for_cpu = False
    prepare_model_for_kbit_training(loaded.model, use_gradient_checkpointing=False)
if mode == "train":
    torch.manual_seed(0)
    model = get_peft_model(loaded.model, lora_config(SftSettings(dropout=0)))
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    for _ in range(2):
        loss = model(input_ids=ids, labels=ids).loss
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(adapter)
else:
    model = PeftModel.from_pretrained(loaded.model, adapter)
model.eval()
with torch.no_grad():
    tuned = model(input_ids=ids).logits.float()
    with model.disable_adapter():
        bare = model(input_ids=ids).logits.float()
print(json.dumps({
    "quantization": loaded.quantization, "layers": len(layers), "types": sorted(quantised),
    "losses": losses, "moved": (tuned - bare).abs().max().item(), "logits": tuned.flatten().tolist(),
}))
"""

_SAVE_BASE = """
import sys
import torch
from transformers import Gemma3ForCausalLM, Gemma3TextConfig
from tests.persona.tiny_model import tiny_tokenizer

# The tiny model's widths are smaller than the 64 weights that share a 4-bit scale.
tokenizer = tiny_tokenizer()
torch.manual_seed(7)
config = Gemma3TextConfig(
    vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=1, head_dim=32, query_pre_attn_scalar=32,
    sliding_window=24, max_position_embeddings=512, initializer_range=0.2,
    pad_token_id=0, eos_token_id=1, bos_token_id=2,
)
Gemma3ForCausalLM(config).save_pretrained(sys.argv[1])
tokenizer.save_pretrained(sys.argv[1])
"""

_VOICE = """
import json, sys
from pathlib import Path
import torch
from persona.base_model import LoadOptions, load_model
from persona.card import SHIPPED_CARD, load_card
from persona.dialogues import DialogueRow
from persona.sft import SftSettings, TrainingRun, train

base, home = sys.argv[1:]
torch.set_num_threads(1)
rows = [
    DialogueRow(id=f"{split}{n}", kind="style", topic="t", history=(), user="なまえは？",
                reply="あやねですわ。", facts=(), gold=None, keys=(), twin=None, split=split)
    for split in ("train", "validation") for n in range(4)
]
settings = SftSettings(epochs=2, batch_rows=2, learning_rate=1e-2, max_row_tokens=2000)
run = TrainingRun(card=load_card(SHIPPED_CARD), rows=rows, work_folder=Path(home) / "training",
                  adapters_folder=Path(home) / "adapters", settings=settings)
loaded = load_model(base, Path(home), LoadOptions(quantization="nf4"))
print(json.dumps(train(loaded, run), ensure_ascii=False))
"""


def _run(program: str, *arguments: Path | str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    _run(_SAVE_BASE, folder)
    return folder


def test_nf4_trains_a_step_saves_and_reloads_with_the_same_logits(
    base: Path, tmp_path: Path
) -> None:
    trained = json.loads(_run(_TRAIN, base, tmp_path / "adapter", "train"))
    assert trained["quantization"] == "nf4"
    assert trained["layers"] == 2 * 7, "every projection of both layers"
    assert trained["types"] == ["nf4"]
    assert trained["losses"][1] < trained["losses"][0]
    assert trained["moved"] > 0.1
    reloaded = json.loads(_run(_TRAIN, base, tmp_path / "adapter", "load"))
    assert reloaded["types"] == ["nf4"]
    assert reloaded["logits"] == pytest.approx(trained["logits"], abs=1e-4)
    # Served in the compute dtype, through the packed kernels where the processor has them.
    served = json.loads(_run(_TRAIN, base, tmp_path / "adapter", "serve"))
    gaps = [abs(a - b) for a, b in zip(served["logits"], trained["logits"], strict=True)]
    assert max(gaps) < 0.1 * trained["moved"]


def test_the_voice_is_trained_on_a_quantised_base(base: Path, tmp_path: Path) -> None:
    """Over two epochs: the evaluation between them must leave the weights trainable."""
    manifest = json.loads(_run(_VOICE, base, tmp_path))
    assert manifest["quantization"] == "nf4"
    first, *_, last = manifest["metrics"]["validation_loss_per_epoch"]
    assert last < first
    assert (tmp_path / "adapters" / manifest["id"] / "adapter_model.safetensors").is_file()
