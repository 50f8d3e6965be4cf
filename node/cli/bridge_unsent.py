"""`till bridge unsent`: what the chain's gaps are. Click wiring; the journal is read by node/bridge/journal."""

from pathlib import Path

import click

from node.cli.bridge_options import CONFIG
from node.config import load_bridge


@click.command()
@CONFIG
def unsent(config: Path) -> None:
    """List the payments whose numbers are used up and that never went out, for till audit run --cancelled.

    They were reversed before they were in any batch. What is still on its way is not listed.
    """
    from node.bridge.exceptions import journal_of
    from node.bridge.journal.reading import never_sent
    from node.domain.ids import Sequence, StreamId, payment_id

    settings = load_bridge(config)
    with journal_of(settings).connect() as connection:
        for sequence in never_sent(connection):
            click.echo(payment_id(StreamId(settings.stream.id), Sequence(sequence)))
