"""What text may enter the store: what both databases and every page can hold."""

import unicodedata

_KEPT_CONTROLS = "\n\t"


def clean_text(text: str) -> str:
    """Return text without characters that cannot be stored or shown.

    Lone surrogates cannot be encoded, NUL is refused by PostgreSQL, other controls are invisible;
    line ends become one newline each.
    """
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(character for character in unified if _allowed(character))


def _allowed(character: str) -> bool:
    if character in _KEPT_CONTROLS:
        return True
    return unicodedata.category(character) not in ("Cc", "Cs")
