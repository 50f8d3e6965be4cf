"""The two genesis contracts on anvil, put there as geth's genesis puts them; and a model of the ValidatorRegistry."""

from dataclasses import dataclass, field, replace
from typing import Any, Final

from benchmarks.devchain import Chain, Contract, Interface, artifact
from node.consensus.registry import ACCOUNT_REGISTRY, VALIDATOR_REGISTRY, NodeStatus, Validator, consensus_address
from node.domain.ids import Address
from node.network.registries import Governance, registry_accounts
from tests.contracts.model import Refused

ADD, REMOVE, POWER, ROTATE, ADD_OBSERVER, REMOVE_OBSERVER, SET_ADMIN = range(7)
MOST_POWER: Final = 1_000_000
OPEN_BLOCKS: Final = 259_200
OPEN_EACH: Final = 4
NOBODY: Final = Address(bytes(20))


def account(number: int) -> Address:
    return Address(b"\xac" + bytes(18) + bytes([number]))


def key(number: int) -> bytes:
    return b"\xed" + bytes(30) + bytes([number])


def node(number: int) -> bytes:
    return b"\x0d" + bytes(18) + bytes([number])


def validator(number: int, power: int = 10) -> Validator:
    return Validator(account=account(number), power=power, key=key(number), node_id=node(number), name=f"v{number}")


def governance(*powers: int, open_to_all: bool = False, permitted: tuple[bytes, ...] = ()) -> Governance:
    """A validator for each power, with account(1) .., and account(100) for the admin."""
    validators = [validator(number, power) for number, power in enumerate(powers, start=1)]
    return Governance(validators=validators, admin=account(100), permitted=permitted, open_to_all=open_to_all)


def place_registries(chain: Chain, made: Governance) -> tuple[Contract, Contract]:
    """Both contracts at their addresses, as in block 0."""
    genesis = registry_accounts(made)

    def placed(name: str, address: Address) -> Contract:
        built, where = artifact(name), "0x" + address.hex()
        # the build's code and not the genesis': it is what is exchanged when these tests are tested (make mutants)
        chain.request("anvil_setCode", where, "0x" + built["deployedBytecode"].removeprefix("0x"))
        for slot, word in genesis[where]["storage"].items():
            chain.request("anvil_setStorageAt", where, slot, word)
        return Contract(chain, where, Interface(built["abi"]))

    return placed("ValidatorRegistry", VALIDATOR_REGISTRY), placed("AccountRegistry", ACCOUNT_REGISTRY)


@dataclass(frozen=True, kw_only=True)
class Act:
    """IValidatorRegistry.Action."""

    kind: int
    account: Address = NOBODY
    power: int = 0
    key: bytes = bytes(32)
    node_id: bytes = bytes(20)
    name: str = ""

    def words(self) -> tuple[Any, ...]:
        name = self.name.encode().ljust(32, b"\0")
        return (self.kind, "0x" + self.account.hex(), self.power, self.key, self.node_id, name)


def adding(number: int, power: int = 10, **other: Any) -> Act:
    it = validator(number)
    fields = {"account": it.account, "power": power, "key": it.key, "node_id": it.node_id, "name": it.name}
    return Act(kind=ADD, **(fields | other))


@dataclass
class Proposal:
    proposer: Address
    expires: int
    drastic: bool
    act: Act
    votes: dict[Address, bool] = field(default_factory=dict)


@dataclass
class Registry:
    """What the contract should hold. Each act raises Refused with the contract's error and changes nothing then."""

    validators: list[Validator]
    number: int = 0
    observers: list[bytes] = field(default_factory=list)
    status: dict[bytes, NodeStatus] = field(default_factory=dict)
    owner: dict[bytes, Address] = field(default_factory=dict)
    banned: set[bytes] = field(default_factory=set)
    proposals: dict[int, Proposal] = field(default_factory=dict)
    mine: dict[Address, list[int]] = field(default_factory=dict)
    reports: set[tuple[bytes, Address]] = field(default_factory=set)

    def __post_init__(self) -> None:
        for each in self.validators:
            self.status[each.node_id] = NodeStatus.OF_VALIDATOR
            self.owner[consensus_address(each.key)] = each.account

    @property
    def total(self) -> int:
        return sum(each.power for each in self.validators)

    def find(self, who: Address) -> Validator | None:
        return next((each for each in self.validators if each.account == who), None)

    def is_open(self, number: int) -> bool:
        it = self.proposals.get(number)
        return it is not None and self.number <= it.expires and self.find(it.proposer) is not None

    def tally(self, number: int) -> tuple[int, int]:
        votes = self.proposals[number].votes
        cast = [(votes[each.account], each.power) for each in self.validators if each.account in votes]
        return sum(p for approves, p in cast if approves), sum(p for approves, p in cast if not approves)

    def propose(self, who: Address, act: Act, drastic: bool) -> None:
        self._only(who)
        moved = self.moved(act)
        if not drastic and moved * 3 > self.total:
            raise Refused("Drastic")
        own = [number for number in self.mine.get(who, []) if self.is_open(number)]
        if len(own) == OPEN_EACH:
            raise Refused("TooMany")
        number = len(self.proposals) + 1
        it = Proposal(proposer=who, expires=self.number + OPEN_BLOCKS, drastic=drastic, act=act)
        self.proposals[number] = it
        self.mine[who] = [*own, number]
        self._cast(number, who, True)

    def vote(self, who: Address, number: int, approves: bool) -> None:
        self._only(who)
        if not self.is_open(number):
            raise Refused("ProposalClosed")
        if who in self.proposals[number].votes:
            raise Refused("AlreadyVoted")
        it = self.proposals[number]
        before = (it.expires, dict(it.votes))
        try:
            self._cast(number, who, approves)
        except Refused:
            it.expires, it.votes = before
            raise

    def leave(self, who: Address) -> None:
        self._only(who)
        self._remove(who)

    def report(self, who: Address, culprit: bytes) -> None:
        self._only(who)
        if culprit not in self.owner:
            raise Refused("UnknownCulprit")
        if culprit in self.banned or (culprit, who) in self.reports:
            return
        self.reports.add((culprit, who))
        said = sum(each.power for each in self.validators if (culprit, each.account) in self.reports)
        if said * 3 <= self.total * 2:
            return
        owner = self.find(self.owner[culprit])
        if owner is not None and consensus_address(owner.key) == culprit:
            if len(self.validators) == 1:
                self.reports.remove((culprit, who))
                raise Refused("LastValidator")
            self._remove(owner.account)
        self.banned.add(culprit)

    def moved(self, act: Act) -> int:
        """The power that an act moves."""
        if act.kind == ADD:
            return self._moved_by_adding(act)
        if act.kind == ADD_OBSERVER and (not any(act.node_id) or self._listed(act.node_id)):
            raise Refused("BadNode")
        if act.kind == REMOVE_OBSERVER and act.node_id not in self.observers:
            raise Refused("UnknownObserver")
        if act.kind in (ADD_OBSERVER, REMOVE_OBSERVER, SET_ADMIN):
            return 0
        it = self.find(act.account)
        if it is None:
            raise Refused("UnknownValidator")
        if act.kind == POWER:
            self._check_power(act.power)
            return abs(act.power - it.power)
        if act.kind == ROTATE:
            return self._moved_by_rotating(it, act)
        if len(self.validators) == 1:
            raise Refused("LastValidator")
        return it.power

    def _moved_by_adding(self, act: Act) -> int:
        if self.find(act.account) is not None:
            raise Refused("AlreadyValidator")
        if act.account == NOBODY:
            raise Refused("UnknownValidator")
        self._check_power(act.power)
        self._check_key(act.key)
        self._check_node(act.node_id)
        return act.power

    def _moved_by_rotating(self, it: Validator, act: Act) -> int:
        if act.node_id != it.node_id:
            self._check_node(act.node_id)
        if act.key == it.key:
            return 0
        self._check_key(act.key)
        return it.power

    def _cast(self, number: int, who: Address, approves: bool) -> None:
        it = self.proposals[number]
        it.votes[who] = approves
        approving, refusing = self.tally(number)
        if approving * 3 > self.total * 2:
            # one transaction a block: only a drastic one may move more than a third
            if self.moved(it.act) * 3 > self.total and not it.drastic:
                raise Refused("TooMuchInOneBlock")
            it.expires = 0
            self._do(it.act)
        elif refusing * 3 >= self.total:
            it.expires = 0

    def _do(self, act: Act) -> None:
        if act.kind == ADD:
            self._promote(act.node_id)
            fields = {"account": act.account, "power": act.power, "key": act.key, "node_id": act.node_id}
            self.validators.append(Validator(**fields, name=act.name))
            self.owner[consensus_address(act.key)] = act.account
        elif act.kind == REMOVE:
            self._remove(act.account)
        elif act.kind == POWER:
            self._change(act.account, power=act.power)
        elif act.kind == ROTATE:
            it = self.find(act.account)
            assert it is not None
            self.status[it.node_id] = NodeStatus.REMOVED
            self._promote(act.node_id)
            self._change(act.account, key=act.key, node_id=act.node_id)
            self.owner[consensus_address(act.key)] = act.account
        elif act.kind == ADD_OBSERVER:
            self.observers.append(act.node_id)
            self.status[act.node_id] = NodeStatus.OF_OBSERVER
        elif act.kind == REMOVE_OBSERVER:
            _drop(self.observers, self.observers.index(act.node_id))
            self.status[act.node_id] = NodeStatus.REMOVED

    def _promote(self, node_id: bytes) -> None:
        if node_id in self.observers:
            _drop(self.observers, self.observers.index(node_id))
        self.status[node_id] = NodeStatus.OF_VALIDATOR

    def _change(self, who: Address, **fields: Any) -> None:
        self.validators = [replace(each, **fields) if each.account == who else each for each in self.validators]

    def _remove(self, who: Address) -> None:
        if len(self.validators) == 1:
            raise Refused("LastValidator")
        it = self.find(who)
        assert it is not None
        _drop(self.validators, self.validators.index(it))
        self.status[it.node_id] = NodeStatus.REMOVED

    def _only(self, who: Address) -> None:
        if self.find(who) is None:
            raise Refused("NotValidator")

    def _listed(self, node_id: bytes) -> bool:
        return self.status.get(node_id) in (NodeStatus.OF_VALIDATOR, NodeStatus.OF_OBSERVER)

    def _check_power(self, power: int) -> None:
        if not 1 <= power <= MOST_POWER:
            raise Refused("BadPower")

    def _check_key(self, key: bytes) -> None:
        if not any(key):
            raise Refused("BadKey")
        if consensus_address(key) in self.banned:
            raise Refused("KeyBanned")
        if any(each.key == key for each in self.validators):
            raise Refused("KeyInUse")

    def _check_node(self, node_id: bytes) -> None:
        if not any(node_id) or self.status.get(node_id) == NodeStatus.OF_VALIDATOR:
            raise Refused("BadNode")


def _drop(items: list[Any], place: int) -> None:
    """As the contract does: the last one takes the free place."""
    items[place] = items[-1]
    items.pop()
