"""Brownie's list of deployments, for each process its own.

On a live network brownie reads all that it ever deployed there when it connects, and writes build/deployments/map.json
anew each time: of two scripts at a time one finds it half written and ends with a traceback. Where contracts are stands
in deployment.json here, so that list is needed by nobody: it goes to a folder that ends with the process.
"""

import atexit
import shutil
import tempfile
from functools import wraps
from pathlib import Path
from typing import Any


def keep_apart(network: Any) -> None:
    """Wraps brownie's `network.connect`, which comes after the project is loaded. Safe to call twice."""
    original = network.connect
    if hasattr(original, "apart"):
        return

    @wraps(original)
    def connect(*arguments: Any, **named: Any) -> Any:
        from brownie import project

        for loaded in project.get_loaded_projects():
            loaded._build_path = _folder()
        return original(*arguments, **named)

    connect.apart = True  # type: ignore[attr-defined]
    network.connect = connect


def _folder() -> Path:
    made = Path(tempfile.mkdtemp(prefix="till-brownie-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    (made / "deployments").mkdir()
    return made
