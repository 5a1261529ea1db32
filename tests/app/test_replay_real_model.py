"""A reply of the real model, replayed after other traffic, says the same letter by letter.

YOGEIKO_TEST_MODELS names a models folder to reuse; without it the model is prepared anew.
"""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.chat_service import ChatService
from app.composition import build_chat
from app.replay import liken, ready_exactly, replay
from app.settings import load_settings
from persona.base_model import prepare_model
from store.adapters import active_adapter, load_adapter
from store.replays import load_replay_source
from store.visitors import Owner, new_id
from tests.app.house import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

RUNS = threading.Event()


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[ChatService]:
    settings = load_settings(tmp_path / "home")
    settings.home.mkdir(parents=True, exist_ok=True)
    ready = os.environ.get("YOGEIKO_TEST_MODELS")
    if ready:
        settings.models_folder.symlink_to(Path(ready).absolute())
    else:
        prepare_model(settings.model.name, settings.models_folder, lambda _stage, _share: None)
    service = build_chat(settings)
    service.start()
    wait_until(lambda: service.ready_brain is not None, 300)
    yield service
    service.close()
    service.database.close()


def _talk(chat: ChatService, owner: Owner, *texts: str) -> list[str]:
    """Say the texts in one conversation; return the replies."""
    conversation = chat.create_conversation(owner).id
    replies = []
    for text in texts:
        reply = chat.say(owner, conversation, text).replies[0].id
        wait_until(lambda reply=reply: chat.live_reply(reply) is None, 300)
        replies.append(reply)
    return replies


def test_a_replay_says_the_same_on_the_adapter_and_on_the_bare_model(chat: ChatService) -> None:
    owner, others = Owner(visitor_id=new_id()), Owner(visitor_id=new_id())
    replies = _talk(
        chat, owner, "お名前を教えてください。", "好きな食べ物は？", "雨の日は何をするの？"
    )
    _talk(chat, others, "昨日、駅で友だちに会いました。", "どう思う？")
    brain = chat.ready_brain
    assert brain is not None
    with chat.database.reading() as session:
        version = active_adapter(session)
        assert version is not None
        shipped = load_adapter(session, version)
        sources = [load_replay_source(session, one, history_turns=6) for one in replies]
    ready_exactly(brain, shipped)
    busy = threading.Thread(target=_talk, args=(chat, others, "いま忙しい？", "そうなんだ。"))
    busy.start()
    bare = []
    for source in sources:
        assert source.exact
        assert source.text
        again = replay(source, version, brain, chat.speaker, RUNS)
        assert liken(source, again, version).likeness == "same", (source.text, again.text)
        bare += [replay(source, None, brain, chat.speaker, RUNS).text for _ in range(2)]
    busy.join()
    assert bare[::2] == bare[1::2]
    assert bare[::2] != [source.text for source in sources]
    difference = liken(sources[0], replay(sources[0], None, brain, chat.speaker, RUNS), None)
    assert difference.reasons == ("other_adapter",)
