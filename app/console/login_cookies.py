"""The cookie of a login: the server's signature around a secret that only its browser knows."""

from datetime import timedelta
from http.cookies import CookieError, SimpleCookie

from itsdangerous import BadSignature, URLSafeSerializer

OPERATOR_COOKIE = "yogeiko_operator"
LOGIN_LASTS = timedelta(hours=12)


class LoginCookies:
    """Signs and reads the cookie of a login."""

    def __init__(self, key: str) -> None:
        self._serializer = URLSafeSerializer(key, salt="yogeiko.operator")

    def read(self, cookie_header: str) -> str | None:
        """Return the token of a Cookie header, None when it is absent or not ours."""
        try:
            morsel = SimpleCookie(cookie_header).get(OPERATOR_COOKIE)
            token = None if morsel is None else self._serializer.loads(morsel.value)
        except (CookieError, BadSignature):
            return None
        return token if isinstance(token, str) else None

    def header(self, token: str, *, secure: bool) -> str:
        """Return the Set-Cookie value of a login."""
        value = str(self._serializer.dumps(token))
        return _set_cookie(value, int(LOGIN_LASTS.total_seconds()), secure=secure)

    @staticmethod
    def forget_header(*, secure: bool) -> str:
        """Return the Set-Cookie value that removes it."""
        return _set_cookie("", 0, secure=secure)


def _set_cookie(value: str, max_age: int, *, secure: bool) -> str:
    flags = "; Path=/; HttpOnly; SameSite=Strict" + ("; Secure" if secure else "")
    return f"{OPERATOR_COOKIE}={value}; Max-Age={max_age}{flags}"
