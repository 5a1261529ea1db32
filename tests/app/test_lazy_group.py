"""Commands that wait to be called: each is where its group says it is, and help imports none."""

import subprocess
import sys

import click
import pytest

from app.commands.evaluator import command as evaluator
from app.commands.lazy_group import LazyCommand, LazyGroup
from app.commands.persona import command as persona


@pytest.mark.parametrize("group", [evaluator, persona], ids=["evaluator", "persona"])
def test_every_listed_command_is_there_under_its_name(group: click.Group) -> None:
    context = click.Context(group)
    names = group.list_commands(context)
    assert len(names) == len(set(names)) >= 6
    for name in names:
        command = group.get_command(context, name)
        assert command is not None
        assert command.name == name
    assert group.get_command(context, "nobody") is None


def test_help_of_a_lazy_group_imports_none_of_its_commands() -> None:
    program = (
        "import sys\nfrom app.commands.evaluator import command\n"
        "command.main(['--help'], standalone_mode=False)\n"
        "print(sorted({'torch', 'peft', 'numpy'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert "\n  score " in done.stdout


def test_own_commands_stand_before_lazy_ones() -> None:
    lazy = {"late": LazyCommand(module="nowhere", help="Comes later.")}
    group = LazyGroup("group", lazy=lazy, commands=[click.Command("early", help="Is here.")])
    context = click.Context(group)
    assert group.list_commands(context) == ["early", "late"]
    assert "late   Comes later." in group.get_help(context)
