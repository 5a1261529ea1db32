import pytest

from persona.chat_codec import ChatCodec
from persona.engine import Message
from persona.errors import EngineError
from tests.persona.tiny_model import tiny_loaded


def _codec() -> ChatCodec:
    loaded = tiny_loaded()
    return ChatCodec(loaded.tokenizer, loaded.model)


def _conversation() -> list[Message]:
    talk = [Message(role="system", content="わたしは本")]
    for n in range(4):
        talk.append(Message(role="user", content=f"{n}" + "あ" * 10))
        talk.append(Message(role="assistant", content=f"{n}" + "い" * 10))
    return [*talk, Message(role="user", content="おわり")]


def _text(codec: ChatCodec, messages: list[Message], limit: int) -> str:
    return str(tiny_loaded().tokenizer.decode(codec.encode(messages, max_tokens=limit)))


def test_stops_are_end_of_text_and_the_template_s_end_of_turn() -> None:
    assert _codec().stop_ids == {1, 5}


def test_a_prompt_that_fits_is_whole() -> None:
    text = _text(_codec(), _conversation(), 1000)
    assert all(f"{n}あ" in text and f"{n}い" in text for n in range(4))


def test_oldest_turns_leave_in_whole_and_system_and_last_message_stay() -> None:
    codec = _codec()
    whole = len(codec.encode(_conversation(), max_tokens=1000))
    text = _text(codec, _conversation(), whole - 1)
    assert "0あ" not in text
    assert "0い" not in text
    assert "わたしは本" in text
    assert "1あ" in text
    assert "おわり" in text


def test_a_last_message_that_is_too_long_is_an_error() -> None:
    messages = [*_conversation(), Message(role="user", content="う" * 300)]
    with pytest.raises(EngineError, match="please shorten it"):
        _codec().encode(messages, max_tokens=200)


def test_no_message_is_an_error() -> None:
    with pytest.raises(EngineError, match="no message"):
        _codec().encode([], max_tokens=10)
