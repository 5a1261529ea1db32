"""The sentences the console says when it refuses, in Japanese and English."""

from collections.abc import Mapping

from app.messages import Language

REFUSALS: dict[Language, dict[str, str]] = {
    "ja": {
        "login_needed": "ログインが必要です。もう一度ログインしてください。",
        "login_wrong": "名前かパスワードが違います。",
        "login_often": "ログインの失敗が続いたため、しばらく受け付けません。15分ほど置いてお試しください。",
        "not_admin": "この操作は管理者だけができます。管理者に頼んでください。",
        "invitation_over": "この案内リンクはもう使えません。サーバーを起動し直すと新しいリンクが表示されます。",
        "password_weak": "パスワードは{shortest}文字以上で、5種類以上の文字を使ってください（今は{length}文字）。",
        "operator_name": "名前は1〜{longest}文字で入力してください。",
        "operator_self": "自分自身を締め出すことはできません。ほかの管理者に頼んでください。",
    },
    "en": {
        "login_needed": "You are not logged in. Please log in again.",
        "login_wrong": "The name or the password is wrong.",
        "login_often": "Too many failed logins. Please wait about 15 minutes and try again.",
        "not_admin": "Only admins may do this. Ask one of them.",
        "invitation_over": "This link cannot be used any more. Restart the server to get a new one.",
        "password_weak": "A password needs {shortest} or more characters, 5 of them different "
        "(this one has {length}).",
        "operator_name": "A name has 1 to {longest} characters.",
        "operator_self": "You cannot lock yourself out. Ask another admin.",
    },
}


def refusal(language: Language, code: str, places: Mapping[str, object]) -> str:
    """Return the sentence of a refusal with its places filled in one pass."""
    return REFUSALS[language][code].format_map(places)
