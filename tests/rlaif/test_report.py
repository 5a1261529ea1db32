"""The figures of a report equal plain SQL, and no page holds what a visitor said."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from rlaif import pair_caps, pair_proposals, pairs
from rlaif.errors import NightError
from rlaif.report import NightSummary, report_json, summarise_night, with_files
from rlaif.report_html import report_html, write_report
from rlaif.report_markdown import report_markdown
from rlaif.report_texts import DROPS, METRIC_NAMES, STATUS, duration, gate_name
from store.database import Database, open_database
from store.night_records import NightEnd
from tests.rlaif.made_up_night import ADAPTER, BEFORE, DATE, EXAMPLES, SECRET, make_night

NOW = datetime(2026, 9, 23, 18, 0, tzinfo=UTC)
ENDS: tuple[NightEnd, ...] = (
    "published",
    "refused",
    "skipped",
    "failed",
    "stopped",
    "waiting",
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path / 'yogeiko.db'}")
    yield opened
    opened.close()


def summary_of(database: Database, folder: Path, status: NightEnd) -> NightSummary:
    with database.session() as session:
        make_night(session, folder, NOW, status)
    with database.reading() as session:
        return with_files(summarise_night(session, DATE), folder)


def test_every_figure_equals_sql(database: Database, tmp_path: Path) -> None:
    summary = summary_of(database, tmp_path / DATE, "published")

    def count(sql: str) -> int:
        with database.reading() as session:
            return int(session.execute(text(sql)).scalar_one())

    def by(sql: str) -> dict[str, int]:
        with database.reading() as session:
            return {str(row[0]): int(row[1]) for row in session.execute(text(sql))}

    counts = summary.counts
    night = f"WHERE night_date = '{DATE}'"
    assert counts.candidates == count(f"SELECT count(*) FROM candidates {night}") == 96
    assert summary.pairs == count(f"SELECT count(*) FROM pairs {night}") == 8
    assert counts.pairs_by_source == by(f"SELECT source, count(*) FROM pairs {night} GROUP BY 1")
    assert counts.pairs_by_status == by(f"SELECT status, count(*) FROM pairs {night} GROUP BY 1")
    assert counts.drops == by(f"SELECT reason, count(*) FROM pair_drops {night} GROUP BY 1")
    assert counts.conflicts == by(f"SELECT signal, count(*) FROM conflicts {night} GROUP BY 1")
    assert counts.linked_pairs == count("SELECT count(*) FROM adapter_pairs") == 8
    assert summary.scored == count("SELECT count(*) FROM scores") == 118
    assert summary.unscored == count("SELECT count(*) FROM score_failures") == 2
    assert len(summary.gates) == count(f"SELECT count(*) FROM gate_results {night}")
    assert sum(gate.passed for gate in summary.gates) == count(
        f"SELECT count(*) FROM gate_results {night} AND passed"
    )
    one = counts.evaluators[0]
    assert one.replies == count("SELECT count(*) FROM scores WHERE reply_id IS NOT NULL")
    assert one.candidates == count("SELECT count(*) FROM scores WHERE candidate_id IS NOT NULL")
    assert one.failures == by("SELECT reason, count(*) FROM score_failures GROUP BY 1")
    assert summary.turns == count(f"SELECT count(*) FROM night_turns {night}") == 24
    assert summary.visitors == count("SELECT count(*) FROM visitors") == 1
    assert summary.trained_pairs == count(f"SELECT count(*) FROM night_training {night}") == 8
    assert one.shown.count == 22
    for figures, subject in ((one.shown, "reply_id"), (one.made, "candidate_id")):
        some = f"scores WHERE {subject} IS NOT NULL"
        assert figures.means["trust"] == pytest.approx(mean_of(database, "avg(trust)", some))
        assert figures.deviations["trust"] ** 2 == pytest.approx(
            mean_of(database, "avg(trust * trust) - avg(trust) * avg(trust)", some)
        )
        valued = f"night_rewards JOIN {some.replace(' WHERE', ' ON id = score_id WHERE')}"
        assert figures.total == pytest.approx(mean_of(database, "avg(total)", valued))
        part = "avg(json_extract(metrics, '$.trust.part'))"
        assert figures.parts["trust"] == pytest.approx(mean_of(database, part, valued))
        taken = "avg(json_extract(guards, '$.dullness.points'))"
        assert figures.guards["dullness"] == pytest.approx(mean_of(database, taken, valued))
        assert figures.objected["dullness"] == count(
            f"SELECT count(*) FROM {valued} AND json_extract(guards, '$.dullness.points') > 0"
        )
    assert sum(one.reply_rewards) == 22
    assert one.candidate_rewards[5] == count(
        "SELECT count(*) FROM night_rewards JOIN scores ON id = score_id "
        "WHERE candidate_id IS NOT NULL AND total >= 2.5 AND total < 3"
    )
    trust = by(f"SELECT metric, reviews FROM night_trust {night}")
    assert {row.metric: row.reviews for row in summary.trust} == trust
    steps = by("SELECT step, done FROM night_steps")
    assert {step.step: step.done for step in summary.steps} == steps
    assert (summary.adapter, summary.active_before) == (ADAPTER, BEFORE)
    assert summary.seconds == sum(step.seconds or 0 for step in summary.steps) == 2464


def test_what_was_read_again_and_left_out_is_told(database: Database, tmp_path: Path) -> None:
    summary = summary_of(database, tmp_path / DATE, "published")
    assert (summary.read_again, summary.left_out) == (3, {"anonymous_cap": 2})
    markdown = report_markdown(summary)
    assert "| 読み直した言葉 | 3 |" in markdown
    assert "| 稽古に使わず | 名のない人の上限 | 2 |" in markdown
    assert "稽古に使わなかったペア" in report_html(summary)


def mean_of(database: Database, what: str, source: str) -> float:
    with database.reading() as session:
        return float(session.execute(text(f"SELECT {what} FROM {source}")).scalar_one())


def counted(database: Database, sql: str, date: str) -> int:
    with database.reading() as session:
        return int(session.execute(text(sql), {"date": date}).scalar_one())


FIGURES = {
    "turns": "SELECT count(*) FROM night_turns WHERE night_date = :date",
    "visitors": "SELECT count(DISTINCT visitor_id) FROM night_turns JOIN turns t ON t.id = turn_id "
    "JOIN conversations c ON c.id = conversation_id WHERE night_date = :date",
    "trained_pairs": "SELECT count(*) FROM night_training WHERE night_date = :date",
    "pairs": "SELECT count(*) FROM pairs WHERE night_date = :date",
    "scored": "SELECT count(*) FROM night_rewards WHERE night_date = :date",
    "unscored": "SELECT count(DISTINCT subject_id) FROM score_failures f WHERE reply_id IN "
    "(SELECT r.id FROM replies r JOIN night_turns n ON n.turn_id = r.turn_id "
    "WHERE night_date = :date) AND NOT EXISTS "
    "(SELECT 1 FROM scores s WHERE s.subject_id = f.subject_id)",
    "unexplained_turns": "SELECT count(*) FROM night_turns WHERE night_date = :date AND turn_id "
    "NOT IN (SELECT turn_id FROM pairs WHERE night_date = :date) AND turn_id "
    "NOT IN (SELECT turn_id FROM pair_drops WHERE night_date = :date)",
}


@pytest.mark.parametrize("second", ["published", "refused", "skipped", "failed", "stopped"])
def test_two_nights_over_the_same_turns_count_their_own(
    database: Database, tmp_path: Path, second: NightEnd
) -> None:
    """One waits for its operators while the next reads what it read, at overlapping times."""
    next_date = "2026-09-25"
    with database.session() as session:
        talked = make_night(session, tmp_path / DATE, NOW, "waiting")
        later = NOW + timedelta(seconds=30)
        make_night(session, tmp_path / next_date, later, second, date=next_date, talked=talked)
        make_night(session, tmp_path / "other", later, "skipped", turns=18, date="2026-09-26")
    with database.reading() as session:
        nights = {
            date: report_json(summarise_night(session, date))
            for date in (DATE, next_date, "2026-09-26")
        }
    for date, content in nights.items():
        for figure, sql in FIGURES.items():
            assert content[figure] == counted(database, sql, date), (date, figure)
    trained = second in ("published", "refused")
    assert [content["trained_pairs"] for content in nights.values()] == [0, 8 * trained, 0]
    assert [content["turns"] for content in nights.values()] == [24, 24, 18]
    assert [content["scored"] for content in nights.values()] == [118, 118, 16 + 72]
    assert [content["unscored"] for content in nights.values()] == [2, 2, 2]
    # One verdict on a shared reply, worth something else in each night.
    assert nights[DATE]["trust"] != nights[next_date]["trust"]


def test_every_turn_without_a_pair_has_a_reason(database: Database, tmp_path: Path) -> None:
    summary = summary_of(database, tmp_path / DATE, "skipped")
    counts = summary.counts
    assert (counts.turns, counts.paired_turns, counts.explained_turns) == (24, 8, 16)
    assert counts.unexplained_turns == 0
    with database.session() as session:
        session.execute(text("DELETE FROM pair_drops WHERE reason = 'unscored'"))
    with database.reading() as session:
        assert summarise_night(session, DATE).counts.unexplained_turns == 1
    pages = report_markdown(summary), report_html(summary)
    for reason in counts.drops:
        assert all(DROPS[reason] in page for page in pages)


def test_every_reason_of_pairing_has_a_name() -> None:
    pattern = (
        r'(?:reason=|reasons\.add\(|_(?:drop|nothing)\(group, |None = )"(\w+)"|return "(\w+_cap)"'
    )
    sources = [
        Path(str(module.__file__)).read_text() for module in (pairs, pair_caps, pair_proposals)
    ]
    named = {one or cap for source in sources for one, cap in re.findall(pattern, source)}
    assert {"margin", "one_reply", "personal_data", "phrase_cap"} <= named
    assert named <= set(DROPS)


def test_trust_parts_and_health_are_on_every_page(database: Database, tmp_path: Path) -> None:
    summary = summary_of(database, tmp_path / DATE, "refused")
    markdown, page = report_markdown(summary), report_html(summary)
    widest = summary.reward_pairs[0]
    assert len(summary.reward_pairs) == 3
    assert len(summary.trust) == 12
    for written in (markdown, page):
        assert f"差 {widest.chosen.total - widest.rejected.total:+.2f}" in written
        part = widest.chosen.metrics["topic"]
        assert f"{METRIC_NAMES['topic']}（{part['weight']:.2f} × {part['trust']:.2f}）" in written
        assert f"{part['part']:.2f}（{part['value']:.1f}）" in written
        assert "順位の相関 0.38（95 % 区間 0.27 – 0.48、返事 402）" in written
        assert "採点できなかった返事 2：the reply is blank" in written
        assert "2 を通りませんでした" in written
        assert "口調・対 現役：0.071（境 0.04）" in written


@pytest.mark.parametrize("status", ENDS)
def test_every_ending_has_a_report(database: Database, tmp_path: Path, status: NightEnd) -> None:
    summary = summary_of(database, tmp_path / DATE, status)
    paths = write_report(summary, tmp_path / DATE)
    content = json.loads(paths[0].read_text())
    assert content == report_json(summary)
    assert (content["status"], content["pairs"]) == (status, 8)
    markdown, page = paths[1].read_text(), paths[2].read_text()
    assert STATUS[status] in markdown
    assert STATUS[status] in page
    assert ('id="gates"' in page) == (status in ("published", "refused"))
    for written in (paths[0].read_text(), markdown, page):
        assert SECRET not in written


def test_a_report_of_a_failed_night_says_where_it_stopped(
    database: Database, tmp_path: Path
) -> None:
    summary = summary_of(database, tmp_path / DATE, "failed")
    assert summary.steps[-1].step == "train"
    assert summary.steps[-1].seconds is None
    page = report_html(summary)
    assert "killed &lt;b&gt;at 3 GB&lt;/b&gt;" in page
    assert "killed &lt;b>at 3 GB" in report_markdown(summary)


def test_curve_and_examples_come_from_the_folder(database: Database, tmp_path: Path) -> None:
    summary = summary_of(database, tmp_path / DATE, "refused")
    assert [point.step for point in summary.curve] == list(range(1, 41))
    assert summary.examples == EXAMPLES
    with database.reading() as session:
        bare = with_files(summarise_night(session, DATE), tmp_path / "nowhere")
    assert (bare.curve, bare.examples) == ((), ())
    (tmp_path / DATE / "examples.json").write_text('[{"kind": 1}]')
    assert with_files(bare, tmp_path / DATE).examples == ()


def test_the_page_needs_nothing_else(database: Database, tmp_path: Path) -> None:
    page = report_html(summary_of(database, tmp_path / DATE, "published"))
    addresses = set(re.findall(r"https?://[^\"'<> ]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert not re.findall(r"<script|<link|<img|url\((?!#)|@import", page)
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_failed_gates_come_first(database: Database, tmp_path: Path) -> None:
    page = report_html(summary_of(database, tmp_path / DATE, "refused"))
    assert page.index('class="fail"') < page.index('class="pass"')
    assert page.count('<tr class="fail">') == 2


def test_no_night_is_said_with_the_next_command(database: Database) -> None:
    with (
        database.reading() as session,
        pytest.raises(NightError, match=r"no night on 2026-01-01.*night status"),
    ):
        summarise_night(session, "2026-01-01")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(None, "—"), (0.25, "0.2 秒"), (59, "59 秒"), (61, "1 分 1 秒"), (3725, "1 時間 2 分")],
)
def test_durations(seconds: float | None, told: str) -> None:
    assert duration(seconds) == told


def test_every_gate_has_a_name() -> None:
    assert gate_name("voice.active") == "口調・対 現役"
    assert gate_name("drift.distinct_2") == "言葉の多様さ・通算のずれ"
    assert gate_name("something.new") == "something・new"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"steps": ()}, "サーバーが動いていなかった"),
        ({"skipped_for": "known"}, "新しく学ぶことがありませんでした"),
        ({"skipped_for": "bare"}, "素のモデル"),
        ({}, "足りません"),
    ],
)
def test_a_skipped_night_says_what_was_lacking(
    database: Database, tmp_path: Path, change: dict[str, object], sentence: str
) -> None:
    summary = replace(summary_of(database, tmp_path / DATE, "skipped"), **change)  # type: ignore[arg-type]
    for page in (report_markdown(summary), report_html(summary)):
        assert sentence in page
