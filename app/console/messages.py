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
        "pair_text_empty": "文が空です。絢音が言うべきだった言葉を書いてください。",
        "pair_text_long": "文が長すぎます（{length}文字）。{most}文字以内にしてください。",
        "pair_text_same": "どちらかの文と同じです。文を変えるか、承認・入れ替えで決めてください。",
        "pair_text_unsafe": "安全の網にかかる文です。学習に使えないので、言い方を変えてください。",
        "pair_text_personal": "個人の番号（{found}）が含まれています。学習に使えないので、取り除いてください。",
        "pair_note_empty": "メモが空です。書いてから保存してください。",
        "pair_undo_nothing": "取り消せる自分の判断がありません。まとめての承認は、その知らせから元に戻せます。",
        "pair_undo_decided": "そのペアは、あとから{name}さんが決め直しています。取り消さずに、決め直してください。",
        "pair_found_nothing": "この条件に当てはまる未判断のペアはありません。条件を変えてください。",
        "pair_source": "「{source}」という由来はありません。{known} のどれかを選んでください。",
        "bulk_undone": "まとめての承認は、もう元に戻されています。画面を読み直してください。",
        "conflict_resolved": "この食い違いは、もう決まっています。画面を読み直してください。",
        "conflict_used": "この判断は夜の学習に使われたため、取り消せません。返事のペアのほうで決め直してください。",
        "night_running": "いま夜の稽古か下見が進んでいます。終わってからお試しください。",
        "rehearsal_running": "下見はもう始まっています。終わるのを待つか、止めてください。",
        "rehearsal_over": "止める下見がありません。もう終わっています。",
        "rehearsal_failed": "下見を始められませんでした。コンピューターの空きメモリを確かめて、もう一度お試しください。",
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
        "pair_text_empty": "The text is empty. Write what should have been said.",
        "pair_text_long": "The text has {length} characters. Keep it within {most}.",
        "pair_text_same": "That is the text of one of the sides. Change it, or approve or flip.",
        "pair_text_unsafe": "The safety filter catches this text, so it cannot be taught. Rephrase it.",
        "pair_text_personal": "The text holds a number of a person ({found}), so it cannot be taught. "
        "Take it out.",
        "pair_note_empty": "The note is empty. Write something before saving it.",
        "pair_undo_nothing": "You have no verdict left to take back. What was approved together is "
        "taken back from its own notice.",
        "pair_undo_decided": "{name} has decided on that pair since. Decide anew instead.",
        "pair_found_nothing": "No undecided pair meets these conditions. Change them.",
        "pair_source": "No pair comes from {source}. Choose one of {known}.",
        "bulk_undone": "This has been taken back already. Reload the screen.",
        "conflict_resolved": "This conflict is resolved already. Reload the screen.",
        "conflict_used": "A night has learnt from this, so it cannot be taken back. Decide on the pairs "
        "of the reply instead.",
        "night_running": "A night or a dry run is under way. Try again when it is over.",
        "rehearsal_running": "A dry run is under way. Wait for it, or stop it.",
        "rehearsal_over": "There is no dry run to stop. It is over already.",
        "rehearsal_failed": "The dry run could not be started. Check for free memory and try again.",
    },
}


def refusal(language: Language, code: str, places: Mapping[str, object]) -> str:
    """Return the sentence of a refusal with its places filled in one pass."""
    return REFUSALS[language][code].format_map(places)
