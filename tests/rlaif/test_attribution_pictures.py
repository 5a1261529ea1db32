"""Heat-maps escape what they show, colour by sign and size, and can be drawn."""

from pathlib import Path

import pytest

from rlaif.attribution import Attribution, AttributionSettings, Completeness
from rlaif.attribution_pictures import Shown, colour, headline, html_page, strength, write_png
from rlaif.attribution_store import AttributionStore, attribution_key
from tests.rlaif.planted_values import dialogue, letters

REPLY = dialogue("<あ>$", said="<script>")
TOLD = Attribution(
    evaluator="e", metric="trust", method="integrated", pieces=letters(REPLY.reply),
    scores=(0.5, -1.0, 0.0, 0.25), errors=(), value=5.0, baseline=5.2,
    completeness=Completeness(error=0.05, share=0.25, holds=False), evaluations=9,
)  # fmt: skip
SHOWN = Shown(dialogue=REPLY, attributions=(TOLD,))


def test_colours_tell_sign_and_size() -> None:
    assert [strength(score, TOLD) for score in TOLD.scores] == [0.5, -1.0, 0.0, 0.25]
    assert colour(0.0) == "#ffffff"
    red, blue = int(colour(1.0)[1:3], 16), int(colour(1.0)[5:7], 16)
    assert red < blue, "raising is blue"
    assert int(colour(-1.0)[1:3], 16) > int(colour(-1.0)[5:7], 16), "lowering is orange"
    assert int(colour(0.2)[1:3], 16) > red


def test_the_page_escapes_texts_and_tells_figures() -> None:
    page = html_page([SHOWN])
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert '<span class="down"' in page
    assert 'title="-1.0000"' in page
    assert "error 0.050 = 25.0%" in headline(TOLD)
    assert "信頼" in page


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    long = dialogue("あ" * 120)
    many = Attribution(
        evaluator="e", metric="trust", method="shap", pieces=letters(long.reply),
        scores=(1.0,) * 120, errors=(), value=1.0, baseline=0.0, completeness=None, evaluations=1,
    )  # fmt: skip
    write_png([SHOWN, Shown(dialogue=long, attributions=(many,))], tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) > 5000


@pytest.mark.parametrize("change", ["metric", "reply", "settings"])
def test_what_was_told_is_kept_under_all_it_depends_on(tmp_path: Path, change: str) -> None:
    store, settings = AttributionStore(tmp_path / "kept"), AttributionSettings()
    key = attribution_key("e", REPLY, "trust", "integrated", settings)
    assert store.load(key) is None
    store.save(key, TOLD)
    assert AttributionStore(tmp_path / "kept").load(key) == TOLD
    other = attribution_key(
        "e",
        dialogue("別") if change == "reply" else REPLY,
        "ease" if change == "metric" else "trust",
        "integrated",
        AttributionSettings(seed=1) if change == "settings" else settings,
    )
    assert store.load(other) is None
    kept = next((tmp_path / "kept").iterdir())
    assert "あ" not in kept.read_text()
    kept.write_text("{")
    assert store.load(key) is None
