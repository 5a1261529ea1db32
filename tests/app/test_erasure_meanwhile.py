"""Erasures beside others and beside a night: what was not looked at is looked at later."""

from pathlib import Path

import pytest

from app.clock import utc_now
from persona.adapter_folder import WEIGHTS
from rlaif import traces
from rlaif.measurement_cache import MeasurementCache
from store.database import Database
from store.erase import erase_visitor
from store.erasures import list_unscrubbed, load_leftovers
from store.nights import begin_step, finish_night, finish_step
from store.pairs import list_pairs
from store.visitors import Owner, hash_of, list_visitors
from tests.app.erasure_site import CLEAN, SECRET, TAINTED, Killed, erasure_site, leave_adapter
from tests.store import rehearsal


@pytest.mark.parametrize("learnt_from_them", [True, False])
def test_what_a_running_night_measures_stays_until_it_ends(
    tmp_path: Path, learnt_from_them: bool
) -> None:
    with erasure_site(tmp_path / "home") as site:
        name, now = "ayane-night-4", utc_now()
        with site.database.reading() as session:
            pairs = {one.id for one in list_pairs(session, "2026-09-25")}
        theirs = {site.ids[1].decode()}
        learnt = sorted(theirs if learnt_from_them else pairs - theirs)
        leave_adapter(site.house, name, kind="night", pair_ids=learnt, registered=False)
        with site.database.session() as session:
            claim = rehearsal.claim(session, now, date="2026-09-27")
            begin_step(session, claim, "train", 7, now)
            finish_step(session, claim, "train", {"adapter": name, "active": CLEAN}, now)
        measurements = site.house.settings.measurements_folder
        MeasurementCache(measurements, name, "probes").add_replies({"k": SECRET})
        site.gone.delete("/api/me")
        assert MeasurementCache(measurements, name, "probes").reply("k") == SECRET
        assert MeasurementCache(measurements, TAINTED, "probes").reply("k") is None
        site.night.clock.tick()
        with site.database.session() as session:
            assert load_leftovers(session, utc_now()) is not None
            finish_night(
                session, claim, status="refused", decision="", adapter_id=None, now=utc_now()
            )
        assert (site.house.settings.adapters_folder / name / WEIGHTS).exists()
        site.night.clock.tick()
        assert MeasurementCache(measurements, name, "probes").reply("k") is None
        weights = site.house.settings.adapters_folder / name / WEIGHTS
        assert weights.exists() is not learnt_from_them
        with site.database.reading() as session:
            assert load_leftovers(session, utc_now()) is None


def test_who_is_erased_after_the_look_is_looked_for_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with erasure_site(tmp_path / "home") as site:
        with site.database.reading() as session:
            first, second = sorted(
                (one.id for one in list_visitors(session)),
                key=lambda one: one.encode() in site.ids,
            )
        remove = traces._remove_adapters

        def erase_meanwhile(adapters: Path, names: frozenset[str]) -> None:
            remove(adapters, names)
            exports = site.house.settings.exports_folder
            erase_visitor(site.database, second, exports=exports, actor="test", now=utc_now())

        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(traces, "_remove_adapters", erase_meanwhile)
            site.house.chat.erase(Owner(visitor_id=first))
        with site.database.reading() as session:
            left = load_leftovers(session, utc_now())
        assert left is not None
        assert left.unfinished == {hash_of(second)}
        site.night.clock.tick()
        with site.database.reading() as session:
            assert load_leftovers(session, utc_now()) is None


def test_bytes_of_who_is_erased_after_the_rewriting_are_scrubbed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with erasure_site(tmp_path / "home") as site:
        with site.database.reading() as session:
            first, second = (one.id for one in list_visitors(session))
        rewrite = Database.scrub

        def die(_: Database) -> None:
            raise Killed

        def erase_meanwhile(database: Database) -> None:
            rewrite(database)
            with monkeypatch.context() as dying:
                dying.setattr(Database, "scrub", die)
                with pytest.raises(Killed):
                    site.house.chat.erase(Owner(visitor_id=second))

        with monkeypatch.context() as dying:
            dying.setattr(Database, "scrub", die)
            with pytest.raises(Killed):
                site.house.chat.erase(Owner(visitor_id=first))
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(Database, "scrub", erase_meanwhile)
            site.night.clock.tick()
        with site.database.reading() as session:
            assert list_unscrubbed(session) == {hash_of(second)}
        site.night.clock.tick()
        with site.database.reading() as session:
            assert list_unscrubbed(session) == frozenset()
