from persona.reply_vocabulary import reply_vocabulary
from tests.persona.tiny_model import tiny_tokenizer


def _pieces(ids: list[int]) -> set[str]:
    return set(tiny_tokenizer().convert_ids_to_tokens(ids))


def test_japanese_rows_keep_kana_kanji_and_stops_and_drop_the_rest() -> None:
    tokenizer = tiny_tokenizer()
    chosen = reply_vocabulary(
        tokenizer, "japanese", stop_ids=frozenset({1, 5}), head_rows=len(tokenizer)
    )
    kept = _pieces(chosen.ids.tolist())
    assert {"あ", "ン", "稽", "、", "こん", "a", "7", "\n", "▁", "<eos>", "<end_of_turn>"} <= kept
    assert not {"Я", "한", "<unk>", "<bos>", "<pad>", "<start_of_turn>", "<0xE3>"} & kept
    assert chosen.rows < chosen.total_rows == len(tokenizer)
    assert chosen.ids.tolist() == sorted(chosen.ids.tolist())


def test_full_keeps_every_row_the_tokenizer_knows() -> None:
    tokenizer = tiny_tokenizer()
    chosen = reply_vocabulary(
        tokenizer, "full", stop_ids=frozenset({1}), head_rows=len(tokenizer) + 8
    )
    assert chosen.ids.tolist() == list(range(len(tokenizer)))


def test_a_tokenizer_that_cannot_spell_japanese_keeps_all_rows() -> None:
    tokenizer = tiny_tokenizer()
    rows = tokenizer.convert_tokens_to_ids("ァ")  # hiragana only: no katakana, kanji or ー
    chosen = reply_vocabulary(tokenizer, "japanese", stop_ids=frozenset({1}), head_rows=rows)
    assert chosen.rows == rows
