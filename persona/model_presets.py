"""Base models the project knows by name."""

from dataclasses import dataclass

EMBEDDED = "embedded:gemma-3-270m"
EMBEDDED_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPreset:
    """A base model with what one wants to know before choosing it.

    memory_gb counts weights as loaded by `auto` quantisation plus working space; on CUDA that is
    4-bit NF4, so the same figure is GPU memory.
    """

    name: str
    source: str
    licence: str
    parameters_billion: float
    chat_template: str
    memory_gb: float

    @property
    def fit(self) -> str:
        """One phrase on what it needs."""
        if self.parameters_billion <= 1:
            return f"runs on a CPU with {self.memory_gb:g} GB of memory"
        return f"needs {self.memory_gb:g} GB of GPU memory"


PRESETS = (
    ModelPreset(
        name=EMBEDDED,
        source="installed with yogeiko",
        licence="Gemma Terms of Use",
        parameters_billion=0.27,
        chat_template="gemma",
        memory_gb=2,
    ),
    ModelPreset(
        name="sarashina2.2-0.5b-instruct-v0.1",
        source="sbintuitions/sarashina2.2-0.5b-instruct-v0.1",
        licence="MIT",
        parameters_billion=0.8,
        chat_template="sarashina (own, in its tokenizer)",
        memory_gb=4,
    ),
    ModelPreset(
        name="sarashina2.2-1b-instruct-v0.1",
        source="sbintuitions/sarashina2.2-1b-instruct-v0.1",
        licence="MIT",
        parameters_billion=1.4,
        chat_template="sarashina (own, in its tokenizer)",
        memory_gb=3,
    ),
    ModelPreset(
        name="sarashina2.2-3b-instruct-v0.1",
        source="sbintuitions/sarashina2.2-3b-instruct-v0.1",
        licence="MIT",
        parameters_billion=3.4,
        chat_template="sarashina (own, in its tokenizer)",
        memory_gb=5,
    ),
    ModelPreset(
        name="Llama-3.1-8B-EZO-1.1-it",
        source="AXCXEPT/Llama-3.1-8B-EZO-1.1-it",
        licence="Llama 3.1 Community License",
        parameters_billion=8.0,
        chat_template="llama-3",
        memory_gb=8,
    ),
    ModelPreset(
        name="Llama-3-ELYZA-JP-8B",
        source="elyza/Llama-3-ELYZA-JP-8B",
        licence="Meta Llama 3 Community License",
        parameters_billion=8.0,
        chat_template="llama-3",
        memory_gb=8,
    ),
    ModelPreset(
        name="Llama-3-ELYZA-JP-8B-AWQ",
        source="elyza/Llama-3-ELYZA-JP-8B-AWQ",
        licence="Meta Llama 3 Community License",
        parameters_billion=8.0,
        chat_template="llama-3",
        memory_gb=8,
    ),
    ModelPreset(
        name="EZO-Common-9B-gemma-2-it",
        source="AXCXEPT/EZO-Common-9B-gemma-2-it",
        licence="Gemma Terms of Use",
        parameters_billion=9.2,
        chat_template="gemma-2 (no system turn: it is put before the first user turn)",
        memory_gb=9,
    ),
    ModelPreset(
        name="calm2-7b-chat",
        source="cyberagent/calm2-7b-chat",
        licence="Apache-2.0",
        parameters_billion=7.0,
        chat_template="calm2 (USER:/ASSISTANT:, given by yogeiko)",
        memory_gb=7,
    ),
    ModelPreset(
        name="youri-7b-chat",
        source="rinna/youri-7b-chat",
        licence="Llama 2 Community License",
        parameters_billion=7.0,
        chat_template="youri (設定:/ユーザー:/システム:, given by yogeiko)",
        memory_gb=7,
    ),
)

CHAT_TEMPLATES = {
    "cyberagent/calm2-7b-chat": """\
{%- set ns = namespace(lead='') -%}
{%- for message in messages -%}
{%- if message.role == 'system' -%}{%- set ns.lead = message.content + '\n\n' -%}
{%- elif message.role == 'user' -%}
{{- 'USER: ' + ns.lead + message.content + '\n' -}}{%- set ns.lead = '' -%}
{%- else -%}{{- 'ASSISTANT: ' + message.content + eos_token -}}{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- 'ASSISTANT: ' -}}{%- endif -%}
""",
    "rinna/youri-7b-chat": """\
{%- for message in messages -%}
{%- if message.role == 'system' -%}{{- '設定: ' + message.content + '\n' -}}
{%- elif message.role == 'user' -%}{{- 'ユーザー: ' + message.content + '\n' -}}
{%- else -%}{{- 'システム: ' + message.content + eos_token + '\n' -}}{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- 'システム: ' -}}{%- endif -%}
""",
}
"""Templates for models whose tokenizer ships none, in the layout their cards describe."""


def find_preset(name: str) -> ModelPreset | None:
    """The preset called `name` or published under that hub id."""
    return next((preset for preset in PRESETS if name in (preset.name, preset.source)), None)
