"""What an operator flagged as wrong becomes an exam question, for as long as its visitor agrees."""

from datetime import datetime, timedelta

import pytest

from rlaif.contradiction_probes import list_contradiction_probes
from store.database import Database
from store.errors import ConflictError
from store.night_records import NewReview
from store.reviews import append_review
from store.visitors import set_consent
from tests.store.rehearsal import talk


def _flag(reply: str, words: str) -> NewReview:
    return NewReview(operator="op", kind="contradiction", reply_id=reply, text=words)


def test_a_flagged_reply_is_a_probe_until_consent_ends(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, (first, second) = talk(
            session,
            now,
            ("犬は飼ってる？", "飼っていませんわ。"),
            ("名前は？", "三毛猫のハナですわ。"),
        )
        append_review(session, _flag(second.replies[0].id, "三毛猫"), now=now)
        append_review(session, _flag(second.replies[0].id, " ハナ "), now=now)
        years_later = now + timedelta(days=800)
        (probe,) = list_contradiction_probes(session, now=years_later)
        assert probe.kind == "contradiction"
        assert probe.forbidden == ("三毛猫", "ハナ")
        assert probe.user == second.text
        assert [turn.content for turn in probe.history] == [first.text, first.replies[0].text]
        set_consent(session, owner, allow=False, now=years_later)
        assert list_contradiction_probes(session, now=years_later) == ()


def test_a_flag_names_the_wrong_words(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, (turn,) = talk(session, now, ("やあ", "ごきげんよう。"))
        with pytest.raises(ConflictError, match="the words in it that are wrong"):
            append_review(session, _flag(turn.replies[0].id, " "), now=now)
