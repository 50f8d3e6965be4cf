"""The step that writes what a person types: a `brownie` that knows this project, and `.till/activate`.

`source .till/activate` puts brownie, till, cast, anvil, forge, geth and cometbft on PATH.
"""

import shlex
from typing import Final

from node.network.toolchain.work import Work

BROWNIE: Final = """#!/bin/sh
# brownie with Tillnet's compiler, its own home and its shims; see scripts/brownie_shim.py
PYTHONPATH={root}${{PYTHONPATH:+:$PYTHONPATH}} exec {python} -m scripts.brownie_shim "$@"
"""

ACTIVATE: Final = """# source this file: Tillnet's commands come first on PATH
export PATH={bin}:{venv}:$PATH
"""


def write_commands(work: Work) -> None:
    """Writes both files; they name this checkout's folder, so a moved checkout writes them anew."""
    layout = work.layout
    quoted = {
        "root": shlex.quote(str(layout.root)),
        "python": shlex.quote(str(layout.python)),
        "bin": shlex.quote(str(layout.bin)),
        "venv": shlex.quote(str(layout.venv / "bin")),
    }
    layout.bin.mkdir(parents=True, exist_ok=True)
    brownie = layout.bin / "brownie"
    brownie.write_text(BROWNIE.format(**quoted))
    brownie.chmod(0o755)
    (layout.till / "activate").write_text(ACTIVATE.format(**quoted))
