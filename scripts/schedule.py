"""Acts of the admin, and others that the network's delays ask to be announced: schedule, wait, execute; or cancel.

    brownie run schedule --network FOLDER                                          what is scheduled
    brownie run schedule add CONTRACT FUNCTION [ARGUMENTS] --network FOLDER        announces an act
    brownie run schedule execute ID --network FOLDER                               does it, when its time has come
    brownie run schedule cancel ID --network FOLDER                                makes it void

    brownie run schedule now CONTRACT FUNCTION [ARGUMENTS] --network FOLDER        an act that need not wait

      CONTRACT   a contract's name in deployment.json: NetworkAccess, RewardToken, ..
      FUNCTION   for instance setDoors, setSuccessor, grantRole
      ARGUMENTS  by ',', lists in [ ]: 0xAb..,[1,2]
      ID         of a scheduled act, as the first form shows it; its first digits will do

The account that acts (TILLNET_OPERATOR_KEY names its key's file) is the one that has the role. An act that is not
executed within a week after its time expires. Who scheduled it may cancel it, an admin, and the guardian, who can do
nothing else; of acts of the operator and of finance the auditor too.

What people do every day has scripts of its own; this is for the rest: doors, act targets, roles of functions, a
contract that has to be closed (NetworkAccess setTargetClosed).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from scripts.pipeline import encoded
from scripts.session import Session, open_session
from scripts.set_role import logs_of
from scripts.tables import show
from scripts.trouble import Trouble, told

GAS: Final = 5_000_000
WEEK: Final = 7 * 86_400  # AccessManager's expiration


@dataclass(frozen=True, kw_only=True)
class Scheduled:
    """An act that was announced; `when` it may be executed, Unix seconds."""

    id: str
    caller: str
    target: str
    data: str
    when: int


@told
def main() -> None:
    """Shows what is scheduled."""
    session = open_session()
    _show(session, pending(session))


@told
def add(contract: str, function: str, arguments: str = "") -> None:
    """Announces an act."""
    session = open_session()
    at = session[known_contract(session, contract)]
    data = encoded(f"schedule {contract}.{function}", method_of(session, contract, function), split(arguments))
    access = session["NetworkAccess"]
    delay = _delay(session, at.address, data)
    pipeline = session.pipeline()
    pipeline.call(f"schedule {contract}.{function}", access.schedule, (at.address, data, 0), gas=GAS)
    pipeline.finish()
    print(f"Announced; it may be executed in {delay:,} s.")
    _show(session, pending(session))


@told
def execute(id: str) -> None:
    """Does what was announced."""
    session = open_session()
    act = _find(session, id)
    if act.caller != session.operator.address:
        raise Trouble(f"it was scheduled by {act.caller}; name that key's file in TILLNET_OPERATOR_KEY")
    now = session.web3.eth.get_block("latest")["timestamp"]
    if now < act.when:
        raise Trouble(f"its time comes in {act.when - now:,} s, at {_time(act.when)}")
    pipeline = session.pipeline()
    # called directly, not through AccessManager.execute: the contract sees who acts, and asks whether it was announced
    pipeline.send(f"execute {described(session, act)}", to=act.target, data=act.data, gas=GAS)
    pipeline.finish()
    print(f"Done: {described(session, act)}.")


@told
def cancel(id: str) -> None:
    """Makes an announced act void."""
    session = open_session()
    act = _find(session, id)
    pipeline = session.pipeline()
    arguments = (act.caller, act.target, act.data)
    pipeline.call(f"cancel {described(session, act)}", session["NetworkAccess"].cancel, arguments, gas=GAS)
    pipeline.finish()
    print(f"Cancelled: {described(session, act)}.")


@told
def now(contract: str, function: str, arguments: str = "") -> None:
    """Does an act of somebody who need not wait."""
    session = open_session()
    method, given = method_of(session, known_contract(session, contract), function), split(arguments)
    pipeline = session.pipeline()
    what = f"do {contract}.{function}({arguments})"
    pipeline.checked_call(what, method, given, gas=GAS)
    pipeline.finish()
    print(f"Done: {contract}.{function}({arguments}).")


def known_contract(session: Session, name: str) -> str:
    """A deployed contract's name. Raises Trouble for any other."""
    if name not in session.contracts:
        raise Trouble(f"there is no contract {name}; there are {', '.join(session.contracts)}")
    return name


def method_of(session: Session, contract: str, function: str) -> Any:
    """A contract's function that changes something. Raises Trouble for any other."""
    at = session[contract]
    changing = {
        entry["name"]
        for entry in at.abi
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }
    if function not in changing:
        raise Trouble(f"{contract} has no function {function} that changes something")
    return getattr(at, function)


def split(text: str) -> list[Any]:
    """`0xAb..,[1,2]` as a list of texts and lists. Raises Trouble when brackets do not match."""
    parts: list[Any] = []
    depth, start = 0, 0
    for place, sign in enumerate(f"{text},"):
        depth += (sign == "[") - (sign == "]")
        if depth < 0:
            break
        if sign == "," and not depth:
            part = text[start:place].strip()
            parts.append(split(part[1:-1]) if part.startswith("[") and part.endswith("]") else part)
            start = place + 1
    if depth:
        raise Trouble(f"the brackets of {text!r} do not match")
    return [] if parts == [""] else parts


def pending(session: Session) -> list[Scheduled]:
    """What is announced and neither done, cancelled nor expired."""
    access = session["NetworkAccess"]
    found = {}
    for log in logs_of(session, "NetworkAccess", "OperationScheduled"):
        args = log["args"]
        act = Scheduled(
            id=f"0x{bytes(args['operationId']).hex()}",
            caller=str(args["caller"]),
            target=str(args["target"]),
            data=f"0x{bytes(args['data']).hex()}",
            when=int(args["schedule"]),
        )
        if int(access.getSchedule(act.id)) == act.when:
            found[act.id] = act
    return list(found.values())


def described(session: Session, act: Scheduled) -> str:
    """`RewardToken.setDoors(0xAb.., 5)`."""
    for name, contract in session.contracts.items():
        if contract.address == act.target:
            try:
                function, values = contract.decode_input(act.data)
            except (ValueError, TypeError):
                break
            return f"{name}.{function.split('(')[0]}({', '.join(map(str, values))})"
    return f"{act.target} {act.data[:10]}"


def _find(session: Session, id: str) -> Scheduled:
    fitting = [act for act in pending(session) if act.id.startswith(id if id.startswith("0x") else f"0x{id}")]
    if len(fitting) != 1:
        many = f"{len(fitting)} scheduled acts begin with" if fitting else "no scheduled act begins with"
        raise Trouble(f"{many} {id}; see brownie run schedule")
    return fitting[0]


def _delay(session: Session, target: str, data: str) -> int:
    """Seconds that the account must wait for this act. Raises Trouble when it need not, or may not at all."""
    access, account = session["NetworkAccess"], session.operator.address
    if target != access.address:
        at_once, delay = access.canCall(account, target, data[:10])
        if at_once:
            raise Trouble(f"{account} may do this at once; nothing needs to be scheduled")
        if not delay:
            raise Trouble(f"{account} has not the role for this")
        return int(delay)
    has, delay = access.hasRole(0, account)
    return int(delay) if has else 0


def _show(session: Session, acts: list[Scheduled]) -> None:
    rows = [(act.id[:18], described(session, act), act.caller, _time(act.when), _time(act.when + WEEK)) for act in acts]
    show("Scheduled", ("id", "act", "by", "from", "until"), rows)


def _time(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
