"""The promises of the engine on the embedded model itself.

YOGEIKO_TEST_MODELS names a models folder to reuse; without it the model is prepared anew.
"""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model

from persona.base_model import LoadedModel, load_model
from persona.engine import Finished, Generation, GenerationRequest, Message, Sampling
from persona.local_engine import EngineSettings, LocalEngine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

_SYSTEM = (
    "あなたは小野寺絢音です。十七歳の高校生で、図書委員をしています。一人称はわたしです。"
    "海の近くの古い家に、祖母と弟と三人で暮らしています。朝は早く起きて、犬の散歩をします。"
    "放課後は図書室で本の修理をして、金曜日だけ美術部に顔を出します。得意な教科は古文で、"
    "数学は少し苦手です。甘い卵焼きと冷たい麦茶が好きで、辛い食べ物は食べられません。"
    "夏休みには、電車を乗りついで灯台を見に行くつもりです。将来は、古い本を直す人になりたいと"
    "思っています。知らないことを聞かれたら、知らないと正直に答えます。人の悪口は言いません。"
    "返事は三十文字くらいで、やわらかい丁寧な言葉を使い、相手の気持ちをまず受けとめます。"
    "雨の日は窓ぎわの席で、祖父の残した万年筆を使って日記を書くのが習慣になっています。"
)
_QUESTIONS = ("お名前は？", "好きな食べ物は何ですか？", "昨日は雨でしたね。")
_TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
NAMES = ("v1", "v2")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = os.environ.get("YOGEIKO_TEST_MODELS")
    return Path(named) if named else tmp_path_factory.mktemp("models")


def _load(models: Path) -> LoadedModel:
    return load_model("embedded:gemma-3-270m", models)


@pytest.fixture(scope="module")
def folders(models: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("adapters")
    config = LoraConfig(r=8, lora_alpha=16, target_modules=_TARGETS, task_type="CAUSAL_LM")
    wrapped = get_peft_model(_load(models).model, config)
    for seed, name in enumerate(NAMES):
        torch.manual_seed(seed)
        for key, parameter in wrapped.named_parameters():
            if "lora_B" in key:
                parameter.data.normal_(0, 0.03)
        wrapped.save_pretrained(root / name)
    return {name: root / name for name in NAMES}


def _engine(models: Path, folders: dict[str, Path], settings: EngineSettings) -> LocalEngine:
    engine = LocalEngine(_load(models), settings)
    for name, folder in folders.items():
        engine.add_adapter(name, folder)
    return engine


@pytest.fixture(scope="module")
def engine(models: Path, folders: dict[str, Path]) -> Iterator[LocalEngine]:
    engine = _engine(models, folders, EngineSettings(max_active=4, max_resident=5, max_queue=50))
    yield engine
    engine.close()


def _ask(question: str, adapter: str | None) -> GenerationRequest:
    return GenerationRequest(
        messages=(Message(role="system", content=_SYSTEM), Message(role="user", content=question)),
        adapter=adapter,
        sampling=Sampling(temperature=0, max_new_tokens=24),
    )


def _end(generation: Generation) -> Finished:
    last = list(generation.events())[-1]
    assert isinstance(last, Finished), last
    return last


def test_greedy_reuse_and_swaps_equal_calm_runs_without_reuse(
    engine: LocalEngine, models: Path, folders: dict[str, Path]
) -> None:
    calm = _engine(models, folders, EngineSettings(max_active=1, prefix_cache_bytes=0))
    expected = {
        (name, question): _end(calm.submit(_ask(question, name))).text
        for name in (None, *NAMES)
        for question in _QUESTIONS
    }
    calm.close()
    assert len({expected[name, _QUESTIONS[0]] for name in (None, *NAMES)}) == 3
    wrong: list[tuple[str | None, str]] = []
    reused: list[int] = []

    def stream(number: int) -> None:
        for turn, question in enumerate(_QUESTIONS):
            name = (None, *NAMES)[(number + turn) % 3]
            answer = _end(engine.submit(_ask(question, name)))
            reused.append(answer.reused_tokens)
            if answer.text != expected[name, question]:
                wrong.append((name, question))

    threads = [threading.Thread(target=stream, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert max(reused) >= 192


def test_int8_decoding_is_reproducible_with_reuse(models: Path, folders: dict[str, Path]) -> None:
    engine = _engine(models, folders, EngineSettings(decode_weights="int8"))
    first, again = (_end(engine.submit(_ask(_QUESTIONS[1], "v1"))) for _ in range(2))
    engine.close()
    assert first.text == again.text
    assert again.reused_tokens > first.reused_tokens == 0


def test_the_japanese_vocabulary_is_a_small_part_of_the_head(engine: LocalEngine) -> None:
    assert 15_000 < engine.vocabulary.rows < 40_000 < engine.vocabulary.total_rows


def test_a_batch_answers_every_row(engine: LocalEngine) -> None:
    answers = engine.generate_batch([_ask(question, "v1") for question in _QUESTIONS])
    assert all(answer.text and answer.reused_tokens >= 192 for answer in answers)


def test_tokens_of_a_text_are_pieces_of_it(engine: LocalEngine) -> None:
    text = "ごきげんよう、鬱蒼とした森で𠮷野家の🍣をいただきましたわ。"
    pieces = engine.split(text)
    assert "".join(pieces) == text
    assert len(pieces) > 5
    assert all(pieces)
