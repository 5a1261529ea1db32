"""A correction in her voice as a sentence of the card: 藤色ですの。 to 絢音の好きな色は藤色である。

Only what the rules surely understand is written; for the rest the operator finds the words.
"""

import re

from persona.voice import sentences

_BEFORE_TOPIC = (
    "^(?:ねえ|ところで|じゃあ)?、?(?:(?:あなた|あんた|君|きみ|{name}(?:さん|ちゃん)?)の)?"
)
_TOPIC = (
    "(?P<topic>[^、。？?は]{1,14}?)は",
    "(?P<topic>[^、。？?は]{0,12}?(?:[一-龥々ァ-ヶー]|もの|こと|ところ))"
    "(?:って|を|何|なに|なん|いつ|どこ|だれ|誰|どれ|教えて|ある|いる|[？?]|$)",
)
_NO_TOPIC = re.compile("どの|どんな|何|なに|なん|いつ|いくつ|って|[たなにでもい]$")
_KIN = re.compile("(?:お|ご)?(兄|姉|弟|妹|父|母|両親|祖父|祖母)(?:さん|さま|様|上|ちゃん)?")
_OPENING = re.compile("^(?:ええ|はい|いいえ|いえ|まあ|いや|そう|実は|それが)[、。…]*")
_HERSELF = re.compile("わたくし|わたし|私|あたくし|あたし")
_SOFT = re.compile("(?:わよ|わね|のよ|の|わ|もの|ね|よ)$")
_TURNED_TO = re.compile("[？?]|あなた|くださ|なさい|ましょう|いかが|かしら|ませんこと")
_HALF_POLITE = re.compile(
    "でしたら|ましたら|ですので|ますので|ですから|ますから|けれど|ですが|ますが|[0-9一-龥]でして"
)
_HERS = re.compile("(?:兄|姉|弟|妹|父|母|両親|祖父|祖母|猫|犬|家|部屋|学校|親友|友達|担任)[のはが]")
_KANJI = "一-龥々"
_TWO_STEPS = ("見", "着", "似", "煮", "起き", "でき", "出来", "落ち", "浴び", "借り", "足り", "降り",
              "信じ", "感じ", "生き", "過ぎ", "用い")  # fmt: skip
_TO_U = dict(zip("いきぎしちにびみり", "うくぐすつぬぶむる", strict=True))
_TO_TA = {"い": "った", "き": "いた", "ぎ": "いだ", "し": "した", "ち": "った", "に": "んだ",
          "び": "んだ", "み": "んだ", "り": "った"}  # fmt: skip
_HUMBLE = (
    ("ております", "ている"), ("でおります", "でいる"), ("おります", "いる"), ("いたします", "する"),
    ("いただきます", "口にする"), ("ございます", "ある"), ("申します", "いう"), ("参ります", "行く"),
    ("ておりました", "ていた"), ("でおりました", "でいた"), ("おりました", "いた"),
    ("いたしました", "した"), ("ございました", "あった"), ("申しました", "いった"),
    ("ておりません", "ていない"), ("でおりません", "でいない"), ("おりません", "いない"),
    ("ございません", "ない"), ("いたしません", "しない"),
)  # fmt: skip


def fact_sentence(corrected: str, asked: str, name: str) -> str | None:
    """The first sentence of `corrected` that states something, said of `name`; else None.

    `asked` gives an answer of a single noun its topic.
    """
    for part in sentences_of(corrected):
        said = _KIN.sub(r"\1", _HERSELF.sub(name, _OPENING.sub("", part))).strip("、 　")
        said = said.replace(f"{name}、", f"{name}は")
        if not said or _TURNED_TO.search(part) or _HALF_POLITE.search(said):
            continue
        plain = _plain(said)
        if plain is None:
            continue
        if name in plain:
            whole: str | None = plain
        elif _HERS.match(plain):
            whole = f"{name}の{plain}"
        else:
            whole = _of_topic(plain, asked, name)
        if whole is not None and len(name) + 6 <= len(whole) < 80:
            return f"{whole}。"
    return None


def sentences_of(text: str) -> list[str]:
    """Sentences with their question marks, so that what is asked is told from what is stated."""
    pieces = re.split(r"(?<=[。！？!?…\n])", text)
    return [piece.strip().rstrip("。！!…") for piece in pieces if sentences(piece)]


def _of_topic(plain: str, asked: str, name: str) -> str | None:
    """A bare answer with what it answers; a verb answers by itself."""
    kin = _KIN.search(asked)
    if not plain.endswith(("である", "であった")):
        return f"{name}の{kin[1]}は{plain}" if kin else f"{name}は{plain}"
    if "は" in plain:
        return None
    before = _BEFORE_TOPIC.replace("{name}", re.escape(name))
    for pattern in _TOPIC:
        found = re.search(before + pattern, asked.strip())
        if found and not _NO_TOPIC.search(found["topic"]):
            topic = re.sub("^お(?=[一-龥])", "", _KIN.sub(r"\1", found["topic"]))
            return f"{name}の{topic}は{plain}"
    return None


def _plain(said: str) -> str | None:
    """The sentence with the ending of a card's fact; None where the form is not known."""
    bare = _SOFT.sub("", _SOFT.sub("", said))
    for polite, plain in (("でございました", "であった"), ("でございます", "である"),
                          ("でした", "であった"), ("です", "である")):  # fmt: skip
        if bare.endswith(polite):
            stem = bare.removesuffix(polite)
            # An adjective takes no である, and a clause of reason is no statement.
            return None if stem.endswith(("い", "から", "ん", "の")) else stem + plain
    for polite, plain in _HUMBLE:
        if bare.endswith(polite):
            return bare.removesuffix(polite) + plain
    if bare.endswith("ました"):
        return plain_past(bare.removesuffix("ました"))
    if bare.endswith("ます"):
        return plain_present(bare.removesuffix("ます"))
    return None


def plain_present(stem: str) -> str | None:
    """The plain form of a verb from what stands before its ます; None where it is not known."""
    if not stem:
        return None
    if _keeps_its_stem(stem):
        return stem + "る"
    if stem.endswith("し") and re.search(f"(?:[{_KANJI}]{{2}}|[ァ-ヶー]|を|に)し$", stem):
        return stem[:-1] + "する"
    return stem[:-1] + _TO_U[stem[-1]] if stem[-1] in _TO_U else None


def plain_past(stem: str) -> str | None:
    """The plain past of a verb from what stands before its ました; None where it is not known."""
    if not stem:
        return None
    if _keeps_its_stem(stem):
        return stem + "た"
    return stem[:-1] + _TO_TA[stem[-1]] if stem[-1] in _TO_TA else None


def _keeps_its_stem(stem: str) -> bool:
    """Verbs such as 食べます, 起きます and います, whose plain form only adds る."""
    return (
        stem.endswith(_TWO_STEPS)
        or stem[-1] in "えけげせてでねべめれ"
        or re.search("(?:^|[にがてではも])い$", stem) is not None
    )
