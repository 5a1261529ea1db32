"""Rated data as commands name them: files, folders, the site's reviews; and `data import` of them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.clock import utc_now
from app.commands.data import command as data_command
from app.rated_choice import RatedChoice, load_rated
from app.settings import Settings, load_settings
from persona.errors import DataError
from store.database import open_database
from tests.persona.test_importers import json_lines
from tests.persona.test_rated_importers import rated, session
from tests.rlaif.test_rated_reviews import WORDS, rate
from tests.store.rehearsal import talk


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Of a home whose operator has rated three replies of three conversations."""
    settings = load_settings(tmp_path_factory.mktemp("site") / "home")
    settings.home.mkdir()
    database = open_database(settings.database_url)
    with database.session() as session:
        for value in (3.0, 5.0, 7.0):
            _, (turn,) = talk(session, utc_now(), WORDS)
            rate(session, turn.replies[0].id, value, utc_now())
    database.close()
    return settings


def test_reviews_and_files_are_named_alike(settings: Settings, tmp_path: Path) -> None:
    reviews = load_rated(settings, RatedChoice(data="reviews"))
    assert sorted(one.ratings["trust"] for one in reviews) == [3.0, 5.0, 7.0]
    assert len(load_rated(settings, RatedChoice(data="reviews", dialogues=2))) == 2
    path = json_lines(tmp_path / "reviews", *[rated(group=n) for n in range(4)])
    assert len(load_rated(settings, RatedChoice(data=str(path)))) == 4
    assert len(load_rated(settings, RatedChoice(data=str(path), format="rated", dialogues=3))) == 3


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        (RatedChoice(data="blind-reviews"), "the database holds no blind-reviews of replies"),
        (RatedChoice(data="reviews", format="rated"), "--format is 'rated' beside --data reviews"),
        (RatedChoice(data="nowhere.csv"), "nowhere.csv does not exist"),
    ],
)
def test_nothing_to_read_is_one_sentence(
    settings: Settings, choice: RatedChoice, sentence: str
) -> None:
    with pytest.raises(DataError) as caught:
        load_rated(settings, choice)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_reviews_that_were_learnt_are_not_measured_on(settings: Settings) -> None:
    with pytest.raises(DataError, match=r"holds no reviews given after 20\d\d-"):
        load_rated(settings, RatedChoice(data="reviews", learnt_until=utc_now()))


def test_an_import_tells_terms_and_what_is_unusual(tmp_path: Path) -> None:
    path = json_lines(tmp_path / "j.jsonl", session(), session(session="s2", Trust=11))
    arguments = ["import", "jtransformer-eval", str(path), "--home", str(tmp_path / "home")]
    told = CliRunner().invoke(data_command, arguments)
    assert told.exit_code == 0, told.output
    assert "read 2, kept 1" in told.output
    assert "refused 1: trust is no number from 0 to 10 (first: j.jsonl row 2, '11')" in told.output
    assert "note: 1 sessions were kept; the paper counts 1,600" in told.output
    assert "for evaluation only" in told.output
    facts = json.loads(CliRunner().invoke(data_command, [*arguments, "--json"]).output)
    assert facts["notes"] == ["1 sessions were kept; the paper counts 1,600"]
    assert facts["may_train"] is False
    [one] = load_rated(load_settings(tmp_path), RatedChoice(data=facts["written"]))
    assert not one.licence.may_train


def test_import_lists_the_formats() -> None:
    shown = CliRunner().invoke(data_command, ["import", "--help"])
    listed = shown.output.split("Formats:")[1]
    for name in ("jtransformer-eval", "rated", "realpersonachat", "reviews"):
        assert name in listed
