"""Who signed a JSON-RPC message: EIP-712 digest, public key recovery, the terminal's registered keys, the time.

Part of verify, before rpc.py and rpc_acts.py: what they are given is proved.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from coincurve import PublicKey

from node.bridge.verify.local_time import local_stamp
from node.bridge.verify.lookup import MemberOf, Randomness, find_sender
from node.domain.directory import Directory, Terminal
from node.domain.errors import MalformedMessage, WrongSignature
from node.domain.ids import Address, Hash32, MinorUnits, StreamId, TerminalId
from node.domain.merkle import keccak
from node.domain.payment import PaymentKey
from node.domain.terminal_terms import Terms, digest

Signable = TypeVar("Signable", bound=Terms)
Signed = TypeVar("Signed", bound=Terms, covariant=True)
_SIGNATURE_SIZE: Final = 65
# the upper half of s is the same signature again (EIP-2)
_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_END_OF_TIME: Final = 2**32


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedRules:
    """What verify goes by; `domain` is the EIP-712 domain separator; older than `replay_seconds` is refused."""

    stream: StreamId
    utc_offset: int
    domain: Hash32
    replay_seconds: int
    ahead_seconds: int
    directory: Callable[[], Directory]
    member_of: MemberOf
    randomness: Randomness


@dataclass(frozen=True, kw_only=True)
class Proved(Generic[Signed]):
    """Terms that their terminal signed; `said` is the digest that was signed, `directory` what was true then."""

    terms: Signed
    signature: bytes
    said: Hash32
    terminal: Terminal
    directory: Directory
    rules: SignedRules

    def key(self, amount: int, mti_class: str) -> PaymentKey:
        """What makes this message the same message."""
        return PaymentKey(
            terminal=self.terminal.id,
            stan=self.terms.stan,
            local_time=local_stamp(self.terms.time, self.rules.utc_offset),
            amount=MinorUnits(amount),
            mti_class=mti_class,
        )


def prove(terms: Signable, signature: bytes, rules: SignedRules, received: int) -> Proved[Signable]:
    """The terms with the terminal that signed them, which may not be active; `received` is Unix seconds.

    Raises MalformedMessage, UnknownTerminal, WrongSignature.
    """
    check_stan(terms.stan)
    check_time("time", terms.time)
    directory = rules.directory()
    terminal = find_sender(directory, TerminalId(terms.terminal), rules.stream)
    if terminal.signer is None:
        raise WrongSignature("no key is registered for this terminal")
    said = digest(rules.domain, terms)
    if signer_of(said, signature) not in (terminal.signer, terminal.previous_signer):
        raise WrongSignature("it is not this terminal's")
    if not received - rules.replay_seconds <= terms.time <= received + rules.ahead_seconds:
        raise WrongSignature("its time is too far from now")
    return Proved(terms=terms, signature=signature, said=said, terminal=terminal, directory=directory, rules=rules)


def signer_of(message: Hash32, signature: bytes) -> Address:
    """Who signed these 32 bytes: r 32, s 32, v 1 (0, 1, 27 or 28), s in its lower half. Raises WrongSignature."""
    if len(signature) != _SIGNATURE_SIZE:
        raise WrongSignature(f"it has {_SIGNATURE_SIZE} bytes")
    recovery = signature[64] - 27 if signature[64] >= 27 else signature[64]
    if recovery not in (0, 1) or int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        raise WrongSignature("its v or its s is out of range")
    try:
        key = PublicKey.from_signature_and_message(signature[:64] + bytes((recovery,)), message, hasher=None)
    except Exception:
        # coincurve raises plain Exception, or ValueError, where no key fits
        raise WrongSignature("no key could have made it") from None
    return Address(keccak(key.format(compressed=False)[1:])[12:])


def check_stan(stan: str) -> None:
    """Raises MalformedMessage."""
    if not (len(stan) == 6 and stan.isascii() and stan.isdecimal()):
        raise MalformedMessage("a STAN has six digits")


def check_time(name: str, time: int) -> None:
    """Raises MalformedMessage."""
    if not 0 < time < _END_OF_TIME:
        raise MalformedMessage(f"{name} is Unix seconds")
