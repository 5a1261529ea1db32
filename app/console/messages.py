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
        "metric_unknown": "印象「{metric}」はありません。次のどれかを選んでください: {known}。",
        "replay_unfinished": "この返事は途中で終わっています（状態: {status}）。最後まで話し終えた返事を選んでください。",
        "replay_unknown_sampling": "この返事は、どう選ばれたかの記録が欠けているため再演できません。別の返事を選んでください。",
        "replay_busy": "返事の順番待ちがいっぱいです。少し待ってからもう一度お試しください。",
        "replay_failed": "再演の途中でモデルが止まりました。もう一度お試しください。続くときは yogeiko doctor を実行してください。",
        "replay_no_model": "モデルがまだ読み込まれていません。読み込みが終わってからお試しください。",
        "adapter_tainted": "版 {adapter} は、データを消した訪問者から学んでいるため使えません。別の版を選んでください。",
        "adapter_other_base": "版 {adapter} は別のベースモデル用です。いまのモデルに合う版を選んでください。",
        "adapter_damaged": "版 {adapter} のファイルが壊れているか、見つかりません。yogeiko adapter verify で確かめてください。",
        "export_running": "書き出しがもう一つ動いています。終わるのを待つか、止めてください。",
        "export_none": "動いている書き出しはありません。",
        "bad_day": "日付 {day} は暦にありません。年-月-日の形で選び直してください。",
        "operator_self": "自分自身を締め出すことはできません。ほかの管理者に頼んでください。",
        "filter_range": "点数の範囲「{value}」が読めません。「trust:3:5」のように、指標と0〜10の数を指定してください。",
        "filter_visitor": "訪問者「{value}」では探せません。IDの先頭8文字以上（0〜9、a〜f）を入力してください。",
        "filter_text": "検索の言葉が{length}文字あります。{longest}文字以内にしてください。",
        "list_sort": "並び順「{value}」はありません。一覧の上の並び順から選んでください。",
        "list_cursor": "続きの位置が今の一覧と合いません。最初のページから開き直してください。",
        "view_name": "ビューの名前が空です。1文字以上の名前を付けてください。",
        "view_long": "このビューの条件は長すぎて保存できません。条件を減らしてください。",
        "views_full": "保存できるビューは{most}件までです。使わないものを削除してください。",
        "edit_unsuitable": "直した文に、17歳の彼女が言ってはいけない内容があります。全年齢向けの言い方に書き直してください。",
        "edit_same": "直した文が元の返事と同じです。変えたい所を書き直してください。",
        "words_not_said": "「{words}」はこの返事の中にありません。返事からそのまま抜き出してください。",
        "bulk_which": "まとめて操作する返事が決まりません。絞り込みか、選んだ返事のどちらか一方を送ってください。",
        "skip_reason": "飛ばす理由がありません。短くても書いてください。",
        "review_kind": "「{kind}」というレビューは受け付けていません。使えるのは {expected} です。",
        "review_of_another": "これは{operator}さんのレビューです。本人か管理者だけが取り消し・復元できます。",
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
        "metric_unknown": "There is no metric {metric}. Choose one of {known}.",
        "replay_unfinished": "This reply never came to its end (it is {status}). Choose one that did.",
        "replay_unknown_sampling": "How this reply was drawn is not known, so it cannot be replayed. "
        "Choose another one.",
        "replay_busy": "Too many replies are waiting already. Please try again in a moment.",
        "replay_failed": "The model stopped while it replayed. Try again; if it goes on, run "
        "yogeiko doctor.",
        "replay_no_model": "The model is not loaded yet. Try again when it is.",
        "adapter_tainted": "Version {adapter} learnt from a visitor who was erased and may not "
        "speak. Choose another one.",
        "adapter_other_base": "Version {adapter} was made for another base model. Choose one that "
        "fits.",
        "adapter_damaged": "The files of version {adapter} are damaged or missing. Check them with "
        "yogeiko adapter verify.",
        "export_running": "Another export is being written. Wait for it or stop it.",
        "export_none": "No export is being written.",
        "bad_day": "{day} is no day of the calendar. Choose one as year-month-day.",
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
        "edit_unsuitable": "The corrected text holds something that she, who is 17, may not say. "
        "Please write it so that it suits all ages.",
        "edit_same": "The corrected text is the reply itself. Change what should be different.",
        "words_not_said": "“{words}” is not in this reply. Copy the words from it as they stand.",
        "bulk_which": "It is not clear which replies are meant. Send either a filter or a selection.",
        "skip_reason": "There is no reason for skipping. A few words are enough.",
        "review_kind": "Reviews of the kind {kind} are not taken here. Expected: {expected}.",
        "review_of_another": "This review is {operator}'s. Only they or an admin can take it back or "
        "restore it.",
    },
}


def refusal(language: Language, code: str, places: Mapping[str, object]) -> str:
    """Return the sentence of a refusal with its places filled in one pass."""
    return REFUSALS[language][code].format_map(places)
