"""The names of the judges' presets."""

from typing import Literal, get_args

PresetName = Literal["rubric", "zero-shot", "llm-eval", "meep", "g-eval", "pairwise"]
PRESET_NAMES: tuple[PresetName, ...] = get_args(PresetName)
