"""A network's folder, described: which validators run from it, which run elsewhere, their ports, where files lie.

Written once by `till net init` (or `join`) as DIR/network.json; read by everything else here. Pure but for reading and
writing that file.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from node.consensus.access_files import ACCESS_FILE, ACCOUNT_FILE
from node.consensus.rules import ChainRules
from node.domain.errors import Unusable

FORMAT: Final = 1
PLAN_FILE: Final = "network.json"
LOOPBACK: Final = "127.0.0.1"
EVERY_ADDRESS: Final = "0.0.0.0"
HTTP, HTTPS = SCHEMES = ("http", "https")


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """TCP ports of one validator. Clients use `gateway`; `p2p` is for the other validators; the rest is loopback."""

    gateway: int
    p2p: int
    abci: int
    geth: int
    engine: int
    comet_rpc: int
    geth_metrics: int
    comet_metrics: int

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return ((field.name, getattr(self, field.name)) for field in fields(self))


@dataclass(frozen=True, kw_only=True, slots=True)
class ValidatorPlan:
    """One validator, or observer, that runs from this folder.

    `node_id` is its p2p name, `address` its consensus name, `keep_blocks` 0 keeps all of them. Others dial it at
    `host`; it listens for them on `listen` and for clients on `gateway_listen`, which are addresses of its machine.
    `account` is the account that it votes with (0x-hex, checksummed).
    """

    name: str
    node_id: str
    address: str
    public_key: str
    account: str
    ports: Ports
    keep_blocks: int
    host: str = LOOPBACK
    listen: str = LOOPBACK
    gateway_listen: str = LOOPBACK


@dataclass(frozen=True, kw_only=True, slots=True)
class PeerPlan:
    """A validator that runs elsewhere: `host` and the port `p2p` are where it is dialed.

    `gateway` is its gateway's port there, None when clients elsewhere cannot reach it; `scheme` is what it speaks.
    With `keeps_all` it has every block, so newcomers can sync from it.
    """

    name: str
    node_id: str
    address: str
    public_key: str
    host: str
    p2p: int
    gateway: int | None
    keeps_all: bool
    scheme: str = HTTP

    def __post_init__(self) -> None:
        """Raises ValueError for a scheme that no gateway speaks: files that others wrote name it."""
        check_scheme(self.scheme)


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkPlan:
    """A network in `folder`. `validators` run from it, `others` run elsewhere; `host` is for what is for nobody else.

    `fail_points` lets tests kill an application at a named point (never set for real use).
    """

    folder: Path
    chain_id: int
    host: str
    rules: ChainRules
    fail_points: bool
    validators: tuple[ValidatorPlan, ...]
    others: tuple[PeerPlan, ...] = ()

    def home(self, name: str) -> Path:
        """The folder of one validator's files."""
        return self.folder / "validators" / name

    def account_file(self, name: str) -> Path:
        """The key of the account that a validator votes with."""
        return self.home(name) / ACCOUNT_FILE

    @property
    def run_folder(self) -> Path:
        """Where the supervisor notes what runs."""
        return self.folder / "run"

    @property
    def supervisor_log(self) -> Path:
        """The supervisor's own log."""
        return self.run_folder / "supervisor.log"

    def log(self, name: str, kind: str) -> Path:
        """The log of one process of a validator."""
        return self.home(name) / "logs" / f"{kind}.log"

    def validator(self, name: str) -> ValidatorPlan:
        """A validator by its name; raises Unusable when there is none."""
        for validator in self.validators:
            if validator.name == name:
                return validator
        names = ", ".join(validator.name for validator in self.validators) or "none"
        raise Unusable(f"there is no validator {name} here; there are {names}")

    def chosen(self, names: Sequence[str]) -> tuple[ValidatorPlan, ...]:
        """The validators of this folder that are named, or its only one. Raises Unusable when that is nobody."""
        if not self.validators:
            raise Unusable(
                f"no validator runs from {self.folder}; give the folder of one, on its own host: its keys lie there"
            )
        if not names and len(self.validators) != 1:
            known = ", ".join(validator.name for validator in self.validators)
            raise Unusable(f"several validators are in this folder; say which one: --as NAME, one of {known}")
        return tuple(self.validator(name) for name in names) or self.validators

    def peers_of(self, validator: ValidatorPlan) -> tuple[PeerPlan, ...]:
        """All the others that a validator of this folder talks to, wherever they run."""
        return (*(as_peer(each) for each in self.validators if each.name != validator.name), *self.others)

    def scheme(self, name: str) -> str:
        """What the gateway of a validator of this folder speaks: https if it serves a certificate."""
        return HTTPS if _serves_tls(self.home(name)) else HTTP

    def rpc_url(self, validator: ValidatorPlan) -> str:
        """Where clients on this machine reach a validator of this folder."""
        listen, scheme = validator.gateway_listen, self.scheme(validator.name)
        return f"{scheme}://{self.host if listen == EVERY_ADDRESS else listen}:{validator.ports.gateway}"

    def rpc_urls(self) -> list[str]:
        """Every gateway that can be reached from here, those of this folder first. Raises Unusable without any."""
        urls = [self.rpc_url(validator) for validator in self.validators]
        urls += [url for peer in self.others if (url := peer_url(peer)) is not None]
        if not urls:
            raise Unusable(f"no gateway of the network in {self.folder} can be reached from here")
        return urls


def check_scheme(scheme: str) -> None:
    """Raises ValueError unless a gateway can speak it."""
    if scheme not in SCHEMES:
        raise ValueError(f"a gateway speaks {' or '.join(SCHEMES)}, not {scheme!r}")


def peer_url(peer: PeerPlan) -> str | None:
    """Where clients reach a validator that runs elsewhere, None when they cannot."""
    return None if peer.gateway is None else f"{peer.scheme}://{peer.host}:{peer.gateway}"


def as_peer(validator: ValidatorPlan, scheme: str = HTTP) -> PeerPlan:
    """A validator as those elsewhere see it, whose gateway speaks `scheme`."""
    private = validator.gateway_listen == LOOPBACK and validator.listen != LOOPBACK
    return PeerPlan(
        name=validator.name,
        node_id=validator.node_id,
        address=validator.address,
        public_key=validator.public_key,
        host=validator.host,
        p2p=validator.ports.p2p,
        gateway=None if private else validator.ports.gateway,
        keeps_all=validator.keep_blocks == 0,
        scheme=scheme,
    )


def _serves_tls(home: Path) -> bool:
    try:
        settings = json.loads((home / ACCESS_FILE).read_text())
    except (OSError, ValueError):
        return False
    return isinstance(settings, dict) and settings.get("tls") is not None


def with_validator(plan: NetworkPlan, name: str, **changes: Any) -> NetworkPlan:
    """The plan with one of its own validators changed."""
    changed = replace(plan.validator(name), **changes)
    return replace(plan, validators=tuple(changed if each.name == name else each for each in plan.validators))


@contextmanager
def changing(folder: Path) -> Iterator[NetworkPlan]:
    """The plan as it is on the disk now: inside the block nobody else who asks for it changes it, or the join ticket.

    Keep the block short: another command waits for its end.
    """
    run_folder = read_plan(folder).run_folder
    run_folder.mkdir(parents=True, exist_ok=True)
    with (run_folder / "plan.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield read_plan(folder)


def write_plan(plan: NetworkPlan) -> None:
    """Writes DIR/network.json, whole or not at all: a running supervisor reads it. No secrets stand in it."""
    text = {
        "format": FORMAT,
        "chain_id": plan.chain_id,
        "host": plan.host,
        "fail_points": plan.fail_points,
        "rules": plan.rules.to_json(),
        "validators": [asdict(validator) for validator in plan.validators],
        "others": [asdict(peer) for peer in plan.others],
    }
    fresh = plan.folder / f"{PLAN_FILE}.{os.getpid()}"
    fresh.write_text(json.dumps(text, indent=2) + "\n")
    fresh.replace(plan.folder / PLAN_FILE)
    # keys lie beside it, and the folder may be in somebody's checkout
    (plan.folder / ".gitignore").write_text("*\n")


def read_plan(folder: Path) -> NetworkPlan:
    """The network in a folder; raises Unusable when there is none, or one that this version does not know."""
    folder = folder.resolve()
    path = folder / PLAN_FILE
    try:
        text: Any = json.loads(path.read_text())
    except FileNotFoundError:
        raise Unusable(f"there is no network in {folder}; make one with: till net init {folder}") from None
    except (OSError, ValueError) as failure:
        raise Unusable(f"{path} cannot be read: {failure}") from None
    if not isinstance(text, dict) or text.get("format") != FORMAT:
        found = text.get("format") if isinstance(text, dict) else None
        raise Unusable(f"{path} has format {found}, this program knows {FORMAT}")
    try:
        return _plan_from_json(folder, text)
    except (KeyError, TypeError, ValueError, AttributeError) as failure:
        raise Unusable(f"{path} is not complete: {failure}") from None


def _plan_from_json(folder: Path, text: dict[str, Any]) -> NetworkPlan:
    # a network made before there were others has only validators
    others = text.get("others", [])
    if not (text["validators"] or others) or not isinstance(text["host"], str):
        raise ValueError("no validators, or no host")
    return NetworkPlan(
        folder=folder,
        chain_id=int(text["chain_id"]),
        host=text["host"],
        fail_points=text["fail_points"],
        rules=ChainRules.from_json(text["rules"]),
        validators=tuple(
            ValidatorPlan(**{**validator, "ports": Ports(**validator["ports"])}) for validator in text["validators"]
        ),
        others=tuple(PeerPlan(**peer) for peer in others),
    )
