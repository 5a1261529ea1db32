import shutil
from pathlib import Path

import pytest
import torch
from peft import PeftModel

from persona.errors import AdapterError
from persona.lora_bank import AdapterLinear, LoraBank, Selection
from tests.persona.tiny_model import BASE_SHA256, tiny_loaded, write_adapter


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("adapters")
    return [write_adapter(root / name, seed) for seed, name in enumerate("abc", start=1)]


def _bank(folders: list[Path], max_resident: int = 2) -> LoraBank:
    bank = LoraBank(tiny_loaded().model, base_sha256=BASE_SHA256, max_resident=max_resident)
    for folder in folders:
        bank.register(folder.name, folder)
    return bank


def test_output_equals_peft_for_each_adapter_and_the_base_is_untouched(folders: list[Path]) -> None:
    ids = torch.tensor([[2, 4, 270, 280, 290]])
    model = tiny_loaded().model
    with torch.inference_mode():
        bare = tiny_loaded().model(ids).logits
        expected = {
            f.name: PeftModel.from_pretrained(tiny_loaded().model, f).eval()(ids).logits
            for f in folders
        }
    bank = LoraBank(model, base_sha256=BASE_SHA256, max_resident=3)
    with torch.inference_mode():
        for folder in folders:
            bank.register(folder.name, folder)
            bank.acquire(folder.name)
            bank.select(folder.name)
            assert torch.allclose(model(ids).logits, expected[folder.name], atol=1e-4)
            assert not torch.allclose(model(ids).logits, bare, atol=1e-2)
        bank.select(None)
        assert torch.equal(model(ids).logits, bare)
        bank.unwrap()
        assert torch.equal(model(ids).logits, bare)
    assert not any(isinstance(m, AdapterLinear) for m in model.modules())


def test_the_least_recently_used_idle_adapter_leaves(folders: list[Path]) -> None:
    bank = _bank(folders)
    for name in ("a", "b", "a"):
        bank.acquire(name)
        bank.release(name)
    bank.acquire("c")
    assert bank.resident() == ["a", "c"]


def test_a_held_adapter_stays_and_leaves_after_its_last_release(folders: list[Path]) -> None:
    bank = _bank(folders)
    bank.acquire("a")
    bank.acquire("a")
    bank.acquire("b")
    with pytest.raises(AdapterError, match="in use"):
        bank.acquire("c")
    bank.release("a")
    with pytest.raises(AdapterError, match="in use"):
        bank.acquire("c")
    assert bank.references("a") == 1
    bank.release("a")
    bank.acquire("c")
    assert bank.resident() == ["b", "c"]


def test_an_id_means_one_folder_for_ever(folders: list[Path], tmp_path: Path) -> None:
    bank = _bank(folders)
    bank.register("a", folders[0])
    with pytest.raises(AdapterError, match="fresh id"):
        bank.register("a", folders[1])
    copy = tmp_path / "copy"
    shutil.copytree(folders[0], copy)
    with pytest.raises(AdapterError, match="fresh id"):
        bank.register("a", copy)
    assert bank.known() == ["a", "b", "c"]


def test_a_folder_altered_after_it_was_added_does_not_load(
    folders: list[Path], tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folders[0], copy)
    bank = _bank([])
    bank.register("copy", copy)
    for name in ("adapter_model.safetensors", "manifest.json"):
        shutil.copy(folders[1] / name, copy / name)
    with pytest.raises(AdapterError, match="altered since"):
        bank.acquire("copy")
    assert bank.resident() == []
    assert bank.references("copy") == 0


def test_an_unknown_adapter_is_named(folders: list[Path]) -> None:
    with pytest.raises(AdapterError, match="'nobody' is unknown"):
        _bank(folders).acquire("nobody")


def test_int8_copy_is_close_for_one_row_and_exact_for_many() -> None:
    torch.manual_seed(0)
    base = torch.nn.Linear(64, 128, bias=False).bfloat16()
    plain = AdapterLinear(base, 0, Selection(), int8=False)
    rounded = AdapterLinear(base, 0, Selection(), int8=True)
    x = torch.randn(1, 3, 64).bfloat16()
    with torch.inference_mode():
        assert torch.equal(plain(x), rounded(x))
        one, other = plain(x[:, :1]).float(), rounded(x[:, :1]).float()
    assert not torch.equal(one, other)
    assert (one - other).norm() / one.norm() < 0.02
