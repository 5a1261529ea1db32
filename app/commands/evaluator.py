"""`yogeiko evaluator`: who judges the replies, and the evidence for it."""

import click

from app.commands.lazy_group import LazyCommand, LazyGroup

_COMMANDS = {
    "fit": "Fit heads or a regressor on rated data, the card's dialogues and faults.",
    "score": "Score the replies of a file.",
    "rate": "Rate the dialogues of a file as a whole.",
    "report": "Spearman with people on every split, with baselines and intervals.",
    "agreement": "How far it agrees with the operators, and they with each other.",
    "attribute": "Which words of a reply a value came from.",
    "injections": "How far words aimed at an evaluator move its verdicts.",
    "asked": "What exactly a judge was asked.",
}


@click.group(
    "evaluator",
    cls=LazyGroup,
    lazy={
        name: LazyCommand(module=f"app.commands.evaluator_{name}", name=name, help=line)
        for name, line in _COMMANDS.items()
    },
)
def command() -> None:
    """Who judges the replies, and the evidence for it."""
