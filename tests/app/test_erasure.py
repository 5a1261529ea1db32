"""Erasing somebody through the running server: nothing of theirs is left, and she speaks on."""

from pathlib import Path

import pytest
from sqlalchemy import select

from app.clock import utc_now
from persona.adapter_folder import WEIGHTS
from rlaif.measurement_cache import MeasurementCache
from store.adapters import active_adapter, list_deployments, load_adapter
from store.night_tables import PairRow, ReviewRow
from store.nights import begin_step, finish_night, finish_step
from store.tables import AuditRow, ErasureRow, PendingErasureRow
from store.visitors import Owner
from tests.app.erasure_site import (
    CLEAN,
    KEPT,
    TAINTED,
    Killed,
    Site,
    erasure_site,
    leave_adapter,
    leave_working_files,
)
from tests.app.house import (
    exchange,
    follow,
    say,
    start_conversation,
    wait_until,
)
from tests.store import rehearsal


def _adapter_of(turn: dict) -> str | None:
    return turn["replies"][turn["shown"]]["adapter"]


def _assert_erased(site: Site) -> None:
    assert site.leftovers() == []
    adapters = {path.name for path in site.house.settings.adapters_folder.iterdir()}
    assert adapters == {CLEAN}
    with site.database.reading() as session:
        kept = load_adapter(session, TAINTED)
        assert (kept.manifest["pair_ids"], kept.manifest["steps"]) == ([], 3)
        assert kept.tainted_at is not None
        tombstone = session.scalars(select(ErasureRow)).one()
        assert tombstone.scrubbed_at is not None
        assert tombstone.finished_at is not None
        assert session.scalars(select(PendingErasureRow)).all() == []
        deed = session.scalars(select(AuditRow).where(AuditRow.action == "pair.decide")).one()
        assert "pair" not in deed.detail
        assert session.get(ReviewRow, deed.detail["review"]) is None
        assert len(session.scalars(select(PairRow)).all()) == 1
    nights = site.house.settings.nights_folder
    for date in ("2026-09-25", "2026-09-26"):
        left = {
            str(one.relative_to(nights / date))
            for one in (nights / date).rglob("*.*")
            if one.is_file()
        }
        assert left == {"training/abc/steps.jsonl", "night.log"}, "figures are nobody's"
    cache = MeasurementCache(site.house.settings.measurements_folder, CLEAN, "probes")
    assert cache.reply("k") == KEPT, "what it cost to measure others is kept"


def test_no_byte_is_left_under_home_and_she_speaks_on(tmp_path: Path) -> None:
    with erasure_site(tmp_path / "home") as site:
        assert len(site.leftovers()) >= 20, "the search would find something"
        assert site.gone.delete("/api/me").json()["erased"]["turns"] == 1
        _assert_erased(site)
        assert KEPT.encode() in (site.home / "adapters" / CLEAN / WEIGHTS).read_bytes()
        with site.database.reading() as session:
            assert active_adapter(session) == CLEAN
            assert list_deployments(session)[0].adapter == CLEAN
        # The one pinned to the tainted adapter, and far from idle, is not cut off: it moves.
        assert _adapter_of(exchange(site.kept, site.pinned, "それで？")) == CLEAN
        assert _adapter_of(exchange(site.kept, start_conversation(site.kept), "は")) == CLEAN
        assert TAINTED not in [one.adapter for one in site.engine.requests[-2:]]


@pytest.mark.parametrize(
    "where",
    [
        "store.erase.erase_exports",
        "store.erase._erase_rows",
        "store.database.Database.scrub",
        "app.erasure.remove_traces",
        "rlaif.traces._remove_reports",
        "rlaif.traces.clear_training",
        "rlaif.traces._remove_adapters",
    ],
)
def test_the_next_minute_finishes_what_a_killed_process_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def die(*_: object, **__: object) -> None:
        raise Killed

    with erasure_site(tmp_path / "home") as site:
        owner = site.ids[0].decode()
        with monkeypatch.context() as dying:
            dying.setattr(where, die)
            with pytest.raises(Killed):
                site.house.chat.erase(Owner(visitor_id=owner))
        assert site.leftovers() != []
        site.night.clock.tick()
        _assert_erased(site)
        assert _adapter_of(exchange(site.kept, site.pinned, "それで？")) == CLEAN


def test_weights_go_once_the_last_reply_with_them_has_ended(tmp_path: Path) -> None:
    with erasure_site(tmp_path / "home") as site:
        site.engine.hold()
        growing = say(site.kept, site.pinned, "長い話をして")["replies"][0]["id"]
        live = site.house.chat.live_reply(growing)
        assert live is not None
        wait_until(lambda: live.state.text != "")
        site.gone.delete("/api/me")
        assert (site.house.settings.adapters_folder / TAINTED / WEIGHTS).exists()
        site.engine.release()
        assert follow(site.kept, growing)[-1][0] == "done"
        site.night.clock.tick()
        _assert_erased(site)


def test_an_erasure_is_not_over_before_the_night_that_may_know_more(tmp_path: Path) -> None:
    with erasure_site(tmp_path / "home") as site:
        with site.database.session() as session:
            claim = rehearsal.claim(session, utc_now(), date="2026-09-27")
        site.gone.delete("/api/me")
        night = site.house.settings.nights_folder / "2026-09-27"
        leave_working_files(night)
        leave_adapter(
            site.house,
            "ayane-night-4",
            kind="night",
            pair_ids=[site.ids[1].decode()],
            registered=False,
        )
        site.night.clock.tick()
        assert (night / "training" / "abc" / "checkpoint-8").exists(), (
            "written later: it may be clean"
        )
        assert not (site.house.settings.adapters_folder / "ayane-night-4").exists()
        with site.database.session() as session:
            begin_step(session, claim, "train", 7, utc_now())
            detail: dict[str, object] = {"adapter": "ayane-night-4", "active": TAINTED}
            finish_step(session, claim, "train", detail, utc_now())
            finish_night(
                session, claim, status="refused", decision="", adapter_id=None,
                now=utc_now(),
            )  # fmt: skip
        site.night.clock.tick()
        _assert_erased(site)


def test_nothing_is_looked_for_when_nothing_is_unfinished(tmp_path: Path) -> None:
    with erasure_site(tmp_path / "home") as site:
        site.gone.delete("/api/me")
        late = site.house.settings.nights_folder / "2026-09-25" / "examples.json"
        late.write_text("[]")
        site.night.clock.tick()
        assert late.exists()
