"""A house with some history, for the console's screens: operators, talk, a night."""

from datetime import timedelta
from pathlib import Path

from app.clock import utc_now
from app.console.passwords import hash_password
from store.database import Database
from store.operators import add_operator
from tests.rlaif.made_up_night import make_night
from tests.store.rehearsal import talk

ADMIN, REVIEWER, PASSWORD = "kantoku", "shirabe", "keiko-no-jikan"

_TALK = (
    ("今日は会社でひどく叱られてしまって、落ち込んでいます", "まあ、それは大変でしたわね。"),
    ("ありがとう。少し元気が出ました", "それはようございました。お茶でもいかがですの？"),
    ("雨の日はどうやって過ごすの？", "窓辺でヴァイオリンを弾いておりますわ。"),
    ("好きな食べ物は何ですか", "おじい様の打った十割そばですの。"),
    ("コンビニのおにぎり、上手に開けられるようになった？", "三回に一度は海苔を破りますわ。"),
    (
        "明日テストなんだけど、ぜんぜん勉強していない",
        "今からでも間に合いますわ。一緒に参りましょう。",
    ),
    ("ふーん", "あら、気のないお返事ですこと。"),
    ("お兄さんは元気？", "アメリカで元気にしておりますわ。時差でいつも寝不足ですけれど。"),
)


def seed_operators(database: Database) -> None:
    """Add an admin and a reviewer."""
    hashed = hash_password(PASSWORD)
    with database.session() as session:
        add_operator(session, ADMIN, hashed, now=utc_now(), role="admin")
        add_operator(session, REVIEWER, hashed, now=utc_now(), role="reviewer")


def seed_night(database: Database, nights: Path) -> str:
    """Add last night, published, with its talk, scores, pairs, gates and files; return its date."""
    now = utc_now() - timedelta(hours=5)
    date = now.date().isoformat()
    with database.session() as session:
        talked = talk(session, now - timedelta(hours=9), *_TALK, *_TALK, *_TALK)
        make_night(session, nights / date, now, "published", date=date, talked=talked)
    return date
