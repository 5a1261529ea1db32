"""Preference pairs in the few letters that the tiny model knows."""

from persona.engine import Message
from rlaif.preference import Preference
from rlaif.training_pairs import TrainingPair

_WORDS = ("ねこ", "いぬ", "ほん", "うみ", "やま", "そら", "はな", "ゆき", "つき", "かぜ")


def preference(
    turn: str, user: str, chosen: str, rejected: str, history: tuple[Message, ...] = ()
) -> Preference:
    """A pair by score, with an optional conversation before it."""
    return Preference(
        turn_id=turn,
        visitor_id="v",
        turns=(*history, Message(role="user", content=user)),
        facts=(),
        chosen_id=f"{turn}-c",
        chosen=chosen,
        rejected_id=f"{turn}-r",
        rejected=rejected,
        source="score",
        margin=1.0,
        disagreement=0.0,
    )


def asking_pairs(count: int) -> list[TrainingPair]:
    """Chosen asks back, rejected does not; every second one has a conversation before it."""
    before = (Message(role="user", content="やあ"), Message(role="assistant", content="はい。"))
    return [
        TrainingPair(
            id=f"pair-{n:03}",
            preference=preference(
                f"t{n}",
                f"{word}がすき",
                f"{word}ですのね。なぜですの？",
                f"{word}ですのね。そうですわ。",
                before if n % 2 else (),
            ),
        )
        for n, word in ((n, _WORDS[n % len(_WORDS)]) for n in range(count))
    ]


def seed_pairs(count: int, *, safety: int) -> list[TrainingPair]:
    """Pairs of the card; the first `safety` are about safety."""
    return [
        TrainingPair(
            id=f"seed-{n:03}",
            preference=preference(f"s{n}", "なまえは？", "あやねですわ。", "しらない"),
            safety=n < safety,
        )
        for n in range(count)
    ]
