"""The sentences the console says when it refuses, in Japanese and English."""

from collections.abc import Mapping

from app.messages import Language

REFUSALS: dict[Language, dict[str, str]] = {
    "ja": {
        "login_needed": "ログインが必要です。もう一度ログインしてください。",
        "login_wrong": "名前かパスワードが違います。",
        "login_often": "ログインの失敗が続いたため、しばらく受け付けません。15分ほど置いてお試しください。",
        "not_admin": "この操作は管理者だけができます。管理者に頼んでください。",
        "fact_empty": "事実の文が空です。一文で書いてください。",
        "fact_long": "事実の文が長すぎます。{longest}文字以内の一文にしてください。",
        "fact_known": "同じ事実がすでにあります。一覧から探して、そちらを直してください。",
        "fact_retired": "同じ事実が引退しています。新しく加えずに、一覧から戻してください。",
        "fact_stale": "その間にほかの運営者がこの事実を変えました。今の文を確かめてから、もう一度直してください。",
        "fact_is_retired": "この事実はすでに引退しています。一覧を読み込み直してください。",
        "fact_is_known": "この事実は引退していません。一覧を読み込み直してください。",
        "fact_decided": "この提案はすでに決まっています。一覧を読み込み直してください。",
        "fact_gone": "直す元の事実はもうありません。見送るか、新しい事実として加えてください。",
        "fact_reason": "見送る理由が空です。提案した人に伝わるように書いてください。",
        "fact_unsafe": "彼女に話させない言葉が含まれています。別の言い方にしてください。",
        "facts_model": "モデルをまだ読み込んでいます。1分ほど待ってから、もう一度お試しください。",
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
    },
    "en": {
        "login_needed": "You are not logged in. Please log in again.",
        "login_wrong": "The name or the password is wrong.",
        "login_often": "Too many failed logins. Please wait about 15 minutes and try again.",
        "not_admin": "Only admins may do this. Ask one of them.",
        "fact_empty": "The fact is empty. Write one sentence.",
        "fact_long": "The fact is too long. Use one sentence of at most {longest} characters.",
        "fact_known": "The same fact is there already. Find it in the list and change it there.",
        "fact_retired": "The same fact is retired. Restore it from the list instead of adding it.",
        "fact_stale": "Somebody changed this fact meanwhile. Look at what it says now and try again.",
        "fact_is_retired": "This fact is retired already. Reload the list.",
        "fact_is_known": "This fact is not retired. Reload the list.",
        "fact_decided": "This proposal is decided already. Reload the list.",
        "fact_gone": "The fact it corrects is not there any more. Decline it or add a new fact.",
        "fact_reason": "There is no reason. Write why, for whoever proposed it.",
        "fact_unsafe": "It holds words that she must never say. Put it differently.",
        "facts_model": "The model is still loading. Wait about a minute and try again.",
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
    },
}


def refusal(language: Language, code: str, places: Mapping[str, object]) -> str:
    """Return the sentence of a refusal with its places filled in one pass."""
    return REFUSALS[language][code].format_map(places)
