"""The command line: `yogeiko COMMAND`. Exit 0 done, 1 failed, 2 wrong usage.

A command's module is imported only when it is called, so that `yogeiko --help` does not wait for
PyTorch.
"""

import logging
import os
import sys

import click

from app.commands.lazy_group import LazyCommand, LazyGroup

_ERROR_MODULES = (
    "app.errors",
    "persona.errors",
    "rlaif.errors",
    "scheduler.errors",
    "store.errors",
)

_COMMANDS = {
    "serve": "Chat with the persona in the browser.",
    "chat": "Ask once, or for every line of a file, without a server.",
    "doctor": "Tell what this machine has and what to do next.",
    "model": "Base models: prepare, list.",
    "persona": "The card: check, train, report; arena, interviews, likeness.",
    "night": "The rehearsal: run, report, status, bench.",
    "evaluator": "What scores the replies, and the evidence for it.",
    "adapter": "Trained adapters: list, show, activate, rollback, verify.",
    "data": "Import dialogues and reviews, export what was said and thought of it.",
    "visitor": "What is kept of visitors: erase.",
    "operator": "Who may run a site others can reach: add, disable.",
}


@click.group(
    cls=LazyGroup,
    lazy={
        name: LazyCommand(module=f"app.commands.{name}", help=line)
        for name, line in _COMMANDS.items()
    },
)
@click.version_option(package_name="yogeiko")
def cli() -> None:
    """夜稽古 Yogeiko: a persona that chats by day and rehearses at night."""


def main() -> None:
    """Run the command line; errors of ours become one sentence."""
    # OpenMP reads it once, when PyTorch is imported. Waiting threads that spin are a little faster
    # alone and many times slower beside anything else, such as a night's training.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # It recommends a package for 4-bit weights on every import, also where none are used.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    try:
        # Without standalone mode click returns the code of ctx.exit() instead of leaving with it.
        code = cli.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except OSError as error:
        click.echo(f"error: {error}; see to it that the file or place can be used", err=True)
        sys.exit(1)
    except Exception as error:
        # Rooms raise errors whose message is a sentence for people; their modules are heavy, so
        # they are told apart by where they come from instead of by importing them all.
        if not any(base.__module__ in _ERROR_MODULES for base in type(error).__mro__):
            raise
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
