"""When a night is due, and that the server starts and stops it."""

import sys
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.brain_slot import BrainSlot
from app.chat_service import ChatService
from app.night_service import NightService, child_settings
from app.server import create_app
from app.settings import Settings, load_settings
from scheduler.calendar import Appointment
from scheduler.child import NightChild
from store.adapters import active_adapter, deploy, list_deployments
from store.database import Database, open_database
from store.lineage import taint
from store.night_records import NightEnd
from store.nights import (
    begin_step,
    claim_night,
    finish_night,
    hold_for_rehearsal,
    hold_night,
    list_nights,
    load_night,
    release_lease,
)
from store.owners import this_process
from store.pairs import save_pairs
from tests.app.house import House
from tests.fakes import FakeEngine, make_brain
from tests.store import rehearsal

# 03:00 in Tokyo.
AT = datetime(2026, 9, 23, 18, tzinfo=UTC)
DAY = date(2026, 9, 24)
APPOINTMENT = Appointment(date=DAY, at=AT)
LEASE = timedelta(minutes=30)


class Site:
    """A store and a night service with a clock that is set by hand."""

    def __init__(self, home: Path, text: str = "") -> None:
        home.mkdir()
        (home / "yogeiko.toml").write_text(text, encoding="utf-8")
        self.settings: Settings = load_settings(home)
        self.database: Database = open_database(self.settings.database_url)
        self.now = AT + timedelta(minutes=1)
        self.service = NightService(self.settings, self.database, now=lambda: self.now)

    def talk(self, at: datetime = AT - timedelta(hours=5)) -> None:
        with self.database.session() as session:
            rehearsal.talk(session, at, ("こんばんは", "ごきげんよう。"))

    def due(self, *, late: bool = False) -> date | None:
        return self.service.due(APPOINTMENT, late)

    def night(
        self, status: NightEnd | None, *, day: date = DAY, at: datetime = AT, pairs: bool = False
    ) -> None:
        """A night that was begun `at` and ended so; None: it holds its lease."""
        with self.database.session() as session:
            claim = claim_night(
                session, day.isoformat(), owner="one", lease=LEASE, now=at, settings={}
            )
            assert claim is not None
            if pairs:
                owner, (turn,) = rehearsal.talk(session, at, ("はい", "ええ。"))
                save_pairs(session, claim, [rehearsal.pair(owner, turn, "a", "b")], now=at)
            if status is not None:
                finish_night(
                    session,
                    claim,
                    status=status,
                    decision=status,
                    adapter_id=None,
                    now=at,
                )


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "home")


def test_a_night_is_due_once_somebody_has_talked_before_it(site: Site) -> None:
    assert site.due() is None, "a fresh site has nothing to rehearse"
    site.talk(AT + timedelta(seconds=1))
    assert site.due() is None
    site.talk()
    assert site.due() == DAY
    assert site.due(late=True) is None


@pytest.mark.parametrize("status", ["published", "refused", "skipped", "failed"])
def test_a_finished_night_is_not_run_again(site: Site, status: NightEnd) -> None:
    site.talk()
    site.night(status)
    assert site.due() is None


def test_a_night_in_other_hands_is_left_alone_until_its_lease_ends(site: Site) -> None:
    site.talk()
    site.night(None)
    assert site.due() is None
    site.now = AT + LEASE + timedelta(seconds=1)
    assert site.due() == DAY
    assert site.due(late=True) == DAY, "what was begun is finished, however late"


def test_a_stopped_night_goes_on(site: Site) -> None:
    site.night("stopped")
    assert site.due(late=True) == DAY


def test_a_night_that_an_operator_stopped_stays_stopped(site: Site) -> None:
    site.night("stopped")
    with site.database.session() as session:
        assert hold_night(session, DAY.isoformat(), site.now)
    assert site.due(late=True) is None
    assert site.due() is None


def test_a_dry_run_does_not_start_a_late_night(site: Site) -> None:
    site.talk()
    with site.database.session() as session:
        held = hold_for_rehearsal(session, DAY.isoformat(), owner="dry", lease=LEASE, now=site.now)
    assert site.due() is None, "they would get in each other's way"
    with site.database.session() as session:
        assert held is not None
        release_lease(session, held)
    assert site.due(late=True) is None
    assert site.due() == DAY


def test_a_waiting_night_goes_on_when_decided_or_at_the_deadline(site: Site) -> None:
    site.night("waiting", pairs=True)
    assert site.due() is None
    site.now = AT + timedelta(hours=12, minutes=1)
    assert site.due() == DAY


def test_the_deadline_runs_from_the_question(site: Site) -> None:
    with site.database.session() as session:
        claim = claim_night(session, DAY.isoformat(), owner="one", lease=LEASE, now=AT, settings={})
        assert claim is not None
        owner, (turn,) = rehearsal.talk(session, AT, ("はい", "ええ。"))
        save_pairs(session, claim, [rehearsal.pair(owner, turn, "a", "b")], now=AT)
        begin_step(session, claim, "inbox", 6, AT + timedelta(hours=4))
        finish_night(session, claim, status="waiting", decision="", adapter_id=None, now=AT)
    site.now = AT + timedelta(hours=13)
    assert site.due() is None
    site.now = AT + timedelta(hours=16)
    assert site.due() == DAY


def test_a_dead_owners_night_goes_on_at_once(site: Site) -> None:
    host, number, began = this_process().rsplit("/", 2)
    with site.database.session() as session:
        claim_night(
            session,
            DAY.isoformat(),
            owner=f"{host}/{number}/{int(began) - 60}",
            lease=LEASE,
            now=AT,
            settings={},
        )
    assert site.due() == DAY


def test_a_waiting_night_without_open_pairs_goes_on_at_once(site: Site) -> None:
    site.night("waiting")
    assert site.due() == DAY


def test_last_nights_waiting_is_not_forgotten(site: Site) -> None:
    site.night("waiting", day=DAY - timedelta(days=1), at=AT - timedelta(hours=4), pairs=True)
    site.night("skipped")
    assert site.due() is None
    site.now = AT + timedelta(hours=9)
    assert site.due() == DAY - timedelta(days=1)


def _told(site: Site) -> dict[str, tuple[str, bool]]:
    """Status of every night, and whether it has a report."""
    with site.database.reading() as session:
        nights = list_nights(session)
    folder = site.settings.nights_folder
    return {n.date: (n.status, (folder / n.date / "report.md").is_file()) for n in nights}


def _tick(site: Site, monkeypatch: pytest.MonkeyPatch) -> list[date]:
    begun: list[date] = []
    monkeypatch.setattr(site.service.child, "start", lambda day: begun.append(day) or True)
    site.service.clock.tick()
    return begun


def test_nights_of_days_without_a_server_are_skipped_with_a_report(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.night("published")
    site.talk()
    site.now = AT + timedelta(days=3, hours=1)

    assert _tick(site, monkeypatch) == [DAY + timedelta(days=3)]
    assert _told(site) == {
        "2026-09-24": ("published", False),
        "2026-09-25": ("skipped", True),
        "2026-09-26": ("skipped", True),
    }


def test_a_night_beyond_its_grace_is_skipped_with_a_report(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.talk()
    site.now = AT + timedelta(hours=21)

    assert _tick(site, monkeypatch) == []
    assert _tick(site, monkeypatch) == []
    assert _told(site) == {"2026-09-24": ("skipped", True)}


def test_a_silent_site_misses_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.now = AT + timedelta(days=3, hours=21)
    assert _tick(site, monkeypatch) == []
    assert _told(site) == {}


def test_a_night_that_the_next_one_overtook_is_closed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.talk()
    site.night("stopped")
    site.now = AT + timedelta(days=1, minutes=1)

    assert _tick(site, monkeypatch) == [DAY + timedelta(days=1)]
    assert _told(site) == {"2026-09-24": ("failed", True)}
    with site.database.reading() as session:
        night = load_night(session, "2026-09-24")
    assert night is not None
    assert "--date 2026-09-24 --resume" in str(night.decision)


def test_a_process_that_dies_too_often_is_a_failed_night(site: Site, tmp_path: Path) -> None:
    site.talk()
    dying = replace(
        child_settings(site.settings), command=lambda day: [sys.executable, "-c", "exit(9)"]
    )
    site.service.child = NightChild(dying, now=lambda: site.now)
    for _ in range(50):
        site.service.clock.ring()
        while site.service.child.running:
            time.sleep(0.01)
        site.now += timedelta(minutes=1)

    assert _told(site) == {"2026-09-24": ("failed", True)}
    with site.database.reading() as session:
        night = load_night(session, "2026-09-24")
    assert night is not None
    assert "died 4 times, lastly with code 9" in str(night.decision)
    assert site.due() is None


def test_where_nights_are_off_only_the_house_is_kept(tmp_path: Path) -> None:
    site = Site(tmp_path / "off", "[night]\nenabled = false\n")
    site.talk()
    assert site.due() is None
    with site.database.session() as session:
        for name in ("v1", "v2"):
            deploy(session, rehearsal.adapter(session, name, AT), who="t", why="t", now=AT)
        taint(session, ["v2"], "a visitor was erased", AT)
    for _ in range(2):
        site.service.clock.tick()
    with site.database.reading() as session:
        newest, *rest = list_deployments(session)
        assert (active_adapter(session), newest.adapter, newest.who) == ("v1", "v1", "night clock")
        assert len(rest) == 1


def test_the_process_is_the_command_line_with_the_settings_bounds(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "yogeiko.toml").write_text("[night]\nthreads = 3\nmemory_gib = 1.5\n")
    settings = child_settings(load_settings(home))
    assert list(settings.command(DAY))[1:] == [
        "-m", "app.cli", "night", "run", "--home", str(home), "--date", "2026-09-24",
    ]  # fmt: skip
    assert (settings.threads, settings.memory_bytes) == (3, 3 * 1024**3 // 2)
    assert settings.nights_folder == home / "nights"


def test_the_server_starts_and_stops_the_night(house: House, chat_again: ChatService) -> None:
    service = NightService(house.settings, house.database)
    sleeping = replace(
        child_settings(house.settings),
        command=lambda day: [sys.executable, "-c", "import time; time.sleep(60)"],
    )
    service.child = NightChild(sleeping)
    with TestClient(create_app(house.settings, chat_again, service)) as client:
        assert service.clock.next_night().at > datetime.now(UTC)
        service.begin(DAY)
        assert service.child.running
        assert client.get("/healthz", headers={"host": "127.0.0.1"}).json()["status"] == "ok"
        began = time.monotonic()
    assert not service.child.running, "closing the server must end the night's process"
    assert time.monotonic() - began < 60


@pytest.fixture
def chat_again(house: House) -> ChatService:
    """A chat service that was not started yet, over the same store."""
    return ChatService(
        database=house.database,
        speaker=house.chat.speaker,
        brain=BrainSlot(lambda: make_brain(FakeEngine())),
        settings=house.settings,
    )
