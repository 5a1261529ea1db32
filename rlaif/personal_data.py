"""Numbers that belong to people: found and masked before anything is trained on.

Seen: My Number (with its check digit), telephone, mail address, payment card (with Luhn's digit),
postal code; full-width, in kanji numerals or kana, split by spaces and hyphens or over turns.
Names and street addresses are not looked for: nothing is promised about them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

from persona.engine import Message
from rlaif.number_reading import WEAK, Group, chains, fold

DataKind = Literal["my_number", "phone", "mail", "card", "postal_code"]

LABELS: Mapping[DataKind, str] = {
    "my_number": "〔個人番号〕",
    "phone": "〔電話番号〕",
    "mail": "〔メールアドレス〕",
    "card": "〔カード番号〕",
    "postal_code": "〔郵便番号〕",
}

_AT = r"(?:@|\(at\)|\[at\]|アットマーク|あっとまーく|アット)"
_DOT = r"(?:\s?(?:\.|ドット|どっと|\(dot\)|\[dot\])\s?)"
_MAIL = re.compile(
    rf"[a-z0-9_%+-]+(?:{_DOT}[a-z0-9_%+-]+)*\s{{0,2}}{_AT}\s{{0,2}}"
    rf"[a-z0-9-]+(?:{_DOT}[a-z0-9-]+)*{_DOT}[a-z]{{2,}}",
    re.IGNORECASE,
)
_MAIL_TAIL = re.compile(r"([a-z0-9._%+@-]+)[^a-z0-9@]{0,6}$", re.IGNORECASE)
_MAIL_HEAD = re.compile(r"^[^a-z0-9@]{0,6}([a-z0-9._%+@-]+)", re.IGNORECASE)

_MOBILE = re.compile(r"0[5789]0[0-9]{8}|020[0-9]{8}|0800[0-9]{7}")
_LANDLINE = re.compile(r"0[1-9][0-9]{8}")
_ABROAD = re.compile(r"(?:010)?810?[1-9][0-9]{8,9}")
_PHONE_SIZES = frozenset(
    {
        (2, 4, 4), (3, 3, 4), (4, 2, 4), (5, 1, 4), (3, 4, 4), (4, 3, 3), (4, 3, 4), (4, 2, 4),
        (3, 2, 2, 4), (3, 4, 2, 2), (2, 4, 2, 2), (3, 2, 2, 2, 2), (2, 2, 2, 2, 2),
        (2, 8), (3, 7), (3, 8), (4, 6), (4, 7), (5, 5), (6, 4), (7, 4), (6, 5), (5, 6), (8, 3),
    }
)  # fmt: skip
_CARD_PREFIX = re.compile(
    r"4[0-9]{15}|(?:5[1-5]|2[2-7])[0-9]{14}|35[0-9]{14}|6[025][0-9]{14}|6[0-9]{18}|3[47][0-9]{13}"
    r"|3[068][0-9]{12}"
)
_MY_NUMBER_NAME = re.compile("マイナンバー|まいなんばー|個人番号|マイナ")
_CARD_NAME = re.compile("カード|クレカ|visa|master|jcb|amex", re.IGNORECASE)
_PHONE_NAME = re.compile("電話|携帯|ケータイ|スマホ|tel|fax|連絡先|番号", re.IGNORECASE)
_POSTAL_NAME = re.compile("〒|郵便")
_NAME_REACH = 16
# What a number that counts something is followed by.
_COUNTED = re.compile(
    r"\s?(?:円|個|人|件|年|歳|点|枚|本|回|時|分|秒|月|日|度|%|倍|票|匹|頁|ページ|km|kg|g|m)"
)
_HYPHEN = re.compile(r"\s?[\-‐-―−ー]\s?")
_SHORTEST_FRAGMENT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """A text with every find replaced by its label, and what kinds were found."""

    text: str
    kinds: frozenset[DataKind] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedTurns:
    """A conversation without them. `fragments`: the digits that were masked, piece by piece; she
    may say such a piece again without the rest (`mask` takes them)."""

    turns: tuple[Message, ...]
    kinds: frozenset[DataKind] = frozenset()
    fragments: Mapping[str, DataKind] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Find:
    at: int
    start: int
    end: int
    kind: DataKind
    digits: str = ""


def mask(text: str, *, fragments: Mapping[str, DataKind] | None = None) -> Masked:
    """Return the text with personal numbers replaced; `fragments` are masked wherever they stand."""
    folded = [fold(text)]
    finds = [*_find(folded), *_known(folded, fragments or {})]
    return Masked(text=_replaced(text, finds), kinds=frozenset(found.kind for found in finds))


def mask_turns(turns: Sequence[Message]) -> MaskedTurns:
    """Mask a conversation, also what one speaker spread over consecutive turns of theirs."""
    folded = [fold(turn.content) for turn in turns]
    finds: list[_Find] = []
    for role in ("user", "assistant", "system"):
        own = [at for at, turn in enumerate(turns) if turn.role == role]
        found = _find([folded[at] for at in own])
        finds.extend(replace(each, at=own[each.at]) for each in found)
    fragments: dict[str, DataKind] = {
        found.digits: found.kind for found in finds if len(found.digits) >= _SHORTEST_FRAGMENT
    }
    finds.extend(_known(folded, fragments))
    return MaskedTurns(
        turns=tuple(
            replace(
                turn, content=_replaced(turn.content, [each for each in finds if each.at == at])
            )
            for at, turn in enumerate(turns)
        ),
        kinds=frozenset(found.kind for found in finds),
        fragments=fragments,
    )


def my_number_ok(digits: str) -> bool:
    """The twelfth digit checks the eleven before it.

    Source: 総務省令 (平成26年) 第5条: 11 minus (sum of digit times weight, modulo 11), 0 from 10 on.
    """
    if len(digits) != 12:
        return False
    weights = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
    rest = sum(int(d) * w for d, w in zip(digits[:11], weights, strict=True)) % 11
    return int(digits[11]) == (0 if rest <= 1 else 11 - rest)


def luhn_ok(digits: str) -> bool:
    """The last digit checks the others. Source: ISO/IEC 7812-1, annex B."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def _find(texts: Sequence[str]) -> list[_Find]:
    """Finds in folded texts of one speaker, in order of kind, without overlaps in one text."""
    finds = list(_mails(texts))
    for chain in chains(texts):
        at = 0
        while at < len(chain):
            for end in range(len(chain), at, -1):
                kind = _kind(chain, at, end, texts)
                if kind:
                    finds.extend(_spans(chain[at:end], kind))
                    at = end - 1
                    break
            at += 1
    return finds


def _kind(chain: Sequence[Group], begin: int, end: int, texts: Sequence[str]) -> DataKind | None:
    """What chain[begin:end] is, were it one number."""
    part = chain[begin:end]
    digits = "".join(group.digits for group in part)
    if not 7 <= len(digits) <= 19:
        return None
    # A hyphen binds: a number may not begin or end in the middle of what hyphens hold together.
    if begin and not chain[begin].across and not WEAK.fullmatch(chain[begin].before):
        return None
    if end < len(chain) and not chain[end].across and not WEAK.fullmatch(chain[end].before):
        return None
    if _counts_something(part, texts):
        return None
    first = part[0]
    ahead = texts[first.at][max(0, first.start - _NAME_REACH) : first.start]
    shapes = _shapes(part)
    if _is_card(digits, shapes, ahead):
        return "card"
    if not _goes_on(chain, begin, end) and _is_my_number(digits, shapes, ahead):
        return "my_number"
    if _is_phone(digits, shapes, ahead):
        return "phone"
    if _is_postal_code(digits, part, ahead):
        return "postal_code"
    return None


def _goes_on(chain: Sequence[Group], begin: int, end: int) -> bool:
    """What keeps the groups of chain[begin:end] apart also parts them from the one beside them."""
    inside = {group.before for group in chain[begin + 1 : end] if not group.across}
    beside = {
        chain[at].before for at in (begin, end) if 0 < at < len(chain) and not chain[at].across
    }
    return bool(inside & beside)


def _is_card(digits: str, shapes: set[tuple[int, ...]], ahead: str) -> bool:
    if not _CARD_PREFIX.fullmatch(digits) or not luhn_ok(digits):
        return False
    usual = any(
        len(shape) == 1
        or set(shape) == {1}
        or (set(shape[:-1]) == {4} and shape[-1] <= 4)
        or shape in {(4, 6, 5), (4, 6, 4), (8, 8), (12, 4), (4, 12), (6, 10), (10, 6)}
        for shape in shapes
    )
    return usual or _CARD_NAME.search(ahead) is not None


def _is_my_number(digits: str, shapes: set[tuple[int, ...]], ahead: str) -> bool:
    if len(digits) != 12:
        return False
    if _MY_NUMBER_NAME.search(ahead):
        return True
    usual = {(12,), (4, 4, 4), (6, 6), (3, 3, 3, 3), (4, 8), (8, 4), (2,) * 6, (1,) * 12}
    return my_number_ok(digits) and bool(shapes & usual)


def _is_phone(digits: str, shapes: set[tuple[int, ...]], ahead: str) -> bool:
    if ahead.rstrip(" (").endswith("+"):
        return _ABROAD.fullmatch(digits) is not None
    if not (_MOBILE.fullmatch(digits) or _LANDLINE.fullmatch(digits)):
        return False
    usual = any(len(shape) == 1 or set(shape) == {1} or shape in _PHONE_SIZES for shape in shapes)
    return usual or _PHONE_NAME.search(ahead) is not None


def _is_postal_code(digits: str, part: Sequence[Group], ahead: str) -> bool:
    if len(digits) != 7:
        return False
    if _POSTAL_NAME.search(ahead):
        return True
    sizes = tuple(len(group.digits) for group in part)
    return sizes == (3, 4) and _HYPHEN.fullmatch(part[1].before) is not None


def _counts_something(part: Sequence[Group], texts: Sequence[str]) -> bool:
    """The number, or a piece of it at the end of a turn, is followed by a unit."""
    ends = [part[-1], *(before for before, after in pairwise(part) if after.across)]
    return any(_COUNTED.match(texts[group.at], group.end) for group in ends)


def _shapes(part: Sequence[Group]) -> set[tuple[int, ...]]:
    """Sizes of the groups, as written and with pieces that a turn's end or nothing parts joined."""
    written = tuple(len(group.digits) for group in part)
    joined = [written[0]]
    for group, size in zip(part[1:], written[1:], strict=True):
        if group.across or not group.before:
            joined[-1] += size
        else:
            joined.append(size)
    return {written, tuple(joined)}


def _spans(part: Sequence[Group], kind: DataKind) -> Iterator[_Find]:
    """One find per turn, from its first group to its last; one more per piece for its digits."""
    for at in sorted({group.at for group in part}):
        here = [group for group in part if group.at == at]
        yield _Find(at=at, start=here[0].start, end=here[-1].end, kind=kind)
        for group in here:
            yield _Find(at=at, start=group.start, end=group.end, kind=kind, digits=group.digits)


def _mails(texts: Sequence[str]) -> Iterator[_Find]:
    for at, text in enumerate(texts):
        for found in _MAIL.finditer(text):
            yield _Find(at=at, start=found.start(), end=found.end(), kind="mail")
    for at in range(1, len(texts)):
        tail, head = _MAIL_TAIL.search(texts[at - 1]), _MAIL_HEAD.search(texts[at])
        if not tail or not head or "@" not in tail.group(1) + head.group(1):
            continue
        if _MAIL.fullmatch(tail.group(1)) or _MAIL.fullmatch(head.group(1)):
            continue
        if _MAIL.fullmatch(tail.group(1) + head.group(1)):
            yield _Find(at=at - 1, start=tail.start(1), end=tail.end(1), kind="mail")
            yield _Find(at=at, start=head.start(1), end=head.end(1), kind="mail")


def _known(texts: Sequence[str], fragments: Mapping[str, DataKind]) -> list[_Find]:
    """Groups whose digits were masked elsewhere."""
    return [
        _Find(at=group.at, start=group.start, end=group.end, kind=fragments[group.digits])
        for at, text in enumerate(texts)
        for chain in chains([text])
        for group in (replace(each, at=at) for each in chain)
        if group.digits in fragments
    ]


def _replaced(text: str, finds: Sequence[_Find]) -> str:
    """The text with its finds as labels; of overlapping ones the first and longest counts."""
    done: list[str] = []
    at = 0
    for found in sorted(finds, key=lambda each: (each.start, -each.end)):
        if found.start < at:
            continue
        done.append(text[at : found.start] + LABELS[found.kind])
        at = found.end
    return "".join(done) + text[at:]
