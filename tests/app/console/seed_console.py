"""A house with some history, for the console's screens: operators, talk, a night."""

from datetime import timedelta
from functools import cache
from pathlib import Path

from app.clock import utc_now
from app.console.passwords import hash_password
from store.database import Database
from store.fact_proposals import NewProposal, propose_fact
from store.facts import Deed, FactEdit, add_fact, card_fact_id, edit_fact, retire_fact
from store.operators import add_operator
from tests.fake_server import CARD_FACTS
from tests.rlaif.made_up_night import make_night
from tests.store.rehearsal import talk

ADMIN, REVIEWER, PASSWORD = "kantoku", "shirabe", "keiko-no-jikan"

TALK = (
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


@cache
def _hashed() -> str:
    return hash_password(PASSWORD)


def seed_operators(database: Database) -> None:
    """Add an admin and a reviewer."""
    hashed = _hashed()
    with database.session() as session:
        add_operator(session, ADMIN, hashed, now=utc_now(), role="admin")
        add_operator(session, REVIEWER, hashed, now=utc_now(), role="reviewer")


def seed_night(database: Database, nights: Path) -> str:
    """Add last night, published, with its talk, scores, pairs, gates and files; return its date."""
    now = utc_now() - timedelta(hours=5)
    date = now.date().isoformat()
    with database.session() as session:
        talked = talk(session, now - timedelta(hours=9), *TALK, *TALK, *TALK)
        make_night(session, nights / date, now, "published", date=date, talked=talked)
    return date


def seed_facts(database: Database) -> None:
    """Add facts with a history, and proposals that wait for a decision."""
    now = utc_now() - timedelta(hours=2)
    persona, card = "ayane", CARD_FACTS
    with database.session() as session:
        found = add_fact(
            session,
            persona,
            card,
            "絢音のいちばん好きな食べ物は、祖父の打った蕎麦である。",
            Deed(by=ADMIN, why="台本の第二稿", now=now),
        )
        edit = FactEdit(
            fact_id=found.id,
            before=found.text,
            after="絢音のいちばん好きな食べ物は、祖父の打った十割そばである。",
        )
        later = now + timedelta(minutes=20)
        edit_fact(session, persona, card, edit, Deed(by=ADMIN, why="粉の割合まで決めた", now=later))
        hobby = FactEdit(
            fact_id=card_fact_id(persona, card[0]),
            before=card[0],
            after="絢音の趣味はヴァイオリンと日記である。",
        )
        edit_fact(session, persona, card, hobby, Deed(by=ADMIN, why="", now=later))
        for text in ("絢音は毎朝五時半に起きている。", "絢音は塾に通っている。"):
            last = add_fact(session, persona, card, text, Deed(by=ADMIN, why="", now=later))
        retire_fact(
            session, persona, card, last.id, Deed(by=ADMIN, why="設定から外した", now=later)
        )
        _owner, turns = talk(
            session, now, ("好きな色はありますか？", "さあ、考えたこともございませんでしたわ。"),
            ("お兄さんはどこの大学？", "兄はイギリスの大学におりますの。"),
        )  # fmt: skip
        for minute, (kind, text, replaces, turn) in enumerate((
            ("missing", "絢音の好きな色は藤色である。", None, turns[0]),
            ("wrong", "絢音の兄はボストンの大学に留学している。", "絢音の兄はアメリカに留学している。", turns[1]),
            ("missing", "", None, turns[0]),
        )):  # fmt: skip
            propose_fact(
                session,
                NewProposal(
                    persona=persona,
                    kind=kind,
                    text=text,
                    replaces=replaces,
                    reply_id=turn.replies[0].id,
                    by=REVIEWER,
                ),
                now=later + timedelta(minutes=minute),
            )
