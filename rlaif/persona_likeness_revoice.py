"""Her replies in voices that are not hers: what a classifier of her voice must tell apart.

What a reply says stays; only the pronoun or the endings change, so that nothing but the voice can
give it away.
"""

import random
import re
from collections.abc import Callable

from rlaif.fact_sentence import plain_past, plain_present
from rlaif.faults import as_other_speaker

PRONOUNS = ("私", "僕", "俺", "わたし", "あたし", "ぼく", "おれ")
RARE_PRONOUNS = ("うち", "自分", "吾輩", "おいら", "小生")
"""Named by no card and never fitted on; how far the voice is told without knowing the word."""
_HERS = "わたくし"
_ENDING = re.compile(
    "(?P<stem>[^。！？!?…、「」]*?)(?P<form>ませんでした|でした|ました|ません|です|ます)"
    "(?:わ|の|こと)(?P<soft>[ねよ]*)(?=[。！？!?…、」]|$)"
)
_ASKS_OR_WISHES = re.compile("くださいま[しせ]|なさいま[しせ]|ごめんあそばせ|ごきげんよう")
_PLAIN_WISH = {"くださ": "くれ", "なさい": "なよ", "ごめん": "ごめんな", "ごきげ": "やあ"}
_A_ROW = dict(zip("いきぎしちにびみり", "わかがさたなばまら", strict=True))


def swapped_pronoun(reply: str, pronoun: str) -> str:
    """Her endings kept, her pronoun replaced, or another put in front where there is none."""
    if _HERS in reply:
        return reply.replace(_HERS, pronoun)
    return f"{pronoun}、{reply}"


def plain_polite(reply: str, _rng: random.Random | None = None) -> str:
    """です and ます as anyone says them."""
    text = as_other_speaker(reply, ("私", "です", "ます"))
    text = re.sub("(ません|ました|でした)(?:わ|の)", r"\1", text)
    return re.sub("(?:ますこと|ですこと)", "です", re.sub("なさいま[しせ]", "ください", text))


def plain_endings(reply: str) -> str:
    """The endings of friends among themselves; her pronoun stays."""
    text = _ENDING.sub(_plain, reply).replace("かしら", "かな")
    return _ASKS_OR_WISHES.sub(lambda found: _PLAIN_WISH[found.group()[:3]], text)


def _plain(found: re.Match[str]) -> str:
    stem, form = found["stem"], found["form"]
    plain: str | None
    if form == "です":
        plain = stem if stem.endswith("い") else f"{stem}だ"
    elif form == "でした":
        plain = f"{stem}だった"
    elif form == "ます":
        plain = plain_present(re.sub("(?<=[しさ])ゃい$", "ゃり", stem))
    elif form == "ました":
        plain = plain_past(stem)
    else:
        denied = _denied(stem)
        past = form == "ませんでした"
        plain = denied and (denied.removesuffix("い") + "かった" if past else denied)
    return f"{plain or stem}{found['soft'] or 'よ'}"


def _denied(stem: str) -> str | None:
    if stem.endswith(("ござい", "あり")):
        return stem.removesuffix("ござい").removesuffix("あり") + "ない"
    if not stem:
        return None
    if stem.endswith(("し", "てい", "でい")):
        return stem + "ない"
    row = _A_ROW.get(stem[-1])
    return stem + "ない" if row is None else stem[:-1] + row + "ない"


Revoice = Callable[[str, random.Random], str]
"""A reply of hers and chance -> the same said in another voice."""


def other_speaker(speakers: tuple[tuple[str, str, str], ...]) -> Revoice:
    """Somebody of `speakers` says it."""
    return lambda reply, rng: as_other_speaker(reply, rng.choice(speakers))


def other_pronoun(pronouns: tuple[str, ...]) -> Revoice:
    """Her endings after one of `pronouns`."""
    return lambda reply, rng: swapped_pronoun(reply, rng.choice(pronouns))


def as_friends_talk(reply: str, rng: random.Random) -> str:
    """Plain endings, in half of the cases after her own pronoun."""
    plain = plain_endings(reply)
    return f"{_HERS}、{plain}" if _HERS not in reply and rng.random() < 0.5 else plain
