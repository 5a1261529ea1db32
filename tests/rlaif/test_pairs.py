"""From turns to pairs: who is chosen, who is rejected, and why a turn gives nothing."""

from dataclasses import replace
from random import Random

import pytest

from persona.engine import Message
from rlaif.errors import PairingError
from rlaif.pairs import (
    CapSettings,
    PairHistory,
    Pairing,
    PairSettings,
    ProposalSettings,
    make_pairs,
)
from rlaif.preference import GuardPart, Option, PromptGroup
from tests.rlaif.pairing import group, option

HOUSE = PairHistory(seed_rows=4000)
SETTINGS = PairSettings()

WALK = "河川敷まで歩いて、石を三つ拾いますわ。"
STOCK = "それはとても素敵なことですわねえ。"
BREAD = "真帆のお店で、揚げたてを待ちますの。"
LONG = "長野の祖父に手紙を書きますわ。まず便箋を選び、次にインクを選び、それから眠りますの。"


def pair(
    *groups: PromptGroup, settings: PairSettings = SETTINGS, history: PairHistory = HOUSE
) -> Pairing:
    return make_pairs(groups, settings, history, Random(1))


def reasons(pairing: Pairing) -> list[str]:
    return [drop.reason for drop in pairing.drops]


def three(*rewards: float | None) -> list[Option]:
    return [
        option(f"o{at}", text, reward)
        for at, (text, reward) in enumerate(zip((WALK, STOCK, BREAD), rewards, strict=True))
    ]


def test_the_rarest_good_reply_beats_the_commonest_bad_one() -> None:
    crowd = [
        group(f"t{n}", [option(f"s{n}", STOCK, 2.0), option(f"w{n}", WALK, 7.0)]) for n in range(3)
    ]
    turn = group(
        "turn",
        [
            option("common good", WALK, 7.5),
            option("rare good", BREAD, 7.0),
            option("common bad", STOCK, 2.0),
            option("rare bad", "靴下の片方を、風に貸しましたわね。", 1.0),
        ],
    )
    made = pair(*crowd, turn)
    ours = next(each for each in made.pairs if each.turn_id == "turn")
    assert (ours.chosen_id, ours.rejected_id) == ("rare good", "common bad")
    assert ours.source == "score"
    assert ours.margin == pytest.approx(5.0)


def test_nothing_under_the_bar_of_the_night_is_chosen() -> None:
    good = [
        group(f"t{n}", [option(f"a{n}", WALK, 9.0), option(f"b{n}", BREAD, 8.0)]) for n in range(9)
    ]
    made = pair(*good, group("poor", [option("x", WALK, 3.0), option("y", BREAD, 1.0)]))
    assert [drop.reason for drop in made.drops if drop.turn_id == "poor"] == ["below_bar"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (three(5.0, 5.1, 5.0), "margin"),
        ([option("a", LONG, 8.0), option("b", WALK, 2.0)], "length"),
        ([option("a", WALK, 8.0), option("b", STOCK, None)], "unscored"),
        ([option("a", WALK, 8.0)], "one_reply"),
        ([option("a", WALK, 8.0), replace(option("b", STOCK, 2.0), flagged=True)], "one_reply"),
        (
            [option("a", "番号は090-1234-5678ですわ。", 8.0), option("b", WALK, 2.0)],
            "personal_data",
        ),
        (
            [option("a", WALK, 8.0, "regenerated_away", kind="reply"), option("b", BREAD, 2.0)],
            "conflict",
        ),
    ],
)
def test_a_turn_without_a_pair_says_why(options: list[Option], reason: str) -> None:
    made = pair(group("turn", options))
    assert made.pairs == ()
    assert reasons(made) == [reason]


def test_a_flagged_turn_gives_nothing() -> None:
    assert reasons(pair(group("turn", three(8.0, 1.0, 1.0), flagged=True))) == ["flagged"]


def test_scored_pairs_are_alike_in_length() -> None:
    sizes = [10, 12, 13, 25]
    options = [
        option(f"o{n}", "あいうえおかきくけこ"[: n % 10] + "茶" * (n - n % 10), 2.0 * at)
        for at, n in enumerate(sizes)
    ]
    settings = PairSettings(proposal=ProposalSettings(pairs_per_turn=4))
    for made in pair(group("turn", options), settings=settings).pairs:
        a, b = sorted((len(made.chosen), len(made.rejected)))
        assert b <= 1.2 * a


def test_an_edit_beats_its_original_whatever_the_scores_say() -> None:
    made = pair(
        group("low", [option("x", WALK, 9.0), option("y", STOCK, 9.0)]),
        group(
            "turn",
            [
                option("original", STOCK, 5.0, kind="reply"),
                option("edit", WALK, None, kind="edit"),
                option("other", BREAD, 9.5),
            ],
        ),
    )
    ours = next(each for each in made.pairs if each.turn_id == "turn")
    assert (ours.chosen_id, ours.rejected_id, ours.source) == ("edit", "original", "edit")
    assert ours.margin is None
    assert ours.disagreement == 1.0


def test_an_operators_edit_settles_a_turn_without_conflict() -> None:
    turn = group(
        "turn",
        [
            option("shown", STOCK, 9.0, "regenerated_away", kind="reply"),
            option("theirs", WALK, None, "operator", kind="edit"),
            option("made", BREAD, 1.0),
        ],
    )
    made = pair(turn)
    assert made.conflicts == ()
    assert [(each.chosen_id, each.source) for each in made.pairs] == [("theirs", "operator")]


def test_the_kept_variant_beats_the_one_regenerated_away() -> None:
    turn = group(
        "turn",
        [
            option("first", STOCK, 4.0, "regenerated_away", kind="reply"),
            option("second", WALK, 3.9, "kept", kind="reply"),
            option("made", BREAD, 8.0),
        ],
    )
    (ours,) = pair(turn).pairs
    assert (ours.chosen_id, ours.rejected_id, ours.source) == ("second", "first", "regenerated")
    assert ours.margin == pytest.approx(-0.1)


def test_thumbs_of_two_variants_make_a_pair() -> None:
    turn = group(
        "turn",
        [
            option("down", STOCK, 3.0, "thumb_down", kind="reply"),
            option("up", WALK, 5.0, "thumb_up", kind="reply"),
            option("made", BREAD, 8.0),
        ],
    )
    (ours,) = pair(turn).pairs
    assert (ours.chosen_id, ours.rejected_id, ours.source) == ("up", "down", "thumb")


def test_an_operators_verdict_outweighs_what_the_visitor_did() -> None:
    """The visitor went from the first to the second and liked it; the operator did not."""
    turn = group(
        "turn",
        [
            option("first", STOCK, 3.0, "regenerated_away", "operator_good", kind="reply"),
            option("second", WALK, 3.5, "kept", "thumb_up", "operator_bad", kind="reply"),
        ],
    )
    (ours,) = pair(turn).pairs
    assert (ours.chosen_id, ours.rejected_id, ours.source) == ("first", "second", "verdict")


def test_a_verdict_alone_takes_its_side_and_the_scores_the_other() -> None:
    bad = group("t1", [option("a", STOCK, 3.0, "operator_bad", kind="reply"), *three(2.9, 1, 8.0)])
    (ours,) = pair(bad).pairs
    assert (ours.chosen_id, ours.rejected_id, ours.source) == ("o2", "a", "verdict")
    good = group("t2", [option("b", WALK, 7.0, "operator_good", kind="reply"), *three(9.0, 1, 8)])
    (ours,) = pair(good).pairs
    assert (ours.chosen_id, ours.rejected_id, ours.source) == ("b", "o1", "verdict")
    again = replace(good, evidence_only=True)
    assert [one.source for one in pair(again).pairs] == ["verdict"]


@pytest.mark.parametrize(
    ("verdict", "rejected"), [("operator_bad", "disputed"), ("operator_good", "poor")]
)
def test_a_verdict_settles_what_would_be_a_conflict(verdict: str, rejected: str) -> None:
    liked = option("disputed", BREAD, 9.0, "thumb_down", kind="reply")
    others = [option("made", WALK, 5.0), option("poor", STOCK, 1.0)]
    assert [one.reply_id for one in pair(group("turn", [liked, *others])).conflicts] == ["disputed"]
    said = replace(liked, signals=liked.signals | {verdict})  # type: ignore[arg-type]
    made = pair(group("turn", [said, *others]))
    assert made.conflicts == ()
    (ours,) = made.pairs
    assert (ours.rejected_id, ours.source) == (rejected, "verdict")


def test_a_thumb_alone_takes_its_side_and_the_scores_the_other() -> None:
    down = group("t1", [option("a", STOCK, 3.0, "thumb_down", kind="reply"), *three(2.9, 1, 8.0)])
    (ours,) = pair(down).pairs
    assert (ours.chosen_id, ours.rejected_id, ours.source) == ("o2", "a", "thumb")
    up = group("t2", [option("b", WALK, 7.0, "thumb_up", kind="reply"), *three(9.0, 1, 8.0)])
    (ours,) = pair(up).pairs
    assert (ours.chosen_id, ours.rejected_id, ours.source) == ("b", "o1", "thumb")


@pytest.mark.parametrize("signal", ["thumb_down", "regenerated_away", "edited"])
def test_a_signal_against_a_top_fifth_reply_is_withheld(signal: str) -> None:
    turns = [group(f"t{n}", [option(f"a{n}", WALK, 1.0 + n / 10)]) for n in range(8)]
    disputed = group(
        "turn",
        [
            option("liked by the judge", BREAD, 9.0, signal, kind="reply"),  # type: ignore[arg-type]
            option("kept", STOCK, 1.0, "kept", kind="reply"),
            option("edit", WALK, None, kind="edit"),
        ],
    )
    made = pair(*turns, disputed)
    assert "turn" not in [each.turn_id for each in made.pairs]
    (conflict,) = made.conflicts
    assert (conflict.turn_id, conflict.reply_id) == ("turn", "liked by the judge")
    assert conflict.signal == signal
    assert conflict.reward_quantile >= 0.8


def test_a_thumb_that_an_operator_confirmed_beats_the_score() -> None:
    disliked = option("disliked", BREAD, 9.0, "thumb_down", kind="reply")
    others = [option("made", WALK, 5.0), option("poor", STOCK, 1.0)]
    (conflict,) = pair(group("turn", [disliked, *others])).conflicts
    assert conflict.signal == "thumb_down"
    confirmed = replace(disliked, confirmed=frozenset({"thumb_down"}))
    made = pair(group("turn", [confirmed, *others]))
    assert made.conflicts == ()
    (ours,) = made.pairs
    assert (ours.chosen_id, ours.rejected_id, ours.source) == ("made", "disliked", "thumb")


def test_a_regeneration_that_an_operator_confirmed_is_evidence_again() -> None:
    first = option("first", STOCK, 9.0, "regenerated_away", kind="reply")
    rest = [option("second", WALK, 3.0, "kept", kind="reply"), option("made", BREAD, 1.0)]
    assert pair(group("turn", [first, *rest])).pairs == ()
    confirmed = replace(first, confirmed=frozenset({"regenerated_away"}))
    (ours,) = pair(group("turn", [confirmed, *rest])).pairs
    assert (ours.chosen_id, ours.rejected_id, ours.source) == ("second", "first", "regenerated")


def test_a_turn_read_before_gives_what_people_said_and_nothing_else() -> None:
    options = three(8.0, 1.0, 5.0)
    silent = replace(group("turn", options), evidence_only=True)
    assert reasons(pair(silent)) == ["read_before"]
    liked = replace(options[2], signals=frozenset({"thumb_up"}), kind="reply")
    spoken = replace(silent, options=(options[0], options[1], liked))
    (ours,) = pair(spoken).pairs
    assert (ours.chosen_id, ours.rejected_id, ours.source) == ("o2", "o1", "thumb")
    assert reasons(pair(replace(spoken, paired=frozenset({("o2", "o1")})))) == ["paired_before"]
    assert len(pair(replace(spoken, paired=frozenset({("o1", "o2")}))).pairs) == 1


def test_an_edit_that_was_paired_is_not_replaced_by_weaker_evidence() -> None:
    options = [
        option("first", STOCK, 4.0, "regenerated_away", "edited", kind="reply"),
        option("second", BREAD, 3.9, "kept", kind="reply"),
        option("theirs", WALK, None, "operator", kind="edit"),
    ]
    turn = replace(
        group("turn", options), evidence_only=True, paired=frozenset({("theirs", "first")})
    )
    made = pair(turn)
    assert (made.pairs, reasons(made)) == ((), ["paired_before"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"flagged": True}, "unsafe_edit"),
        ({"penalties": {"register": 2.5}}, "chosen_breaks_guard"),
    ],
)
def test_an_operators_edit_is_guarded_and_its_drop_told(
    change: dict[str, object], reason: str
) -> None:
    edit = replace(option("theirs", WALK, None, "operator", kind="edit"), **change)  # type: ignore[arg-type]
    others = [
        option("shown", STOCK, 2.0, "edited", kind="reply"),
        option("made", BREAD, 8.0),
    ]
    made = pair(group("turn", [edit, *others]))
    assert "theirs" not in [each.chosen_id for each in made.pairs]
    assert reason in reasons(made)


def test_a_reply_that_breaks_a_guard_is_never_chosen() -> None:
    bad = option("edit", WALK, 5.0, kind="edit")
    assert bad.reward is not None
    bad = replace(
        bad, reward=replace(bad.reward, guards={"register": GuardPart(severity=1.0, points=2.5)})
    )
    made = pair(group("turn", [option("o", STOCK, 5.0, "edited", kind="reply"), bad]))
    assert made.pairs == ()
    assert set(reasons(made)) <= {"chosen_breaks_guard", "conflict"}


def test_numbers_of_people_are_masked_over_turns() -> None:
    turn = replace(
        group("turn", three(8.0, 1.0, 2.0)),
        turns=(
            Message(role="user", content="番号は090-12"),
            Message(role="assistant", content="続きをどうぞ。"),
            Message(role="user", content="34-5678だよ"),
        ),
        facts=("連絡先は03-1234-5678である。",),
    )
    (ours,) = pair(turn).pairs
    text = "".join(each.content for each in ours.turns) + "".join(ours.facts)
    assert not any(letter.isdigit() for letter in text)


def test_more_scatter_is_more_disagreement() -> None:
    def disagreement(spread: float, gap: float) -> float:
        options = [
            option("a", WALK, 5 + gap, spread=spread),
            option("b", STOCK, 5, spread=spread),
        ]
        return pair(group("turn", options)).pairs[0].disagreement

    assert disagreement(0.0, 2.0) == 0.0
    assert 0 < disagreement(0.5, 2.0) < disagreement(1.5, 2.0) < 1
    assert disagreement(1.0, 3.0) < disagreement(1.0, 0.5)


def test_near_duplicates_count_once_tonight_and_over_nights() -> None:
    night = [
        group(
            f"t{n}",
            [option(f"a{n}", WALK + "！" * n, 8.0), option(f"b{n}", STOCK, 1.0)],
            visitor=f"v{n}",
        )
        for n in range(4)
    ]
    made = pair(*night)
    assert len(made.pairs) == 1
    assert reasons(made) == ["duplicate"] * 3


def test_every_turn_is_accounted_for_and_the_result_is_stable() -> None:
    rng = Random(5)
    words = ["紅茶", "雨", "猫", "電車", "劇場", "モンブラン", "宿題", "湖", "時計", "手紙", "窓辺"]
    groups = [
        group(
            f"t{n}",
            [
                option(f"t{n}-{k}", "と".join(rng.sample(words, 4)) + "ですわ。", rng.uniform(2, 8))
                for k in range(rng.randint(1, 5))
            ],
            visitor=f"v{rng.randrange(12)}",
            asked="や".join(rng.sample(words, 3)),
        )
        for n in range(150)
    ]
    first, second = pair(*groups), pair(*groups)
    assert first == second
    seen = {each.turn_id for each in first.pairs} | {drop.turn_id for drop in first.drops}
    assert seen == {each.turn_id for each in groups}
    assert len(first.pairs) > 20


def test_a_turn_twice_is_refused() -> None:
    with pytest.raises(PairingError, match="'t' comes twice"):
        pair(group("t", []), group("t", []))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: ProposalSettings(night_bar=1.5),
        lambda: ProposalSettings(margin=0),
        lambda: ProposalSettings(pairs_per_turn=0),
        lambda: ProposalSettings(length_tolerance=-1),
        lambda: CapSettings(per_night=0),
        lambda: CapSettings(share=2),
        lambda: CapSettings(duplicate=0),
    ],
)
def test_settings_out_of_range_are_refused(wrong: object) -> None:
    with pytest.raises(PairingError):
        wrong()  # type: ignore[operator]
