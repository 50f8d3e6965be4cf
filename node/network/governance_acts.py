"""What validators can propose, as the ValidatorRegistry takes it and as people read it; and its refusals in sentences.

Pure. Used by node/network/governance.py and node/cli/validator.py.
"""

import json
from dataclasses import asdict, dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from node.consensus.registry import KEY_BYTES, NODE_ID_BYTES, WORD, BadAnswer, selector
from node.domain.errors import Unusable
from node.domain.ids import Address
from node.network.keys import checksum_address
from node.network.plan import HTTP, ValidatorPlan, as_peer, check_scheme

if TYPE_CHECKING:
    from node.chain.rpc import RpcRefused

PROPOSE: Final = "propose((uint8,address,uint64,bytes32,bytes20,bytes32),bool)"
NOBODY: Final = Address(bytes(20))
NAME_BYTES: Final = 32
FAILED: Final = "the contract refused it"


class Kind(IntEnum):
    """IValidatorRegistry.Kind."""

    ADD = 0
    REMOVE = 1
    POWER = 2
    ROTATE = 3
    ADD_OBSERVER = 4
    REMOVE_OBSERVER = 5
    ADMIN = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """IValidatorRegistry.Action; fields that its kind does not take are empty."""

    kind: Kind
    account: Address = NOBODY
    power: int = 0
    key: bytes = bytes(KEY_BYTES)
    node_id: bytes = bytes(NODE_ID_BYTES)
    name: str = ""

    def words(self) -> tuple[int | bytes, ...]:
        """Its ABI words."""
        account = int.from_bytes(self.account, "big")
        return (self.kind, account, self.power, self.key, self.node_id, self.name.encode())

    def sentence(self) -> str:
        """What it does."""
        account = checksum_address(self.account)
        match self.kind:
            case Kind.ADD:
                return f"add validator {self.name} with power {self.power} ({account}, node {self.node_id.hex()})"
            case Kind.REMOVE:
                return f"remove validator {account}"
            case Kind.POWER:
                return f"give validator {account} power {self.power}"
            case Kind.ROTATE:
                return f"validator {account} signs with key {self.key.hex()} on node {self.node_id.hex()}"
            case Kind.ADD_OBSERVER:
                return f"add observer {self.name} (node {self.node_id.hex()})"
            case Kind.REMOVE_OBSERVER:
                return f"remove observer {self.node_id.hex()}"
        return f"{account} gives accounts their permissions" if any(self.account) else "nobody gives permissions"


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """IValidatorRegistry.Proposal; `expires` is a block number."""

    proposer: Address
    expires: int
    drastic: bool
    act: Act


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """Where a node is dialed: `host` and the port `p2p`; the others as in a PeerPlan."""

    host: str
    p2p: int
    gateway: int | None
    keeps_all: bool
    scheme: str = HTTP

    def __post_init__(self) -> None:
        """Raises ValueError for a scheme that no gateway speaks."""
        check_scheme(self.scheme)


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """What others have to know of a validator or an observer before they vote for it, and to dial it.

    Nothing in it is secret. Without `reach` it does not say where the node is.
    """

    name: str
    account: Address
    key: bytes
    node_id: bytes
    reach: Reach | None = None

    def to_json(self) -> str:
        """What read_card reads."""
        return json.dumps(
            {
                "name": self.name,
                "account": checksum_address(self.account),
                "public_key": self.key.hex(),
                "node_id": self.node_id.hex(),
                **({"reach": asdict(self.reach)} if self.reach is not None else {}),
            },
            indent=2,
        )


def card_of(validator: ValidatorPlan, scheme: str = HTTP) -> Card:
    """The card of a validator as its folder has it; its gateway speaks `scheme`."""
    peer = as_peer(validator, scheme)
    return Card(
        name=validator.name,
        account=read_address(validator.account),
        key=bytes.fromhex(validator.public_key),
        node_id=bytes.fromhex(validator.node_id),
        reach=Reach(host=peer.host, p2p=peer.p2p, gateway=peer.gateway, keeps_all=peer.keeps_all, scheme=peer.scheme),
    )


def read_card(path: Path) -> Card:
    """The card in a file (`till validator card DIR > FILE`). Raises Unusable when it is none."""
    try:
        text = json.loads(path.read_text())
        return Card(
            name=read_name(str(text["name"])),
            account=Address(read_bytes(text["account"], len(NOBODY), "an account")),
            key=read_bytes(text["public_key"], KEY_BYTES, "a public key"),
            node_id=read_bytes(text["node_id"], NODE_ID_BYTES, "a node id"),
            reach=Reach(**text["reach"]) if "reach" in text else None,
        )
    except FileNotFoundError:
        raise Unusable(f"there is no file {path}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as failure:
        raise Unusable(f"{path} is no validator's card ({type(failure).__name__}: {failure})") from None


def read_name(text: str) -> str:
    """A name: 1 to 32 printable ASCII characters. Raises Unusable for another."""
    if not 1 <= len(text) <= NAME_BYTES or not text.isascii() or not text.isprintable():
        raise Unusable(f"{text!r} is no name: it has 1 to {NAME_BYTES} ASCII characters")
    return text


def read_bytes(text: str, size: int, what: str) -> bytes:
    """Bytes from hex, with 0x or without. Raises Unusable for another number of them."""
    try:
        data = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        data = b""
    if len(data) != size:
        raise Unusable(f"{text!r} is not {what}: {2 * size} hexadecimal digits")
    return data


def read_address(text: str) -> Address:
    """An account's address. Raises Unusable for anything else, and for a checksum that is wrong (EIP-55)."""
    address = Address(read_bytes(text, len(NOBODY), "an account's address"))
    digits = text.removeprefix("0x")
    if digits not in (digits.lower(), digits.upper()) and checksum_address(address) != "0x" + digits:
        raise Unusable(f"{text} is mistyped: its checksum is wrong")
    return address


def read_proposal(answer: bytes) -> Proposal:
    """The answer of proposal(uint256). Raises BadAnswer."""
    words = [answer[place : place + WORD] for place in range(0, len(answer), WORD)]
    if len(answer) != 9 * WORD:
        raise BadAnswer(f"{len(answer)} bytes are no proposal")
    numbers = [int.from_bytes(word, "big") for word in words]
    return Proposal(
        proposer=Address(words[0][12:]),
        expires=numbers[1],
        drastic=bool(numbers[2]),
        act=Act(
            kind=Kind(numbers[3]),
            account=Address(words[4][12:]),
            power=numbers[5],
            key=words[6],
            node_id=words[7][:NODE_ID_BYTES],
            name=words[8].rstrip(b"\0").decode(errors="replace"),
        ),
    )


REFUSALS: Final = {
    "NotValidator(address)": "{} is no validator",
    "AlreadyValidator(address)": "{} is a validator already",
    "UnknownValidator(address)": "there is no validator {}",
    "KeyInUse(bytes32)": "another validator has the key {}",
    "KeyBanned(bytes32)": "the key {} signed two blocks at one height, and never validates again",
    "BadKey()": "the key is empty",
    "BadNode(bytes20)": "another validator or observer has the node id {}",
    "UnknownObserver(bytes20)": "there is no observer with the node id {}",
    "BadPower(uint64,uint64)": "a power is 1 to {1}, not {0}",
    "TooMany(uint256)": "there are {} already, and that is the most",
    "LastValidator(address)": "{} is the last validator, and stays",
    "Drastic(uint256,uint256)": "it moves {0} of {1} power, more than a third; if that is meant, say --drastic",
    "TooMuchInOneBlock(uint256,uint256)": "{0} of {1} power would move in one block; vote again in a moment",
    "ProposalClosed(uint256)": "proposal {} is done, rejected, expired or not there",
    "AlreadyVoted(uint256,address)": "{1} has voted on proposal {0} before",
    "NotAdmin(address)": "{} does not give permissions on this network",
    "TooManyAccounts(uint256,uint256)": "at most {1} accounts at a time",
    "BadPermissions(uint8)": "permissions are 0 to 3, not {}",
}
_BY_SELECTOR: Final = {selector(signature): (signature, text) for signature, text in REFUSALS.items()}


def refusal_of(refused: "RpcRefused") -> str:
    """Why a contract refused a call, in a sentence."""
    data = refused.data if isinstance(refused.data, str) else ""
    try:
        raw = bytes.fromhex(data.removeprefix("0x"))
    except ValueError:
        raw = b""
    signature, text = _BY_SELECTOR.get(raw[:4], ("", ""))
    if not signature:
        return f"{FAILED}: {refused.text}"
    kinds = [kind for kind in signature.partition("(")[2].rstrip(")").split(",") if kind]
    words = [raw[4 + place * WORD : 4 + (place + 1) * WORD] for place in range(len(kinds))]
    return text.format(*map(_shown, kinds, words))


def _shown(kind: str, word: bytes) -> Any:
    if kind == "address":
        return checksum_address(word[12:])
    if kind.startswith("bytes"):
        return word[: int(kind.removeprefix("bytes"))].hex()
    return int.from_bytes(word, "big")
