"""Options that the commands of `till bridge` share."""

from pathlib import Path

import click

CONFIG = click.option(
    "--config",
    "config",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The bridge's settings (TOML).",
)
