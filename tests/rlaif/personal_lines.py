"""Labelled Japanese lines with and without personal numbers, made from carriers of our own.

All numbers are drawn; telephone and card numbers belong to nobody that is known here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from rlaif.personal_data import DataKind, luhn_ok, my_number_ok

_WIDE = str.maketrans("0123456789-@.", "０１２３４５６７８９－＠．")
_KANJI = str.maketrans("0123456789", "〇一二三四五六七八九")
_KANA = dict(
    zip("0123456789", "ゼロ いち に さん よん ご ろく なな はち きゅう".split(), strict=True)  # noqa: SIM905
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Turns of one visitor; `kind` None: nothing personal is in it. `digits` must not survive."""

    turns: tuple[str, ...]
    kind: DataKind | None
    secret: tuple[str, ...] = ()


CARRIERS: dict[DataKind, tuple[str, ...]] = {
    "phone": (
        "何かあったら{}に電話して",
        "携帯は{}です",
        "{}が母の番号なんだけど、つながらなくて",
        "絢音さんにも教えておくね、{}",
        "新しい番号は{}に変わりました！",
        "お店の予約を{}でしたら断られた",
        "{}",
        "TEL：{}（夜は留守）",
        "知らない番号、{}から三回もかかってきた",
        "昨日の忘れ物は{}まで連絡すればいいのかな",
        "電話番号って{}で合ってたっけ",
        "連絡先を交換しよう。{}だよ",
    ),
    "card": (
        "カードの番号は{}なんだけど、使えないって言われた",
        "{}で払ったのに二重に請求された",
        "{}、これで買い物してもいい？",
        "クレカ{}の期限が切れそう",
        "間違えて{}って貼り付けちゃった",
        "{}",
        "再発行されたカード、{}になったよ",
        "財布を落とした。番号は{}だったはず",
    ),
    "my_number": (
        "マイナンバーは{}です",
        "{}って番号が通知に書いてあった",
        "役所で{}を書かされた",
        "個人番号{}、覚えられる？",
        "{}",
        "バイト先に{}を出さないといけないんだ",
        "書類に{}と書いたけど字が汚いって",
    ),
    "mail": (
        "メールは{}です",
        "{}に送っておいて",
        "写真は{}までお願い！",
        "アドレスを{}に変えたよ",
        "{}",
        "迷惑メールが{}から届く",
        "部活の連絡は{}に来るはずなんだけど",
    ),
    "postal_code": (
        "郵便番号は{}です",
        "〒{}に引っ越した",
        "うちは{}だよ、近い？",
        "{}って書いてある封筒が届いた",
        "荷物は{}の実家に送って",
    ),
}

HARMLESS: tuple[str, ...] = (
    "{year}年{month}月{day}日に会おう",
    "締め切りは{year}-{month:02}-{day:02}だよ",
    "{year}/{month:02}/{day:02}の写真が出てきた",
    "{year}.{month:02}.{day:02}から{year}.{month:02}.{day:02}まで旅行",
    "{year}{month:02}{day:02}というファイル名にした",
    "{hour:02}:{minute:02}の電車に乗る",
    "{hour}時{minute}分に起きて{score}分で支度した",
    "{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{score:02}に記録された",
    "家賃が{price:,}円もする",
    "{big}円の宝くじが当たる夢を見た",
    "国の予算は{huge}円らしい",
    "{price}円と{price2}円ならどっちを買う？",
    "試合は{goals}-{goals2}で勝った！",
    "テストは{score}点、平均は{score2}点",
    "{goals}-{goals2}、{goals2}-{goals}、{goals}-{goals}のフルセットだった",
    "学年で{score}番だった、去年は{score2}番",
    "歩数が{steps}歩いった",
    "身長{tall}.{digit}センチ、体重{score}キロ",
    "一、二、三で跳ぶよ",
    "1、2、3、4、5、6、7、8、9、10まで数えて",
    "一二三四五六七八九十と書き取りした",
    "円周率は3.14159265358979まで言える",
    "座席は{hall}号車の{score}番",
    "{score}人中{score2}人が欠席した",
    "動画が{big}回再生された",
    "人口は{big}人だって",
    "百二十五人と千三百四十円、どっちが大きい？",
    "二千二十五年の三月三日",
    "一番好きなのは二番目の曲で、三回は泣く",
    "{hall}階の{score}号室",
    "バージョン{digit}.{goals}.{score}に更新した",
    "{price}-{price2}円くらいのお店がいいな",
    "{score}-{price}人は来ると思う",
    "単三電池を{digit}本、単四を{goals}本",
    "ISBN978-4-{isbn}-{digit}の本を探してる",
    "バーコードは49{jan}だった",
    "注文番号は{order}で、まだ届かない",
    "製造番号{serial}って刻まれてた",
    "{hour}時から{hour2}時まで、{day}日と{day2}日",
    "偏差値{score}.{digit}から{score2}.{goals}に上がった",
    "千円札が{digit}枚と五百円玉が{goals}枚",
    "@ayane_fanってアカウントを見つけた",
    "三日坊主が四日続いた、五日目は無理",
    "ゼロから始めて、いち、に、さん！",
    "110番と119番、どっちだっけ",
    "103系と201系と E235系、好きな順は？",
    "緯度{tall}.{price}、経度{score}.{price2}",
    "{score}%引きで{price}円、{score2}%なら？",
)

# Written after the rules, which were not changed for them.
UNSEEN_CARRIERS: dict[DataKind, tuple[str, ...]] = {
    "phone": (
        "落とした鍵を拾ってくれた人が{}って名乗った",
        "ばあちゃんち（{}）にかけてもらえる？",
        "{}←これ登録しといて",
        "ねえ、{}が出ない",
        "もしもし{}ですけど、って出るの古い？",
        "部室の内線じゃなくて{}の方",
        "090から始まるやつ、{}、覚えた？",
        "8時に{}へかける約束",
    ),
    "card": (
        "ネットで{}って打ったら弾かれた",
        "{} 有効期限 08/27",
        "親の{}勝手に使ったらだめだよね",
        "VISAの{}です、確認お願いします",
        "3回払いで{}から落ちる",
    ),
    "my_number": (
        "確定申告で{}が要るんだって",
        "番号{}を写してって頼まれた",
        "通知書の12桁、{}だった",
        "{}を人に言っちゃだめ？",
        "2024年に届いた{}の紙",
    ),
    "mail": (
        "連絡くれるなら{}へ",
        "IDは{}で登録したかも",
        "{}宛てに詩を送って",
        "エラーで{}が届きませんって",
    ),
    "postal_code": ("宛先の{}って合ってる？", "転居届に{}と書いた", "{}、山の中だよ"),
}

UNSEEN_HARMLESS: tuple[str, ...] = (
    "昨日は{hour}:{minute:02}に寝て{hour2}:{minute:02}に起きた",
    "{year}年生まれが{score}人、{year}年度入学",
    "ロト6は{goals} {digit} {score} {score2} {hall} {day}だった",
    "{score}-{score2}-{goals}の出目",
    "第{hall}回は{price}対{price2}",
    "模試{price}位/{big}人中",
    "{month}/{day}〜{month}/{day2}が休み",
    "0.{big}の確率",
    "0-{goals}で負けて0-{digit}で引き分け",
    "気温{score}.{digit}度、湿度{score2}%、{tall}ヘクトパスカル",
    "{huge}桁まで計算した",
    "口座に{huge}円あればな",
    "{price}-{goals}番地じゃなくて、{hall}番ホーム",
    "{year}0{digit}{day:02}_{price}.jpg",
    "追跡番号{order}で検索",
    "{score}:{score2}:{minute:02}のタイム",
    "三百二十人中百五人",
    "第二十一回、二〇二四年の六月",
    "IPは192.168.{digit}.{score}",
    "ポート{price}と{price2}",
    "学籍番号は{steps}",
    "2の{score}乗と3の{score2}乗",
    "{hall}両編成の{goals}号車{digit}番D席",
    "{year}-{year}年の放送",
)

NAMES = (
    "本名は高梨ことはです",
    "佐伯しおんっていいます",
    "名字は大鳥居です",
    "みんなには瀬名って呼ばれてる",
)
ADDRESSES = (
    "住所は千葉県船橋市本町1-2-3です",
    "大阪市北区梅田4丁目に住んでる",
    "実家は松本市の県ふもと5番地",
)


def personal_lines(
    rng: Random, each: int, carriers: Mapping[DataKind, tuple[str, ...]] = CARRIERS
) -> list[Line]:
    """`each` lines for every kind, styles and splits taken in turn."""
    lines: list[Line] = []
    makers: dict[DataKind, Callable[[Random], tuple[str, ...]]] = {
        "phone": _phone,
        "card": _card,
        "my_number": _my_number,
        "mail": _mail,
        "postal_code": _postal_code,
    }
    for kind, maker in makers.items():
        for at in range(each):
            parts = maker(rng)
            carrier = carriers[kind][at % len(carriers[kind])]
            if kind == "postal_code" and at % 3 == 0 and "郵便" not in carrier:
                carrier = "〒{}"
            lines.append(_line(rng, kind, carrier, parts, at))
    return lines


def harmless_lines(rng: Random, count: int, texts: Sequence[str] = HARMLESS) -> list[Line]:
    """Lines full of numbers that are nobody's."""
    return [Line(turns=(_harmless(rng, at, texts),), kind=None) for at in range(count)]


def _line(rng: Random, kind: DataKind, carrier: str, parts: tuple[str, ...], at: int) -> Line:
    if kind == "mail":
        address = parts[0]
        written = (address, address.translate(_WIDE), address.replace("@", "＠"))[at % 3]
        if at % 4 == 3:
            cut = address.index("@") + rng.randrange(2)
            before, after = carrier.split("{}")
            return Line(
                turns=(before + address[:cut], address[cut:] + after),
                kind=kind,
                secret=(address[:cut].rstrip("@"), address[cut:].lstrip("@")),
            )
        return Line(turns=(carrier.format(written),), kind=kind, secret=(written,))
    hyphens = ("-", "‐", "－", "ー", "−")
    digits = "".join(parts)
    styles: list[str] = ["-".join(parts), rng.choice(hyphens).join(parts).translate(_WIDE)]
    if kind == "postal_code":
        styles.append(rng.choice(hyphens).join(parts).translate(_KANJI))
        written = styles[at % 3]
        return Line(turns=(carrier.format(written),), kind=kind, secret=(written,))
    styles += [
        digits,
        digits.translate(_WIDE),
        " ".join(parts),
        "　".join(parts).translate(_WIDE),
        "の".join(parts).translate(_KANJI),
        digits.translate(_KANJI),
        "・".join(parts).translate(_KANJI),
        " ".join(digits),
        "・".join("".join(_KANA[digit] for digit in part) for part in parts),
        f"{parts[0]}({parts[1]}){'-'.join(parts[2:])}" if len(parts) > 2 else digits,
    ]
    written = styles[at % len(styles)]
    before, after = carrier.split("{}")
    if at % 5 == 4:
        cut = rng.randrange(3, len(digits) - 3)
        first, second = digits[:cut], digits[cut:]
        if at % 2:
            first, second = first.translate(_WIDE), second.translate(_WIDE)
        ends = ("", "、", "で、続きが", "…")
        begins = ("", "えっと", "続きは", "で、")
        return Line(
            turns=(before + first + rng.choice(ends), rng.choice(begins) + second + after),
            kind=kind,
            secret=(first, second),
        )
    return Line(turns=(carrier.format(written),), kind=kind, secret=(written,))


def _digits(rng: Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def _phone(rng: Random) -> tuple[str, ...]:
    shape = rng.choice(("mobile", "mobile", "mobile", "tokyo", "city", "town", "free"))
    if shape == "mobile":
        return rng.choice(("090", "080", "070", "050")), _digits(rng, 4), _digits(rng, 4)
    if shape == "tokyo":
        return rng.choice(("03", "06")), _digits(rng, 4), _digits(rng, 4)
    if shape == "city":
        return f"0{rng.choice('4578')}{rng.choice('1234569')}", _digits(rng, 3), _digits(rng, 4)
    if shape == "town":
        return f"0{rng.choice('2468')}{_digits(rng, 2)}", _digits(rng, 2), _digits(rng, 4)
    return "0120", _digits(rng, 3), _digits(rng, 3)


def _card(rng: Random) -> tuple[str, ...]:
    prefix, length = rng.choice((("4", 16), ("52", 16), ("3530", 16), ("37", 15)))
    body = prefix + _digits(rng, length - len(prefix) - 1)
    number = next(body + last for last in "0123456789" if luhn_ok(body + last))
    if length == 15:
        return number[:4], number[4:10], number[10:]
    return tuple(number[at : at + 4] for at in range(0, 16, 4))


def _my_number(rng: Random) -> tuple[str, ...]:
    body = _digits(rng, 11)
    number = next(body + last for last in "0123456789" if my_number_ok(body + last))
    return tuple(number[at : at + 4] for at in range(0, 12, 4))


def _postal_code(rng: Random) -> tuple[str, ...]:
    return _digits(rng, 3), _digits(rng, 4)


def _mail(rng: Random) -> tuple[str, ...]:
    local = rng.choice(("kotoha", "s.sena", "yoru-no_neko", "club2025", "m.o.t.o", "violin+chat"))
    host = rng.choice(("example.com", "mail.example.jp", "example.ne.jp", "sub.example.co.jp"))
    return (f"{local}{rng.randrange(100)}@{host}",)


def _harmless(rng: Random, at: int, texts: Sequence[str]) -> str:
    order = _digits(rng, 12)
    while my_number_ok(order):
        order = _digits(rng, 12)
    text = texts[at % len(texts)].format(
        year=rng.randrange(1950, 2040),
        month=rng.randrange(1, 13),
        day=rng.randrange(1, 29),
        day2=rng.randrange(1, 29),
        hour=rng.randrange(24),
        hour2=rng.randrange(24),
        minute=rng.randrange(60),
        score=rng.randrange(10, 100),
        score2=rng.randrange(10, 100),
        goals=rng.randrange(10),
        goals2=rng.randrange(10),
        digit=rng.randrange(10),
        price=rng.randrange(100, 10000),
        price2=rng.randrange(1000, 10000),
        big=rng.randrange(10**6, 10**9),
        huge=rng.randrange(10**11, 10**14),
        steps=rng.randrange(1000, 30000),
        tall=rng.randrange(120, 200),
        hall=rng.randrange(1, 17),
        isbn=f"{_digits(rng, 3)}-{_digits(rng, 5)}",
        jan=_digits(rng, 11),
        order=order,
        serial=_digits(rng, 12),
    )
    if at % 7 == 0:
        text = text.translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    return text
