"""The sentences the server itself says to visitors, in Japanese and English."""

from typing import Literal

from starlette.datastructures import Headers, QueryParams

from app.errors import ErrorCode

Language = Literal["ja", "en"]

ERRORS: dict[Language, dict[ErrorCode, str]] = {
    "ja": {
        "bad_request": "送られた内容を読み取れませんでした。もう一度お試しください。",
        "bad_host": "このアドレスではお応えできません。",
        "forbidden": "このページからの操作ではないため、受け付けませんでした。",
        "not_found": "お探しのものは見つかりませんでした。",
        "replying": "お返事の途中です。終わるか止めるかしてからお送りください。",
        "busy": "ただいま混雑しています。少し待ってからもう一度お試しください。",
        "rate": "操作が続きすぎています。少し休んでからお試しください。",
        "too_long": "メッセージが長すぎます。短くしてお送りください。",
        "too_large": "送られたデータが大きすぎます。",
        "full": "これ以上は増やせません。新しい会話を始めるか、古いものを消してください。",
        "failed": "うまくいきませんでした。少し待ってからもう一度お試しください。",
    },
    "en": {
        "bad_request": "The request could not be understood. Please try again.",
        "bad_host": "This server does not answer under that address.",
        "forbidden": "Refused, because it did not come from this page.",
        "not_found": "There is nothing here.",
        "replying": "A reply is still under way. Wait for it or stop it first.",
        "busy": "It is crowded right now. Please try again in a moment.",
        "rate": "Too many actions in a short time. Please rest for a moment.",
        "too_long": "The message is too long. Please shorten it.",
        "too_large": "The data sent is too large.",
        "full": "The limit is reached. Begin a new conversation or delete an old one.",
        "failed": "That did not work. Please try again in a moment.",
    },
}

FAILURES: dict[Language, dict[str, str]] = {
    "ja": {
        "busy": "ただいま混雑していて、お返事できませんでした。少し待ってからお試しください。",
        "model": "モデルを読み込めなかったため、お返事できませんでした。",
        "empty": "お返事が空になってしまいました。もう一度お試しください。",
        "interrupted": "サーバーが止まったため、お返事が途切れました。もう一度お試しください。",
        "engine": "お返事を作れませんでした。もう一度お試しください。",
    },
    "en": {
        "busy": "It was too crowded to reply. Please try again in a moment.",
        "model": "The model could not be loaded, so there is no reply.",
        "empty": "The reply came out empty. Please try again.",
        "interrupted": "The server stopped during the reply. Please try again.",
        "engine": "The reply could not be made. Please try again.",
    },
}

EXPORT_NAMES: dict[Language, str] = {"ja": "あなた", "en": "You"}


def choose_language(query: QueryParams, headers: Headers) -> Language:
    """Return the language of `?lang=`, else of Accept-Language; Japanese unless English is first."""
    wanted = query.get("lang") or headers.get("accept-language", "")
    return "en" if wanted.strip().lower().startswith("en") else "ja"


def failure_message(language: Language, error: str | None) -> str:
    """Return what to tell about a failed reply."""
    sentences = FAILURES[language]
    return sentences.get(error or "engine", sentences["engine"])
