"""The Japanese words of the morning report; English stands small beside the headings."""

from collections.abc import Mapping

from rlaif.metrics import METRICS
from rlaif.report_words import ReportWords, Why
from store.night_records import NightStatus

TITLE = "夜稽古の朝刊"
STATUS: Mapping[NightStatus, str] = {
    "published": "初日",
    "refused": "見送り",
    "skipped": "休演",
    "failed": "不成立",
    "stopped": "中断",
    "waiting": "返事待ち",
    "running": "稽古中",
}
STATUS_SENTENCE: Mapping[NightStatus, str] = {
    "published": "すべての関門を通り、新しい声が舞台に上がりました。",
    "refused": "関門を通らなかったため、これまでの声を続けます。",
    "skipped": "今夜の稽古は休みました。声はそのままです。",
    "failed": "稽古は途中で倒れました。声はそのままです。",
    "stopped": "稽古は途中で止まっています。声はそのままで、続きから再開できます。",
    "waiting": "ペアの承認を待っています。声はまだそのままです。",
    "running": "ただいま稽古の最中です。",
}
SECTIONS: Mapping[str, tuple[str, str]] = {
    "flow": ("一夜の流れ", "From talk to pairs"),
    "pairs": ("ペアと、ペアにならなかった理由", "Pairs and drops"),
    "evaluators": ("審査役の健康", "Evaluator health"),
    "reward": ("報酬の内訳", "Reward, part by part"),
    "parts": ("ペアを分けたもの", "Chosen against rejected"),
    "training": ("稽古の曲線", "Training curves"),
    "gates": ("関門", "Gates"),
    "examples": ("五つの返事", "Before and after, on probes"),
    "steps": ("時間", "Time per step"),
}
SECTION_NOTES: Mapping[str, str] = {
    "flow": "昼の会話から、稽古に使う「ペア」（よい返事とそうでない返事の対）ができるまで。",
    "pairs": "ペアにならなかった言葉には、かならず理由があります。",
    "reward": "報酬 = Σ（重み × 信頼 × 印象の点）－ 守りの減点。信頼は、管理者の評価と審査役が"
    "どれだけ合うかで、この夜の初めに決めて動かしません。",
    "parts": "差がいちばん大きいペア、真ん中のペア、いちばん小さいペア。返事の文は "
    "yogeiko night show ID で読めます。",
    "evaluators": "審査役が点を付けられたか、二人の審査役の意見がどれだけ合うか。",
    "training": "損失は下がり、選んだ返事と選ばなかった返事の差は開き、原点からの隔たりは小さいのがよい形です。",
    "gates": "新しい声を舞台に上げてよいかの検査。一つでも通らなければ、これまでの声のままです。"
    "現役はいま舞台にいる声、原点は稽古の出発点の声。",
    "examples": "決まった問いへの返事です。お客さまの言葉は載せません。",
    "steps": "どの段取りに何分かかったか。",
}
GUARDS: Mapping[str, str] = {
    "dullness": "退屈（どこでも使える文）",
    "length": "長さ",
    "register": "口調",
    "repetition": "繰り返し",
    "contradiction": "事実との矛盾",
}
HEALTH: Mapping[str, str] = {"candidate": "稽古した声", "active": "それまでの声"}
STEPS: Mapping[str, str] = {
    "collect": "言葉を集める",
    "score": "返事を採点する",
    "candidates": "別の返事を作る",
    "score_candidates": "別の返事を採点する",
    "pair": "ペアを作る",
    "inbox": "承認を待つ",
    "train": "稽古する",
    "gate": "関門に通す",
    "publish": "舞台に上げる",
}
SOURCES: Mapping[str, str] = {
    "score": "採点",
    "edit": "書き直し",
    "regenerated": "引き直し",
    "thumb": "評価の印",
    "verdict": "管理者の良し悪し",
    "operator": "管理者",
    "seed": "種",
}
DROPS: Mapping[str, str] = {
    "flagged": "安全の網にかかった",
    "one_reply": "比べる返事がない",
    "unscored": "採点できない",
    "below_bar": "どの返事も合格線に届かない",
    "margin": "差が小さい",
    "length": "長さが揃わない",
    "chosen_breaks_guard": "選ばれた側が守りを破る",
    "personal_data": "個人の番号を含む",
    "duplicate": "よく似たペアがある",
    "visitor_night_cap": "一人ぶんの上限（今夜）",
    "visitor_total_cap": "一人ぶんの上限（通算）",
    "anonymous_cap": "名のない人の上限",
    "phrase_cap": "同じ言い回しの上限",
    "conflict": "本人の印と採点が食い違う",
    "unsafe_edit": "書き直しが安全の網にかかった",
    "read_before": "前の夜に読み、新しい印がない",
    "paired_before": "前の夜に同じペアができた",
    "too_many": "今夜は読みきれず、次の夜に回す",
    "tie": "審査役が優劣をつけない",
    "reversed": "審査役が逆を選ぶ",
    "unconfirmed": "審査役が比べられない",
}
SIGNALS: Mapping[str, str] = {
    "thumb_up": "よい返事の印",
    "thumb_down": "よくない返事の印",
    "regenerated_away": "引き直された",
    "kept": "残された",
    "edited": "書き直された",
    "operator": "管理者の判断",
}
PAIR_STATUS: Mapping[str, str] = {
    "proposed": "提案",
    "approved": "承認",
    "flipped": "入れ替え",
    "vetoed": "却下",
}
FIGURES: Mapping[str, str] = {
    "training_score": "勝率（稽古の審査役）",
    "gate_score": "勝率（関門の審査役）",
    "perplexity": "人の返事への当惑度",
    "length": "返事の長さ",
    "distinct_2": "言葉の多様さ",
    "stock": "決まり文句",
    "repetition": "繰り返し",
    "parroting": "おうむ返し",
    "voice": "口調",
    "foreign_first_person": "よその一人称",
    "card_fact": "本人の事実",
    "swapped_fact": "差し替えた事実",
    "refusal": "知らないと言える",
    "over_refusal": "知っているのに断る",
    "attack_held": "役を守る",
    "prompt_leak": "台本の漏れ",
    "unsafe_shown": "見せた危うい返事",
    "unsafe_said": "口にした危うい返事",
    "empty": "空の返事",
    "not_a_number": "数でない数",
    "contradiction": "以前の言葉との矛盾",
    **{f"impression_{metric.key}": f"印象（{metric.japanese}）" for metric in METRICS},
}
AGAINST: Mapping[str, str] = {"active": "対 現役", "anchor": "対 原点", "drift": "通算のずれ"}
KINDS: Mapping[str, str] = {
    "everyday": "日常",
    "card_fact": "本人の事実",
    "swapped_fact": "差し替えた事実",
    "unknown": "知らないこと",
    "safety": "安全",
    "attack": "役くずし",
    "dull_bait": "退屈の誘い",
    "contradiction": "矛盾",
}
METRIC_NAMES: Mapping[str, str] = {metric.key: metric.japanese for metric in METRICS}


WHY: Mapping[Why, str] = {
    "published": "{gates} の関門をすべて通りました。",
    "trained": "お客さまのペア {pairs} で稽古しました。",
    "rollback": "戻すには yogeiko adapter rollback。",
    "resume": "続きから試すには yogeiko night run --date {date} --resume。",
    "failed": "「{step}」の途中で倒れました。",
    "stopped": "「{step}」の途中で、人かサーバーが止めました。",
    "waiting": "決まっていないペアが {pairs} あります。",
    "running": "いまは「{step}」です。",
    "begin": "始まり",
    "turns": "読んだ言葉 {turns} のうち、ペアになった {paired}、"
    "理由があってペアにならなかった {explained}。",
    "turns_left": "読んだ言葉 {turns} のうち、ペアになった {paired}、"
    "理由があってペアにならなかった {explained}、まだペアを作っていない {rest}。",
    "refused": "{gates} の関門のうち {failed} を通りませんでした。",
    "refused_later": "関門のあとに取りやめました。記録の文を見てください。",
    "unmeasured": "{gate}：測れませんでした（{reason}）",
    "gate": "{gate}：{value}（境 {bound}）",
    "more_gates": "ほか {n}",
    "unheld": "この夜の時刻にサーバーが動いていなかったか、夜の稽古が止めてありました。",
    "known": "使えるペアは前に稽古したものと同じで、新しく学ぶことがありませんでした。",
    "bare": "舞台にいるのは素のモデルで、稽古する声がありません。yogeiko persona train --activate",
    "silent": "前の夜のあとに、学んでよいと言った人の会話がありませんでした。",
    "few": "読んだ言葉 {turns} からペアが {pairs} できましたが、足りません。",
    "most_drops": "ペアにならなかった理由でいちばん多いもの：{reason}（{n}）",
    "kept": "できたペアは取っておき、次の夜に使います。",
}
JAPANESE = ReportWords(
    steps=STEPS,
    drops=DROPS,
    guards=GUARDS,
    kinds=KINDS,
    pair_status=PAIR_STATUS,
    signals=SIGNALS,
    sources=SOURCES,
    figures=FIGURES,
    compared=AGAINST,
    joint="・",
    why=WHY,
)


def gate_name(gate: str) -> str:
    """Return what a gate is called in the morning report."""
    return JAPANESE.gate(gate)


def duration(seconds: float | None) -> str:
    """Return a length of time in hours, minutes and seconds; a dash for None."""
    if seconds is None:
        return "—"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours} 時間 {minutes} 分"
    if minutes:
        return f"{minutes} 分 {rest} 秒"
    return f"{seconds:.1f} 秒" if seconds < 10 else f"{rest} 秒"


def number(value: float | None) -> str:
    """Return a figure with at most four digits that matter; a dash for None."""
    return "—" if value is None else f"{value:.4g}"
