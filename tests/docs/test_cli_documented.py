"""The page about the command line is made from the commands' own help, and is up to date."""

from tuner.cli.main import COMMANDS
from tuner.cli.reference import PAGE, reference


def test_the_page_about_the_command_line_is_up_to_date() -> None:
    """If not: `python -m tuner.cli.reference`."""
    assert reference() == PAGE.read_text(encoding="utf-8")


def test_every_command_and_every_option_has_help() -> None:
    """A command that nobody can look up does not exist."""
    silent = [
        f"{name} {parameter.name}"
        for name, lazy in COMMANDS.items()
        for parameter in lazy.load().params
        if parameter.param_type_name == "option" and not getattr(parameter, "help", None)
    ]

    assert [] == silent
    assert all(lazy.load().help for lazy in COMMANDS.values())
