"""A comparison is stored once, and goes with its visitor."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from store.comparisons import append_comparison, load_comparisons
from store.database import Database
from store.erase import erase_visitor
from store.errors import LeaseError
from store.night_records import StoredComparison
from tests.store.rehearsal import claim, talk


def test_a_verdict_is_kept_per_judge_and_erased_with_its_turn(
    database: Database, now: datetime, tmp_path: Path
) -> None:
    with database.session() as session:
        owner, (turn,) = talk(session, now, ("問い", "答え"))
        mine = claim(session, now)
        one = StoredComparison(
            evaluator="judge-1", turn_id=turn.id, chosen_id="a", rejected_id="b", verdict="tie"
        )
        assert append_comparison(session, mine, one, now=now)
        changed = replace(one, verdict="chosen")
        assert not append_comparison(session, mine, changed, now=now)
        other = replace(changed, evaluator="judge-2")
        assert append_comparison(session, mine, other, now=now)
        assert load_comparisons(session, [turn.id], "judge-1") == {("a", "b"): "tie"}
        assert load_comparisons(session, [turn.id], "judge-2") == {("a", "b"): "chosen"}
        with pytest.raises(LeaseError):
            append_comparison(session, replace(mine, token=0), one, now=now)
    erase_visitor(database, owner.visitor_id, exports=tmp_path, actor="test", now=now)
    with database.session() as session:
        assert load_comparisons(session, [turn.id], "judge-1") == {}
        assert not append_comparison(session, mine, one, now=now)
