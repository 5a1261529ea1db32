"""What is put aside stays aside: dialogues, raters, systems."""

from persona.engine import Message
from persona.importers.report import ImportedRow, Licence, Rating
from rlaif.rated_dialogues import RatedDialogue, rating_names, seat_raters
from rlaif.rating_splits import SplitPlan, make_splits

LICENCE = Licence(name="own", may_train=True, notice="")


def _talk(*texts: str) -> tuple[Message, ...]:
    return tuple(
        Message(role="assistant" if n % 2 else "user", content=text) for n, text in enumerate(texts)
    )


def _chats(people: int, each: int) -> list[RatedDialogue]:
    """Everybody talks with the next `each` people; both rate."""
    rows = []
    for a in range(people):
        for step in range(1, each + 1):
            b = (a + step) % people
            rows.append(
                ImportedRow(
                    id=f"chat-{a}-{b}",
                    messages=_talk("こんにちは", "どうも", "雨ですね", "そうですね"),
                    licence=LICENCE,
                    speaker=f"person-{b}",
                    ratings=tuple(
                        Rating(rater=f"person-{one}", scores=(("interest", 3 + one % 3),))
                        for one in (a, b)
                    ),
                )
            )
    return seat_raters(rows)


def test_every_rater_sits_in_the_users_seat() -> None:
    first, second = _chats(2, 1)[:2]
    assert (first.rater, first.system) == ("person-0", "person-1")
    assert [m.role for m in first.messages] == ["user", "assistant"] * 2
    assert (second.rater, second.system) == ("person-1", "person-0")
    assert [m.role for m in second.messages] == ["assistant", "user"] * 2
    assert rating_names([first, second]) == ("interest",)


def test_exchanges_are_spread_and_end_with_the_last_reply() -> None:
    texts = [f"{n}" for n in range(20)]
    one = RatedDialogue(
        group="g", messages=_talk(*texts), rater="", system="", ratings={}, licence=LICENCE
    )
    assert [d.reply for d in one.exchanges(1)] == ["19"]
    replies = [d.reply for d in one.exchanges(3)]
    assert len(replies) == 3
    assert replies[-1] == "19"
    assert all(d.turns[-1].role == "user" for d in one.exchanges(3))
    assert len(one.exchanges(99)) == 10


def test_no_dialogue_is_on_two_sides() -> None:
    data = _chats(30, 4)
    for split in make_splits(data, SplitPlan()):
        sides = [
            {data[n].group for n in rows} for rows in (split.fit, split.validation, split.test)
        ]
        assert all(sides), split.name
        assert not sides[0] & sides[1] | sides[0] & sides[2] | sides[1] & sides[2], split.name


def test_unseen_raters_and_systems_take_no_part_in_fitting() -> None:
    data = _chats(30, 4)
    splits = {split.name: split for split in make_splits(data, SplitPlan())}
    raters, systems = splits["unseen_raters"], splits["unseen_systems"]
    fitted = {data[n].rater for n in (*raters.fit, *raters.validation)}
    assert not fitted & {data[n].rater for n in raters.test}
    fitted = {data[n].system for n in (*systems.fit, *systems.validation)}
    assert not fitted & {data[n].system for n in systems.test}
    assert splits["unseen_raters_within"].test == raters.test
    assert splits["unseen_raters_within"].centred_by == "rater"
    assert splits["within_system"].centred_by == "system"


def test_data_that_name_nobody_allow_the_random_split_only() -> None:
    data = [
        RatedDialogue(
            group=f"{n}", messages=_talk("a", "b"), rater="", system="", ratings={"trust": n},
            licence=LICENCE,
        )
        for n in range(40)
    ]  # fmt: skip
    assert [split.name for split in make_splits(data, SplitPlan())] == ["random"]
    assert make_splits(data, SplitPlan()) == make_splits(data, SplitPlan())
