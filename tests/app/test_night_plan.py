"""What the settings leave open the site decides: who may reach it."""

from pathlib import Path

import pytest

from app.night_plan import night_settings
from app.settings import Values, load_settings


@pytest.mark.parametrize(
    ("server", "alone"),
    [
        ({}, True),
        ({"host": "::1"}, True),
        ({"host": "0.0.0.0"}, False),
        ({"public_url": "https://ayane.example.jp"}, False),
        ({"trusted_proxies": ["127.0.0.1"]}, False),
        ({"allowed_hosts": ["ayane.example.jp"]}, False),
    ],
)
def test_strangers_are_assumed_where_anybody_else_can_come_in(
    tmp_path: Path, server: Values, alone: bool
) -> None:
    plan = night_settings(load_settings(tmp_path, {"server": server}))
    assert plan.pairs.caps.single_user is alone
    assert plan.approval == ("auto" if alone else "required")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_what_is_set_goes_before_the_site(tmp_path: Path, host: str) -> None:
    for approval, single in (("auto", "on"), ("required", "off")):
        flags: Values = {
            "server": {"host": host},
            "night": {"approval": approval, "single_user": single},
        }
        plan = night_settings(load_settings(tmp_path, flags))
        assert (plan.approval, plan.pairs.caps.single_user) == (approval, single == "on")
