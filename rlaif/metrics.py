"""The twelve dialogue impressions that evaluators score, 0 to 10, as the visitor would."""

from dataclasses import dataclass

SCALE = (0.0, 10.0)
SOURCE = "RLAIF for dialogue impressions (NLP2025): twelve first-person impressions per dialogue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One impression. `item` is what the visitor would agree with, in the first person."""

    key: str
    japanese: str
    english: str
    item: str
    english_item: str


METRICS: tuple[Metric, ...] = (
    Metric(
        key="agency",
        japanese="主体性",
        english="Agency",
        item="相手は自分から話を動かしていると感じた。",
        english_item="I felt that she moves the conversation along by herself.",
    ),
    Metric(
        key="attentiveness",
        japanese="傾聴",
        english="Attentiveness",
        item="相手は私の話をきちんと聞いてくれていると感じた。",
        english_item="I felt that she listens closely to what I say.",
    ),
    Metric(
        key="consistency",
        japanese="一貫性",
        english="Consistency",
        item="相手の言うことは前後で食い違っていないと感じた。",
        english_item="I felt that what she says fits together from turn to turn.",
    ),
    Metric(
        key="ease",
        japanese="話しやすさ",
        english="Ease",
        item="相手とは気楽に話せると感じた。",
        english_item="I felt that talking with her is easy.",
    ),
    Metric(
        key="empathetic",
        japanese="共感",
        english="Empathetic",
        item="相手は私の気持ちを分かってくれていると感じた。",
        english_item="I felt that she understands how I feel.",
    ),
    Metric(
        key="emotion",
        japanese="感情",
        english="Emotion",
        item="相手にも感情があると感じた。",
        english_item="I felt that she has emotions of her own.",
    ),
    Metric(
        key="enjoyability",
        japanese="楽しさ",
        english="Enjoyability",
        item="相手との会話は楽しいと感じた。",
        english_item="I felt that talking with her is fun.",
    ),
    Metric(
        key="humanness",
        japanese="人間らしさ",
        english="Humanness",
        item="相手の話し方は人間らしいと感じた。",
        english_item="I felt that she talks like a human being.",
    ),
    Metric(
        key="personality",
        japanese="個性",
        english="Personality",
        item="相手には自分なりの個性があると感じた。",
        english_item="I felt that she has a character of her own.",
    ),
    Metric(
        key="respeak",
        japanese="再対話",
        english="Respeak",
        item="相手とまた話したいと感じた。",
        english_item="I felt that I want to talk with her again.",
    ),
    Metric(
        key="topic",
        japanese="話題",
        english="Topic",
        item="相手の話題は豊かで、話に合っていると感じた。",
        english_item="I felt that her topics are rich and fit the conversation.",
    ),
    Metric(
        key="trust",
        japanese="信頼",
        english="Trust",
        item="相手は信頼できると感じた。",
        english_item="I felt that I can trust her.",
    ),
)

METRIC_KEYS: tuple[str, ...] = tuple(metric.key for metric in METRICS)


def metric_of(key: str) -> Metric:
    """Return a metric by its key. Raises ValueError naming the known ones."""
    for metric in METRICS:
        if metric.key == key:
            return metric
    raise ValueError(f"metric is {key!r}; expected one of {', '.join(METRIC_KEYS)}")
