"""A model's answer on standard output: its bytes as they are; a terminal gets only what is text."""

import codecs
import sys
from collections.abc import Iterator

import click

from tuner.serving.calls import Answer


def print_answer(answer: Answer) -> None:
    """Print a whole answer."""
    if sys.stdout.isatty() and not _is_text(answer.body):
        kind = answer.content_type or "no stated type"
        click.echo(
            f"The answer is {len(answer.body)} bytes of {kind}: `algodock invoke ... > FILE` keeps them.", err=True
        )
        return
    click.echo(answer.body, nl=sys.stdout.isatty() and not answer.body.endswith(b"\n"))


def print_pieces(pieces: Iterator[bytes]) -> None:
    """Print an answer as it comes, each piece at once."""
    if not sys.stdout.isatty():
        for piece in pieces:
            click.echo(piece, nl=False)
        return
    decoder, hidden, last = codecs.getincrementaldecoder("utf-8")("replace"), 0, ""
    for piece in pieces:
        text = decoder.decode(piece)  # a letter may be cut in two
        if hidden or not _is_printable(text):
            hidden += len(piece)
        else:
            click.echo(text, nl=False)
            last = text or last
    if hidden:
        click.echo(f"{hidden} bytes that are no text are not shown: `algodock invoke ... > FILE` keeps them.", err=True)
    if last and not last.endswith("\n"):
        click.echo()


def _is_text(body: bytes) -> bool:
    try:
        return _is_printable(body.decode())
    except UnicodeDecodeError:
        return False


def _is_printable(text: str) -> bool:
    return all((character.isprintable() and character != "\ufffd") or character in "\n\r\t" for character in text)
