"""Brownie for this project: the same command, with nine things put right before it starts.

`source .till/activate; brownie run SCRIPT [FUNCTION] [ARGUMENTS] --network FOLDER` comes here (setup writes that
`brownie`). Brownie itself is unchanged on disk.

1. Its home is .till/brownie and its compiler .till/tools/solc, not folders in the user's home.
2. `--network` also takes a folder made by `till net init`, or a URL; nothing is written into brownie's list of
   networks. `development` gets a free port, so that two runs never meet.
3. On a live network brownie 1.22.2 raises a TypeError in a background thread after every deployment: its compiled
   `state` module wants the sources as a dict and gets a `Sources`. `_add_deployment` is wrapped to give it one.
4. `brownie run SCRIPT --help` prints the script's own page instead of connecting to a network.
5. `brownie run` works from any folder: it moves to the project's, and files that the user names stay relative to where
   the user stands (scripts/names.py). What is mistyped is told in a sentence (scripts/command_line.py).
6. `--dry-run` makes a script show what it would do and send nothing (scripts/rehearsal.py).
7. Brownie keeps answers of a chain whose blocks are slow until it has noticed the next one; a script that sends and
   then asks was told the state before. It asks every time instead.
8. Its requests carry a key and check a certificate (TILL_RPC_KEY, TILL_RPC_CA; docs/access.md): a network's entry knows
   neither. For a folder that the user can read both are known.
9. Two scripts at a time do not find each other's half-written list of deployments (scripts/own_deployments.py).
"""

import ast
import gc
import importlib
import json
import os
import socket
import ssl
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from urllib.error import URLError
from urllib.request import Request, urlopen

from scripts.command_line import check_run
from scripts.names import STANDING
from scripts.own_deployments import keep_apart

ROOT: Final = Path(__file__).resolve().parents[1]
HOME: Final = ROOT / ".till" / "brownie"
BIN: Final = ROOT / ".till" / "tools" / "bin"
# a block as large as the validators', so that a batch that fits there fits here
DEVELOPMENT: Final = {"gas_limit": 100_000_000, "evm_version": "cancun"}
ANSWER_LIMIT: Final = 1_000_000  # bytes of a JSON-RPC answer that are read
GC_THRESHOLD: Final = 100_000  # objects made until the youngest are collected
PATIENCE: Final = 5  # seconds for a node to answer at all
TYPED: Final = "TILLNET_NETWORK"  # what the user wrote after --network, for sentences that say what to type
DRY_RUN: Final = "--dry-run"
PATHS: Final = ("TILLNET_FOLDER", "TILLNET_OPERATOR_KEY")  # settings that name files


def main(arguments: list[str]) -> None:
    """What the `brownie` command does: put right what is listed above, then hand over."""
    ready = begin(arguments)
    if ready is None:
        return
    sys.argv = ["brownie", *ready]
    from brownie._cli.__main__ import main as brownie

    brownie()


def begin(arguments: list[str]) -> list[str] | None:
    """Everything before brownie itself: the arguments that it gets, or None when a help page was all."""
    if DRY_RUN in arguments and arguments[:1] == ["run"]:
        arguments = [argument for argument in arguments if argument != DRY_RUN]
        os.environ["TILLNET_DRY_RUN"] = "1"
    page = help_page(arguments)
    if page is not None:
        show_page(page)
        return None
    check_run(arguments)
    prepare()
    ready = with_known_network(arguments)
    if arguments[:1] == ["run"]:
        move_to_project()
    return ready


def move_to_project() -> None:
    """Makes the project's folder the current one, and what the user named relative to another one absolute."""
    standing = Path.cwd()
    if standing == ROOT:
        return
    os.environ[STANDING] = str(standing)
    for setting in PATHS:
        if os.environ.get(setting):
            os.environ[setting] = str(standing / os.environ[setting])
    os.chdir(ROOT)


def show_page(page: str) -> None:
    """Prints a help page; a reader that closes early (`| head -1`) is no failure."""
    try:
        print(page, flush=True)
    except BrokenPipeError:
        # python flushes once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def prepare() -> None:
    """Imports brownie with its home and compiler inside the project, and applies the repairs. Safe to call twice."""
    os.environ["SOLCX_BINARY_PATH"] = str(ROOT / ".till" / "tools" / "solc")
    os.environ["VVM_BINARY_PATH"] = str(HOME / "vvm")
    if str(BIN) not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"  # anvil
    for folder in (HOME / "vvm", ROOT / ".till" / "tools" / "solc"):
        folder.mkdir(parents=True, exist_ok=True)
    # loading the project makes millions of objects that all stay; half of its time went to looking at them again
    gc.set_threshold(GC_THRESHOLD)
    with _home(HOME):
        import brownie
    from brownie._config import CONFIG
    from brownie.network import contract

    CONFIG.settings["eager_caching"] = False
    CONFIG.networks["development"]["cmd_settings"] |= {"port": free_port(), **DEVELOPMENT}
    if not hasattr(contract._add_deployment, "repaired"):
        contract._add_deployment = _repaired(contract._add_deployment)
    keep_apart(brownie.network)
    # brownie's own call, told to whoever starts a development chain
    warnings.filterwarnings("ignore", message=r"rpc\.snapshot should not be called directly")
    assert brownie.__file__


def with_known_network(arguments: list[str]) -> list[str]:
    """The arguments with a folder or a URL after --network replaced by the id of a network registered for it."""
    changed = list(arguments)
    for place, argument in enumerate(arguments):
        if argument == "--network" and place + 1 < len(arguments):
            changed[place + 1] = register_network(arguments[place + 1])
        elif argument.startswith("--network="):
            changed[place] = f"--network={register_network(argument.partition('=')[2])}"
    return changed


def register_network(where: str) -> str:
    """Makes brownie know a network folder or a URL for this process, and returns its id; a known id stays as it is.

    Ends the process with a sentence when the folder is no network's or the node does not answer.
    """
    if where.startswith(("http://", "https://")):
        url, folder = where, None
    elif (Path(where) / "network.json").is_file():
        folder = Path(where).resolve()
        url, home = gateway_of_folder(folder)
        if home is not None:
            take_access_of(home)
    elif os.sep in where or Path(where).is_dir():
        sys.exit(f"{where} is not a network's folder: it has no network.json (make one with till net init).")
    else:
        if where != "development":
            check_known(where)
        return where
    from brownie._config import CONFIG

    os.environ[TYPED] = where
    show_key_to_gateways()
    chain_id = ask_chain_id(url)
    name = f"tillnet-{chain_id}"
    CONFIG.networks[name] = {"id": name, "name": name, "host": url, "chainid": str(chain_id), "timeout": 60}
    if folder is not None:
        os.environ["TILLNET_FOLDER"] = str(folder)  # read by scripts/session.py, in this same process
    return name


def check_known(where: str) -> None:
    """Ends the process with a sentence when brownie has no network of this name."""
    prepare()
    from brownie._config import CONFIG

    if where not in CONFIG.networks:
        sys.exit(f"{where} is no network: name a folder made by till net init, a URL, or development.")


def gateway_of_folder(folder: Path) -> tuple[str, Path | None]:
    """The JSON-RPC address of the validator of a network folder with the highest block, and that validator's folder.

    None where no validator is of this folder. Ends the process when the folder cannot be read.
    """
    from node.domain.errors import TillnetError
    from node.network.clients import farthest_of
    from node.network.plan import read_plan

    try:
        network = read_plan(folder)
        validator = farthest_of(network)
        if validator is None:
            return network.rpc_urls()[0], None
    except TillnetError as failure:
        sys.exit(str(failure))
    return network.rpc_url(validator), network.home(validator.name)


def take_access_of(home: Path) -> None:
    """Names the cookie and the certificate of a validator's folder for this process, unless the user did."""
    from node.config import RPC_CA_VARIABLE, RPC_KEY_VARIABLE
    from node.network.rpc import certificate_of, read_cookie

    cookie, certificate = read_cookie(home), certificate_of(home)
    if cookie is not None:
        os.environ.setdefault(RPC_KEY_VARIABLE, cookie)
    if certificate is not None:
        os.environ.setdefault(RPC_CA_VARIABLE, str(certificate))


def show_key_to_gateways() -> None:
    """Lets brownie's connection carry the key, and check the certificate, that the environment names."""
    access = access_named()
    if access.key is None and not access.ca_files:
        return
    from web3 import HTTPProvider

    # `brownie.network.web3` is the connected object; this is the module of that name
    connection: Any = importlib.import_module("brownie.network.web3")

    headers = {"Content-Type": "application/json"}
    if access.key is not None:
        headers["Authorization"] = f"Bearer {access.key}"
    checks = {"verify": str(access.ca_files[0])} if access.ca_files else {}

    def provider(uri: str, options: Any = None) -> Any:
        return HTTPProvider(uri, {**(options or {}), **checks, "headers": headers})

    connection.HTTPProvider = provider


def access_named() -> Any:
    """The key and certificates that the environment names. Ends the process with a sentence when they are none."""
    from node.config import rpc_access
    from node.domain.errors import TillnetError

    try:
        return rpc_access()
    except TillnetError as failure:
        sys.exit(str(failure))


def ask_chain_id(url: str) -> int:
    """The chain id of the node at a URL. Ends the process with a sentence when it does not answer."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}).encode()
    access = access_named()
    headers = {"Content-Type": "application/json"}
    if access.key is not None:
        headers["Authorization"] = f"Bearer {access.key}"
    try:
        checks = ssl.create_default_context(cafile=access.ca_files[0]) if access.ca_files else None
        with urlopen(Request(url, body, headers), timeout=PATIENCE, context=checks) as answer:
            return int(json.loads(answer.read(ANSWER_LIMIT))["result"], 16)
    except (URLError, OSError, ValueError, KeyError, TypeError) as failure:
        sys.exit(f"No chain answers at {url} ({failure}); is the network up (till net up FOLDER)?")


def help_page(arguments: list[str]) -> str | None:
    """The docstring of the script that `run SCRIPT --help` names, or None when something else was asked for."""
    if arguments[:1] != ["run"] or not {"--help", "-h"} & set(arguments):
        return None
    names = [argument for argument in arguments[1:] if not argument.startswith("-")]
    script = ROOT / "scripts" / f"{Path(names[0]).stem}.py" if names else None
    return ast.get_docstring(ast.parse(script.read_text())) if script is not None and script.is_file() else None


def free_port() -> int:
    """A port of the loopback interface that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _home(folder: Path) -> Iterator[None]:
    """Shows another home to what is imported meanwhile: brownie makes `.brownie` in it, and knows no setting."""
    before = os.environ.get("HOME")
    os.environ["HOME"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["HOME"]
        else:
            os.environ["HOME"] = before


def _repaired(original: Any) -> Any:
    """Brownie's `_add_deployment`, given the contract's sources as the dict that it asks for."""

    def add_deployment(contract: Any, alias: str | None = None) -> None:
        paths = contract._build.get("allSourcePaths", {}).values()
        sources = contract._sources
        texts = sources if isinstance(sources, dict) else {path: sources.get(path) for path in paths}
        original(SimpleNamespace(address=contract.address, _build=contract._build, _sources=texts), alias)

    add_deployment.repaired = True  # type: ignore[attr-defined]
    return add_deployment


if __name__ == "__main__":
    main(sys.argv[1:])
