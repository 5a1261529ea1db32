"""The process that scores during the day, with the real evaluator."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from app.clock import utc_now
from app.composition import existing_heads
from app.settings import load_settings
from persona.base_model import prepare_model
from rlaif.embedded_heads import evaluator_id_on_disk
from store.adapters import deploy
from store.database import open_database
from store.night_tables import ScoreRow
from store.tables import ReplyRow
from tests.store import rehearsal


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_real_evaluator_scores_under_the_nights_id(tmp_path: Path) -> None:
    """YOGEIKO_TEST_MODELS names a models folder to reuse; without it the model is prepared anew."""
    settings = load_settings(tmp_path)
    ready = os.environ.get("YOGEIKO_TEST_MODELS")
    if ready:
        settings.models_folder.symlink_to(Path(ready).absolute())
    else:
        prepare_model(settings.model.name, settings.models_folder, lambda _stage, _share: None)
    database = open_database(settings.database_url)
    hour_ago = utc_now() - timedelta(hours=1)
    with database.session() as session:
        for name in ("v0", "v1"):
            rehearsal.adapter(session, name, hour_ago)
            deploy(session, name, who="night", why="t", now=hour_ago)
        rehearsal.talk(
            session,
            hour_ago + timedelta(minutes=1),
            ("今日は何をなさったの？", "お庭の薔薇に水をやっておりましたの。"),
            ("薔薇はお好き？", "はい。"),
        )
    words = [sys.executable, "-m", "app.watch_child", str(tmp_path)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    assert said.endswith("2 replies were scored\n")
    with database.reading() as session:
        rows = session.execute(
            select(ScoreRow, ReplyRow.text).join(ReplyRow, ScoreRow.reply_id == ReplyRow.id)
        ).all()
        values = {text: row.ease + row.topic + row.humanness for row, text in rows}
        assert {row.evaluator for row, _ in rows} == {
            evaluator_id_on_disk(existing_heads(settings))
        }
        assert values["お庭の薔薇に水をやっておりましたの。"] > values["はい。"]
    database.close()
