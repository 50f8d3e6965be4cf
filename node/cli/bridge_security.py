"""`till bridge cards pin | unlock` and `till bridge qr`: what a member's PIN and QR code need of the operator.

Cards and PINs are asked for, or read from the standard input, line by line: an argument would be seen by everybody on
the machine.
"""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.cli.bridge_options import CONFIG
from node.config import load_bridge

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from node.bridge.people import People

_CODE_SECONDS = 60


@click.command()
@CONFIG
def pin(config: Path) -> None:
    """Set a card's PIN; its tries are all there again. Asks for both, or reads two lines: the card, the PIN."""
    from node.bridge.cards import Tokens, canonical, is_card
    from node.bridge.journal.people import by_card
    from node.bridge.journal.pins import set_pin
    from node.bridge.security.pin_hash import is_pin, keep, pepper_of
    from node.domain.errors import Unusable

    engine, key, people = _journal(config)
    card, secret = _ask("Card"), _ask("PIN", confirm=True)
    if not is_card(card):
        raise Unusable("that is no card, phone number or loyalty id")
    if not is_pin(secret):
        raise Unusable("a PIN has 4 to 12 digits")
    token = Tokens(key).of(canonical(card))
    with engine.begin() as connection:
        person = by_card(connection, token)
        if person is None:
            raise Unusable("no member has this card")
        set_pin(connection, token, people.seal_pin(person, token, keep(pepper_of(key), token, secret)))
    click.echo("the PIN is set")


@click.command()
@CONFIG
@click.option("--member", type=click.IntRange(1, 2**64 - 1), help="All cards of this member, in place of one card.")
def unlock(config: Path, member: int | None) -> None:
    """Give a card the tries of its PIN back. Asks for the card, or reads a line."""
    from node.bridge.cards import Tokens, canonical
    from node.bridge.journal.people import cards_of
    from node.bridge.journal.pins import unlock as give_back

    engine, key, people = _journal(config)
    tokens = [Tokens(key).of(canonical(_ask("Card")))] if member is None else []
    with engine.begin() as connection:
        if member is not None:
            person = people.known(connection, member)
            tokens = [] if person is None else cards_of(connection, person.number)
        count = give_back(connection, tokens)
    click.echo(f"{count} {'card' if count == 1 else 'cards'} with a PIN unlocked")


@click.group()
def qr() -> None:
    """Make QR codes of members, and the key that signs them."""


@qr.command("key")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--number", type=click.IntRange(0, 255), default=1, show_default=True, help="The key's number.")
def key(file: Path, number: int) -> None:
    """Make a signing key in FILE, and print the line for the bridge's file of QR keys."""
    from node.bridge.security.qr import new_key

    click.echo(f"{number} {new_key(file)}")


@qr.command()
@click.option("--key", "key_file", required=True, type=click.Path(path_type=Path), help="The signing key's file.")
@click.option("--number", type=click.IntRange(0, 255), default=1, show_default=True, help="The key's number.")
@click.option("--member", required=True, type=click.IntRange(1, 2**64 - 1), help="Whose code it is.")
@click.option("--seconds", type=click.IntRange(1, 3_600), default=_CODE_SECONDS, show_default=True, help="Its life.")
def make(key_file: Path, number: int, member: int, seconds: int) -> None:
    """Print the text of a QR code."""
    from node.bridge.security.qr import load_signing_key
    from node.bridge.security.qr import make as sign
    from node.domain.ids import MemberId

    click.echo(sign(load_signing_key(key_file), number, MemberId(member), int(time.time()) + seconds))


def _ask(what: str, *, confirm: bool = False) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    return str(click.prompt(what, hide_input=True, confirmation_prompt=confirm, err=True)).strip()


def _journal(config: Path) -> "tuple[Engine, bytes, People]":
    from node.bridge.card_key import key_of_journal
    from node.bridge.journal.schema import WRITES, migrate
    from node.bridge.journal.store import existing
    from node.bridge.people import open_people
    from node.domain.errors import Unusable
    from node.domain.ids import StreamId

    settings = load_bridge(config)
    if settings.journal.card_key_file is None:
        raise Unusable("the setting journal.card_key_file is missing")
    engine = existing(settings.journal, StreamId(settings.stream.id))
    migrate(engine)
    # beside a bridge that may be running
    key = key_of_journal(engine, settings.journal.card_key_file)
    return engine.execution_options(**{WRITES: True}), key, open_people(engine, settings.journal, key)
