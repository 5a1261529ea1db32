import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from persona.errors import AdapterError
from persona.lora_bank import LoraBank
from tests.persona.tiny_model import BASE_SHA256, tiny_loaded, write_adapter, write_weights


@pytest.fixture(scope="module")
def good_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_adapter(tmp_path_factory.mktemp("adapters") / "good", seed=1)


def _edit(name: str, **changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(content | changes))

    return change


def _flip_byte(folder: Path) -> None:
    path = folder / "adapter_model.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)


def _add_pickle(folder: Path) -> None:
    (folder / "optimizer.PT").write_bytes(b"x")


def _add_nested_bin(folder: Path) -> None:
    (folder / "checkpoint").mkdir()
    (folder / "checkpoint" / "adapter_model.bin").write_bytes(b"x")


def _link_weights(folder: Path) -> None:
    target = folder.parent / "elsewhere.safetensors"
    (folder / "adapter_model.safetensors").rename(target)
    (folder / "adapter_model.safetensors").symlink_to(target)


def _fifo(folder: Path) -> None:
    os.mkfifo(folder / "pipe")


def _truncate(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    path = folder / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _tensors(edit: Callable[[dict[str, torch.Tensor]], None]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        tensors = load_file(folder / "adapter_model.safetensors")
        edit(tensors)
        write_weights(folder, tensors)

    return change


_FIRST = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"


def _nan(tensors: dict[str, torch.Tensor]) -> None:
    tensors[_FIRST][0, 0] = float("nan")


def _wrong_shape(tensors: dict[str, torch.Tensor]) -> None:
    tensors[_FIRST] = torch.zeros(4, 31)


def _one_side(tensors: dict[str, torch.Tensor]) -> None:
    del tensors[_FIRST]


def _foreign_module(tensors: dict[str, torch.Tensor]) -> None:
    tensors[_FIRST.replace("layers.0", "layers.9")] = tensors.pop(_FIRST)


def _embedding(tensors: dict[str, torch.Tensor]) -> None:
    tensors["base_model.model.model.embed_tokens.weight"] = torch.zeros(2, 2)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_flip_byte, "was altered"),
        (_add_pickle, "pickled"),
        (_add_nested_bin, "pickled"),
        (_link_weights, "link"),
        (_fifo, "special file"),
        (_truncate, "not a valid safetensors"),
        (_edit("manifest.json", base_sha256="c" * 64), "trained on base"),
        (_edit("adapter_config.json", r=0), "r is 0"),
        (_edit("adapter_config.json", r=8), "expected"),
        (_edit("adapter_config.json", use_dora=True), "use_dora"),
        (_edit("adapter_config.json", modules_to_save=["lm_head"]), "modules_to_save"),
        (_edit("adapter_config.json", peft_type="IA3"), "peft_type"),
        (_edit("adapter_config.json", target_modules=["q_proj"]), "target_modules"),
        (_tensors(_nan), "finite"),
        (_tensors(_wrong_shape), "expected"),
        (_tensors(_one_side), "only lora_B"),
        (_tensors(_foreign_module), "no Linear module"),
        (_tensors(_embedding), "not a LoRA factor"),
        (lambda folder: (folder / "adapter_config.json").unlink(), "adapter_config.json"),
        (lambda folder: (folder / "adapter_model.safetensors").unlink(), "cannot be read"),
        (lambda folder: (folder / "adapter_config.json").write_text("[]"), "JSON object"),
    ],
)
def test_a_spoilt_folder_is_refused_and_nothing_changes(
    good_folder: Path, tmp_path: Path, spoil: Callable[[Path], None], says: str
) -> None:
    bank = LoraBank(tiny_loaded().model, base_sha256=BASE_SHA256, max_resident=2)
    bank.register("good", good_folder)
    bank.acquire("good")
    folder = tmp_path / "spoilt"
    shutil.copytree(good_folder, folder)
    spoil(folder)
    with pytest.raises(AdapterError, match=says):
        bank.register("spoilt", folder)
    assert bank.known() == bank.resident() == ["good"]


def test_a_linked_folder_is_refused(good_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(good_folder)
    bank = LoraBank(tiny_loaded().model, base_sha256=BASE_SHA256, max_resident=2)
    with pytest.raises(AdapterError, match="real directory"):
        bank.register("a", tmp_path / "link")
