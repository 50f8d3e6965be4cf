"""`brownie run` without its four seconds of start: one process has brownie and the project loaded, and forks for each
command. The fork goes the way of the `brownie` command (scripts/brownie_shim.py), connects and runs the script; only
loading the project is done already. tests/scripts/test_run.py uses the command itself, as a person does.

Reads a JSON line for each command (`arguments`, `environment`, `folder` to stand in, `out` and `err` files), and writes
a line with its exit code.
"""

import json
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from scripts import brownie_shim
from scripts.command_line import positional


def main() -> None:
    """Serves until its input ends."""
    brownie_shim.prepare()
    from brownie import project

    project.load(brownie_shim.ROOT).load_config()
    print("ready", flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(command)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(command: dict[str, Any]) -> None:
    """The command in the forked process, which ends here whatever happens."""
    code = 1
    try:
        for name, number in (("out", 1), ("err", 2)):
            os.dup2(os.open(command[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.clear()
        os.environ.update(command["environment"])
        os.chdir(command["folder"])
        # what a script leaves for its end, which is cut short below, goes with the test
        tempfile.tempdir = str(Path(command["out"]).parent)
        ready = brownie_shim.begin(command["arguments"])
        if ready is not None:
            _connect_and_run(ready)
        code = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _connect_and_run(arguments: list[str]) -> None:
    """What brownie's own `run` does after it has loaded the project; what escapes a script is its traceback."""
    from brownie import network
    from brownie._config import CONFIG
    from brownie.project.scripts import run

    place = arguments.index("--network")
    CONFIG.argv["network"] = arguments[place + 1]
    network.connect(arguments[place + 1])
    script, *rest = positional(arguments[1:])
    run(script, method_name=rest[0] if rest else "main", args=rest[1:])


if __name__ == "__main__":
    main()
