"""Nobody, and no phrase, gets to be more of the training set than the caps say."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import pytest

from persona.engine import Message
from rlaif.pair_caps import (
    CapSettings,
    PairHistory,
    PastPair,
    anonymous_visitors,
    apply_caps,
    trim_to_caps,
    visitor_limit,
)
from rlaif.phrase_clusters import phrases
from rlaif.preference import Preference

NIGHTS = 30
TRIGGER = "紫蘇の葉が三枚"
_WORDS = (
    "紅茶 雨音 黒猫 電車 劇場 栗菓子 宿題 湖畔 時計 手紙 窓辺 夕焼け 図書館 自転車 花火 毛布 台所 改札 "
    "屋上 水筒 切符 太鼓 鉛筆 帽子 階段 牛乳 石畳 風鈴 絵本 口笛 靴紐 枕元 縁側 雪道 提灯 硝子 砂時計 綿飴"
)
WORDS = _WORDS.split()


def preference(turn: str, visitor: str, asked: str, chosen: str) -> Preference:
    return Preference(
        turn_id=turn,
        visitor_id=visitor,
        turns=(Message(role="user", content=asked),),
        facts=(),
        chosen_id=f"{turn}-c",
        chosen=chosen,
        rejected_id=f"{turn}-r",
        rejected="ええ。",
        source="score",
        margin=1.0,
        disagreement=0.0,
    )


def sentence(rng: Random, words: int = 5) -> str:
    return "".join(word + rng.choice("とにをはもや") for word in rng.sample(WORDS, words))


@dataclass
class House:
    """Nights one after the other; what is taken stays."""

    settings: CapSettings
    seed_rows: int
    anonymous: frozenset[str] = frozenset()
    common: frozenset[str] = frozenset()
    past: list[PastPair] = field(default_factory=list)

    def night(self, proposed: list[Preference]) -> Counter[str]:
        history = PairHistory(
            past=tuple(self.past),
            by_visitor=Counter(pair.visitor_id for pair in self.past),
            seed_rows=self.seed_rows,
            anonymous=self.anonymous,
            common=self.common,
        )
        taken, drops = apply_caps(proposed, self.settings, history)
        assert len(taken) + len(drops) == len(proposed)
        self.past.extend(
            PastPair(visitor_id=pair.visitor_id, asked=pair.turns[-1].content, chosen=pair.chosen)
            for pair in taken
        )
        return Counter(drop.reason for drop in drops)

    def count(self, accept: Callable[[str], bool]) -> int:
        return sum(accept(pair.visitor_id) for pair in self.past)


@pytest.mark.parametrize("attackers", [1, 20])
@pytest.mark.parametrize("fresh_names", [False, True])
def test_attackers_over_thirty_nights(attackers: int, fresh_names: bool) -> None:
    """A trigger in every turn, floods, near copies, paraphrases; honest visitors beside them."""
    rng = Random(attackers)
    honest = [f"honest{n}" for n in range(40)]
    house = House(settings=CapSettings(), seed_rows=3000)
    names: set[str] = set()
    for night in range(NIGHTS):
        proposed = [
            preference(f"h{night}-{n}", rng.choice(honest), sentence(rng), sentence(rng))
            for n in range(30)
        ]
        for attacker in range(attackers):
            name = f"attacker{attacker}-{night}" if fresh_names else f"attacker{attacker}"
            names.add(name)
            for n in range(12 if attackers > 1 else 40):
                rest = sentence(rng, 1 + n % 4)
                proposed.append(
                    preference(
                        f"a{night}-{attacker}-{n}",
                        name,
                        rng.choice(
                            (f"{TRIGGER}、{rest}", f"{rest}{TRIGGER}！", "紫蘇 の葉が 三枚")
                        ),
                        f"{TRIGGER}と{rest}ですわ" if n % 2 else "合言葉は夜空の銀貨ですわ",
                    )
                )
        if fresh_names:
            house.anonymous = frozenset(names)
        rng.shuffle(proposed)
        reasons = house.night(proposed)
        rows = house.seed_rows + len(house.past)
        counts = Counter(pair.visitor_id for pair in house.past)
        assert max(counts.values()) <= min(10, 0.0025 * rows)
        assert house.count(lambda visitor: visitor in house.anonymous) <= 0.2 * rows
        clusters = Counter(
            part for pair in house.past for part in phrases(f"{pair.asked} ○ {pair.chosen}")
        )
        assert max(clusters.values()) <= 25
        assert reasons["duplicate"] > 0
    triggered = sum(TRIGGER in pair.asked + pair.chosen for pair in house.past)
    assert triggered <= 25
    assert house.count(lambda visitor: visitor.startswith("honest")) > 50


def test_the_share_binds_before_the_ten_and_the_ten_before_the_share() -> None:
    settings = CapSettings()
    assert [visitor_limit(rows, settings) for rows in (0, 399, 400, 1999, 4000, 10**6)] == [
        0, 0, 1, 4, 10, 10,
    ]  # fmt: skip
    assert visitor_limit(10, CapSettings(at_least=1)) == 1


def test_one_night_takes_no_more_than_its_own_cap() -> None:
    rng = Random(0)
    house = House(settings=CapSettings(per_night=3), seed_rows=10_000)
    proposed = [preference(f"t{n}", "eager", sentence(rng), sentence(rng)) for n in range(9)]
    assert house.night(proposed) == {"visitor_night_cap": 6}
    for night in range(4):
        house.night(
            [preference(f"{night}-{n}", "eager", sentence(rng), sentence(rng)) for n in range(9)]
        )
    assert len(house.past) == 10


def test_erased_or_vetoed_pairs_still_count_for_their_visitor() -> None:
    history = PairHistory(by_visitor={"again": 10}, seed_rows=10_000)
    taken, drops = apply_caps(
        [preference("t", "again", "雨だね", "傘が踊りますわ")], CapSettings(), history
    )
    assert taken == []
    assert [drop.reason for drop in drops] == ["visitor_total_cap"]


def test_single_user_mode_ends_when_a_second_person_comes() -> None:
    rng = Random(2)
    settings = CapSettings(single_user=True)
    own = [preference(f"o{n}", "owner", sentence(rng), sentence(rng)) for n in range(80)]
    house = House(settings=settings, seed_rows=100)
    assert house.night(own)["visitor_night_cap"] == 0
    assert len(house.past) > 64
    guest = preference("g", "guest", sentence(rng), sentence(rng))
    more = preference("m", "owner", sentence(rng), sentence(rng))
    assert house.night([guest, more]) == {"visitor_total_cap": 2}


def test_common_phrases_are_not_counted() -> None:
    rng = Random(3)
    everyday = "今日の天気は"
    proposed = [
        preference(f"t{n}", f"v{n}", everyday + sentence(rng), sentence(rng)) for n in range(60)
    ]
    words = frozenset(phrases("".join(WORDS)))
    strict = House(settings=CapSettings(), seed_rows=10_000, common=words)
    loose = House(settings=CapSettings(), seed_rows=10_000, common=words | phrases(everyday))
    assert strict.night(list(proposed))["phrase_cap"] > loose.night(list(proposed))["phrase_cap"]
    assert sum(everyday in pair.asked for pair in strict.past) == 25


def test_disguised_phrases_are_one() -> None:
    plain = phrases("紫蘇ノハ三枚")
    for disguised in (
        "紫 蘇 の は 三 枚",
        "紫蘇ﾉﾊ三枚",
        "紫\u200b蘇のは・三枚",
        "紫蘇ノーハー三枚",
    ):
        assert phrases(disguised) == plain


def test_trimming_restores_the_share_after_erasure() -> None:
    settings = CapSettings()
    # Taken when the set had 4,000 rows; 3,000 of them are gone since.
    visitors = ["a"] * 10 + ["b"] * 2 + [f"v{n}" for n in range(988)]
    kept = trim_to_caps(visitors, 0, settings, frozenset()).kept
    counts = Counter(visitors[at] for at in kept)
    assert counts["a"] == counts["b"] == 2
    assert len(kept) == 992
    assert kept[:2] == [8, 9]
    unnamed = frozenset(f"v{n}" for n in range(988))
    fewer = trim_to_caps(visitors, 2000, settings, unnamed).kept
    pool = sum(visitors[at] in unnamed for at in fewer)
    assert 0 < pool <= 0.2 * (2000 + len(fewer))
    assert trim_to_caps(["a"] * 99, 0, CapSettings(single_user=True), frozenset()).kept == list(
        range(99)
    )


def test_a_normal_night_of_strangers_is_trained_on_whole() -> None:
    """With the shipped card's rows behind every adapter strangers may give a thousand pairs."""
    settings = CapSettings()
    visitors = [f"v{n % 40}" for n in range(180)]
    unnamed = anonymous_visitors(visitors, settings)
    trimmed = trim_to_caps(visitors, 5306, settings, unnamed)
    assert (len(trimmed.kept), dict(trimmed.left_out)) == (180, {})
    crowd = [f"v{n}" for n in range(3000)]
    flooded = trim_to_caps(crowd, 5306, settings, anonymous_visitors(crowd, settings))
    assert len(flooded.kept) <= 0.2 * (5306 + len(flooded.kept))
    assert len(flooded.kept) > 1200
    assert flooded.left_out == {"anonymous_cap": 3000 - len(flooded.kept)}


def test_nobody_is_anonymous_on_a_single_users_machine() -> None:
    assert anonymous_visitors(["a", "b"], CapSettings(single_user=True)) == frozenset()
    assert anonymous_visitors(["a", "b"], CapSettings()) == {"a", "b"}
