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
        "filter_range": "点数の範囲「{value}」が読めません。「trust:3:5」のように、指標と0〜10の数を指定してください。",
        "filter_visitor": "訪問者「{value}」では探せません。IDの先頭8文字以上（0〜9、a〜f）を入力してください。",
        "filter_text": "検索の言葉が{length}文字あります。{longest}文字以内にしてください。",
        "list_sort": "並び順「{value}」はありません。一覧の上の並び順から選んでください。",
        "list_cursor": "続きの位置が今の一覧と合いません。最初のページから開き直してください。",
        "view_name": "ビューの名前が空です。1文字以上の名前を付けてください。",
        "view_long": "このビューの条件は長すぎて保存できません。条件を減らしてください。",
        "views_full": "保存できるビューは{most}件までです。使わないものを削除してください。",
        "night_absent": "このサーバーは夜の稽古を動かしていません。yogeiko serve で起動したサーバーで操作してください。",
        "night_running": "夜の稽古がもう動いています。終わるのを待つか、先に止めてください。",
        "night_not_running": "このサーバーで動いている夜の稽古はありません。画面を読み込み直してください。",
        "night_taken": "{date}の夜は、ほかのプロセスが進めています。終わるのを待ってください。",
        "night_over": "{date}の夜は、新しい版を出して終わっています。次の夜を動かしてください。",
        "night_unknown": "{date}の夜の記録はありません。暦から日付を選んでください。",
        "night_date": "日付「{date}」を読めません。2026-09-24 の形で指定してください。",
        "night_far": "{date}の夜はまだ先です。{latest}までの夜を指定してください。",
        "night_failed": "夜の稽古を起動できませんでした（{reason}）。サーバーの記録を確かめてください。",
        "model_unprepared": "土台のモデル {model} の準備ができていません。サーバーで yogeiko model prepare を実行してください。",
        "version_tainted": "版 {adapter} は、消去された人の言葉から学んだため使えません。ほかの版を選んでください。",
        "version_damaged": "版 {adapter} のファイルが壊れています（{reason}）。ほかの版を選んでください。",
        "version_active": "版 {adapter} はもう舞台に出ています。ほかの版を選んでください。",
        "production_changed": "見ているあいだに、舞台の版が {active} に変わりました。読み込み直してから決めてください。",
        "rollback_impossible": "戻せる版がありません（{reason}）。版の一覧から選んでください。",
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
        "filter_range": "The range {value} cannot be read. Give a metric and numbers from 0 to 10, "
        "as in trust:3:5.",
        "filter_visitor": "Visitor {value} cannot be looked for. Give the first 8 or more characters "
        "of an id (0-9, a-f).",
        "filter_text": "The words to find have {length} characters. Please use {longest} at most.",
        "list_sort": "There is no order {value}. Choose one above the list.",
        "list_cursor": "This place is not of the present list. Please open its first page again.",
        "view_name": "The view has no name. Please give it one.",
        "view_long": "This view has too many conditions to be kept. Please drop some.",
        "views_full": "You can keep {most} views. Please delete one that you do not use.",
        "night_absent": "This server runs no nights. Use one that was started by yogeiko serve.",
        "night_running": "A night is running already. Wait for its end, or stop it first.",
        "night_not_running": "This server runs no night now. Reload the page.",
        "night_taken": "The night of {date} is in the hands of another process. Wait for its end.",
        "night_over": "The night of {date} is over, it published a version. Run the next one.",
        "night_unknown": "There was no night on {date}. Choose a date from the calendar.",
        "night_date": "The date “{date}” cannot be read. Expected one like 2026-09-24.",
        "night_far": "The night of {date} is too far away. Expected one up to {latest}.",
        "night_failed": "The night could not be started ({reason}). Look into the server's log.",
        "model_unprepared": "The base model {model} is not prepared. Run yogeiko model prepare on "
        "the server.",
        "version_tainted": "Version {adapter} learnt from somebody who was erased and may not be "
        "used. Choose another one.",
        "version_damaged": "The files of version {adapter} are damaged ({reason}). Choose another "
        "one.",
        "version_active": "Version {adapter} is on stage already. Choose another one.",
        "production_changed": "Meanwhile {active} was put on stage. Reload before you decide.",
        "rollback_impossible": "There is no version to go back to ({reason}). Choose one from the "
        "list.",
    },
}


def refusal(language: Language, code: str, places: Mapping[str, object]) -> str:
    """Return the sentence of a refusal with its places filled in one pass."""
    return REFUSALS[language][code].format_map(places)
