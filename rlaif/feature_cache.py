"""Features kept on disk, block by block, so that an interrupted or repeated fit goes on."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from persona.card import Card
from rlaif.evaluator import Dialogue
from rlaif.features import FEATURE_VERSION, FeatureExtractor, Features

_BLOCK = 40


def cached_features(
    extractor: FeatureExtractor,
    dialogues: Sequence[Dialogue],
    cards: Sequence[Card | None],
    folder: Path,
    report: Callable[[int], None] | None = None,
) -> Features:
    """Features of all dialogues; blocks that are in `folder` already are read, others are made."""
    folder.mkdir(parents=True, exist_ok=True)
    blocks: list[Features] = []
    for start in range(0, len(dialogues), _BLOCK):
        own = slice(start, start + _BLOCK)
        path = folder / f"{_key(extractor, dialogues[own], cards[own])}.safetensors"
        block = _read(path, extractor.names)
        if block is None:
            block = extractor.extract(dialogues[own], cards[own])
            save_file({"states": block.states, "figures": block.figures}, str(path))
        blocks.append(block)
        if report is not None:
            report(min(start + _BLOCK, len(dialogues)))
    return Features(
        states=np.concatenate([block.states for block in blocks]),
        figures=np.concatenate([block.figures for block in blocks]),
        names=extractor.names,
    )


def _read(path: Path, names: tuple[str, ...]) -> Features | None:
    try:
        arrays = load_file(str(path))
        features = Features(states=arrays["states"], figures=arrays["figures"], names=names)
    except (OSError, SafetensorError, KeyError):
        return None
    return features if features.figures.shape[1] == len(names) else None


def _key(
    extractor: FeatureExtractor, dialogues: Sequence[Dialogue], cards: Sequence[Card | None]
) -> str:
    content = [
        FEATURE_VERSION,
        extractor.identity,
        extractor.names,
        [asdict(dialogue) for dialogue in dialogues],
        [None if card is None else [card.endings, card.first_person] for card in cards],
    ]
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:32]
