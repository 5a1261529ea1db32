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
        "sheet_name": "シートの名前が空です。1〜80文字で入力してください。",
        "sheet_versions": "版の選び方が正しくありません。使える版から、異なるものを2つか3つ選んでください。",
        "sheet_metrics": "指標の選び方が正しくありません。12の指標から1つ以上を選んでください。",
        "sheet_prompts": "指標ごとの問いが{wanted}件指定されました。このカードの評価用の問いは{most}件までです。",
        "sheet_unmade": "シートはまだ準備中です（{items}件のうち{made}件）。できあがるまでお待ちください。",
        "sheet_rating": "評価が足りません。{letters} のすべてに順位と自然さを付けてください。",
        "sheet_shut": "このシートは評価を受け付けていません。一覧で状態を確かめてください。",
        "sheet_moved": "シートの状態が変わっていたため、実行しませんでした。一覧を開き直してください。",
        "sheet_blind": "結果は、シートを締め切ると見られます。それまでは管理者だけが確認できます。",
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
        "sheet_name": "The sheet has no name. Give it 1 to 80 characters.",
        "sheet_versions": "These versions do not fit. Choose two or three different ones that may be used.",
        "sheet_metrics": "These metrics do not fit. Choose one or more of the twelve.",
        "sheet_prompts": "You asked for {wanted} prompts per metric. The card has {most} held-out ones.",
        "sheet_unmade": "The sheet is still being made ({made} of {items}). Please wait.",
        "sheet_rating": "The rating is not complete. Rank and rate each of {letters}.",
        "sheet_shut": "This sheet takes no ratings. See its state in the list.",
        "sheet_moved": "The sheet has changed meanwhile, so nothing was done. Open the list again.",
        "sheet_blind": "Results are shown once the sheet is closed. Until then only admins see them.",
    },
}


def refusal(language: Language, code: str, places: Mapping[str, object]) -> str:
    """Return the sentence of a refusal with its places filled in one pass."""
    return REFUSALS[language][code].format_map(places)
