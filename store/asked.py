"""How a judge was asked for a verdict, and the same as a column keeps it."""

from dataclasses import dataclass

AskedJson = dict[str, str | list[list[float]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedRecord:
    """prompt: the sha256 of what the judge was told, as `store.judge_prompts` keeps it. draws: of
    each answer that counted its question's place in the prompt, temperature and seed. digest: the
    sha256 of the messages it got. reading: of the text, or of token probabilities."""

    prompt: str
    nonce: str
    draws: tuple[tuple[int, float, int], ...]
    digest: str
    reading: str


def asked_json(asked: AskedRecord | None) -> AskedJson | None:
    """Return the record as a column keeps it."""
    if asked is None:
        return None
    return {
        "prompt": asked.prompt,
        "nonce": asked.nonce,
        "digest": asked.digest,
        "reading": asked.reading,
        "draws": [list(draw) for draw in asked.draws],
    }


def asked_record(kept: AskedJson | None) -> AskedRecord | None:
    """Return what `asked_json` kept."""
    if kept is None:
        return None
    drawn = kept["draws"]
    assert isinstance(drawn, list)
    return AskedRecord(
        prompt=str(kept["prompt"]),
        nonce=str(kept["nonce"]),
        digest=str(kept["digest"]),
        reading=str(kept["reading"]),
        draws=tuple((int(at), float(heat), int(seed)) for at, heat, seed in drawn),
    )
