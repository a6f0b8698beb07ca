"""Makes ``docs/cli.md`` from the commands' own help: ``python -m tuner.cli.reference``."""

from pathlib import Path

import click

from tuner.cli.main import COMMANDS, cli

#: Where the page is, in a checkout.
PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
_WIDTH = 100

_BEGINNING = """\
# The command line

Made from `algodock COMMAND --help` by `python -m tuner.cli.reference`; edit the help, not this page.

Colours are left out where the environment has `NO_COLOR`, and where the output is not a terminal.
"""

_JSON = """
## JSON

`--json` gives full precision, times in seconds since the epoch, and `null` for what is not there. `show`, `list`,
`best` and `doctor` print one document. `tune`, `train` and `serve` print JSON Lines, an object an event:

| `event` | of | members |
| --- | --- | --- |
| `job` | tune | `name`, `status`, `trials_done`, `trials_total`; `going_on`: whether it was in progress before |
| `trial_started` | tune | `trial`, `training_job`, `hyperparameters` |
| `trial_progress` | tune | `trial`, `training_job`, `value`: the latest, `reported`: how many values so far |
| `trial_ended` | tune | as above, and `status`, `secondary_status`, `failure_reason`, `seconds` |
| `best` | tune | `trial`, `training_job`, `value`, `hyperparameters` |
| `status` | train | `status`, `secondary_status` |
| `log` | train, serve | `line`: what the container printed |
| `metric` | train | `metric`, `value`: the latest, `reported`: how many values so far |
| `in_service` | serve | `url`: where the container answers |
| `unhealthy`, `healthy`, `stopping`, `killed` | serve | `text`: what happened |
| `failed` | serve | `text`: why, `last_lines` of the log |
| `message` | all | `text`: something for people |
| `summary` | tune, train | the document of `show`; for tune also `csv` and `report`, the paths of the two files |

Values that come faster than the command looks (twice a second) share one event.
"""


def reference() -> str:
    """The page."""
    # The width is given: a terminal's would make another page on each machine.
    root = click.Context(cli, info_name="algodock", terminal_width=_WIDTH, **cli.context_settings)
    sections = [("algodock", cli.get_help(root))]
    for name, lazy in COMMANDS.items():
        command = lazy.load()
        context = click.Context(command, info_name=name, parent=root)
        sections.append((f"algodock {name}", command.get_help(context)))
        if isinstance(command, click.Group):
            for below, one in command.commands.items():
                help_text = one.get_help(click.Context(one, info_name=below, parent=context))
                sections.append((f"algodock {name} {below}", help_text))
    return _BEGINNING + "".join(f"\n## {title}\n\n```text\n{text}\n```\n" for title, text in sections) + _JSON


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
