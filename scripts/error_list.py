"""docs/errors.md: every typed error that a contract can answer with, made from the interfaces' own words.

`python -m scripts.error_list` writes the page; a test checks that it is current. What to do about an error stands in
the page of its area, which the list links to.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "errors.md"
DECLARED: Final = re.compile(r"((?:^ *///.*\n)*)^ *error (\w+)\(([^)]*)\);", re.MULTILINE)
NOTICE: Final = re.compile(r"^ *///(?: @notice)? ?", re.MULTILINE)
HEAD: Final = """# Every refusal by name

A script that is refused names the contract's own error with its values. This is the list of all there are, made from
the interfaces (`python -m scripts.error_list` writes it, a test compares it); the last column is the page that says
what to do about it. Amounts are in minor units, coins in units of 10^-6.

| error | of | means | page |
| --- | --- | --- | --- |
"""
LIBRARY: Final = "OpenZeppelin"
WHOLE: Final = "ILedger"  # repeats what the ledger's parts declare
OVERVIEW: Final = "contracts.md"  # names every contract, so naming one says nothing about its rows
FOREIGN: Final = {
    "ERC20InsufficientBalance(sender, balance, needed)": "The account has less of this token; of cash: `deposit_cash`.",
    "ERC20InsufficientAllowance(spender, allowance, needed)": "The owner approved the contract for less.",
    "ERC20InvalidReceiver(receiver)": "Tokens are not sent to nobody, nor to a contract that may not hold them.",
    "ERC20InvalidSender(sender)": "Tokens do not come from nobody.",
    "ERC20InvalidApprover(approver)": "Nobody approves nothing.",
    "ERC20InvalidSpender(spender)": "Nobody is approved.",
    "ERC721NonexistentToken(tokenId)": "There is no such coupon or receipt.",
    "ERC721IncorrectOwner(sender, tokenId, owner)": "The coupon or receipt is another's.",
    "ERC721InsufficientApproval(operator, tokenId)": "The sender may not move this coupon or receipt.",
    "ERC721InvalidApprover(approver)": "The sender may not let others move this coupon or receipt.",
    "ERC721InvalidOperator(operator)": "Nobody is approved.",
    "ERC721InvalidOwner(owner)": "Nobody owns nothing.",
    "ERC721InvalidReceiver(receiver)": "The receiver is a contract that takes no coupons or receipts.",
    "ERC721InvalidSender(sender)": "It exists already.",
    "ECDSAInvalidSignatureLength(length)": "A signature has 65 bytes.",
    "InvalidAccountNonce(account, currentNonce)": "The permit was used, or is for a later nonce: sign anew.",
    "InvalidShortString()": "A contract's name is too long to be kept in a word.",
    "StringTooLong(str)": "A contract's name is too long to be kept in a word.",
    "AccessManagedUnauthorized(caller)": "The caller has not the role that this function needs; scripts name the role.",
    "AccessManagedRequiredDelay(caller, delay)": "This act has to be announced first: `schedule add`.",
    "AccessManagedInvalidAuthority(authority)": "The new authority has no code.",
    "AccessManagerUnauthorizedAccount(msgsender, roleId)": "The caller has not this role; scripts name it.",
    "AccessManagerUnauthorizedCall(caller, target, selector)": "The caller may not do this act, announced or not.",
    "AccessManagerUnauthorizedCancel(msgsender, caller, target, selector)": "Who announced it, the "
    "role's guardian or the admin cancels it.",
    "AccessManagerUnauthorizedConsume(target)": "The contract announces nothing itself.",
    "AccessManagerAlreadyScheduled(operationId)": "It was announced already.",
    "AccessManagerNotScheduled(operationId)": "It was not announced, or is done or cancelled.",
    "AccessManagerNotReady(operationId)": "Its delay is not over.",
    "AccessManagerExpired(operationId)": "It was announced more than a week before its end: announce it anew.",
    "AccessManagerBadConfirmation()": "A role is renounced by its own holder only.",
    "AccessManagerInvalidInitialAdmin(initialAdmin)": "The first admin is nobody.",
    "AccessManagerLockedRole(roleId)": "This role cannot be given or changed.",
    "AddressEmptyCode(target)": "There is no contract at the address.",
    "FailedCall()": "The call failed without a reason.",
    "InsufficientBalance(balance, needed)": "The contract has not the coin that the call sends along.",
    "SafeCastOverflowedUintDowncast(bits, value)": "The number is too large.",
    "ReentrancyGuardReentrantCall()": "A token called back in the middle of its own transfer.",
}


@dataclass(frozen=True, kw_only=True, order=True, slots=True)
class TypedError:
    """An error with its values' names, what declares it, and what it means."""

    name: str
    values: str
    source: str
    meaning: str


def declared() -> Iterator[TypedError]:
    """The project's own errors: those of the interfaces, and of contracts and libraries beside them."""
    contracts = (path for path in (ROOT / "contracts").rglob("*.sol") if path.parent.name != "testing")
    for path in [*sorted((ROOT / "interfaces").glob("*.sol")), *sorted(contracts)]:
        for comment, name, parameters in DECLARED.findall(path.read_text()):
            values = ", ".join(part.split()[-1] for part in parameters.split(",") if part.strip())
            meaning = " ".join(NOTICE.sub("", comment).split()).partition("@dev")[0].strip()
            yield TypedError(name=name, values=values, source=path.stem, meaning=meaning)


def page() -> str:
    """The whole page."""
    pages = {path: path.read_text() for path in sorted(PAGE.parent.glob("*.md")) if path != PAGE}
    found = list(declared())
    elsewhere = {each.name for each in found if each.source != WHOLE}
    found = [each for each in found if each.source != WHOLE or each.name not in elsewhere]
    for text, meaning in FOREIGN.items():
        name, _, rest = text.partition("(")
        found.append(TypedError(name=name, values=rest.rstrip(")"), source=LIBRARY, meaning=meaning))
    rows: dict[tuple[str, str, str], list[str]] = {}
    for each in sorted(found):
        rows.setdefault((each.name, each.values, each.meaning), []).append(each.source)
    lines = [
        f"| {name}({values}) | {', '.join(sources)} | {meaning} | {_links(name, sources, pages)} |"
        for (name, values, meaning), sources in rows.items()
    ]
    return HEAD + "\n".join(lines) + "\n"


def _links(name: str, sources: list[str], pages: dict[Path, str]) -> str:
    """Links to pages whose tables have the error in their first column: those about its contract, if there are such."""
    row = re.compile(rf"^\| [^|]*\b{name}\b[^|]*\|", re.MULTILINE)
    found = {path: text for path, text in pages.items() if row.search(text)}
    named = [rf"\b{source.removeprefix('I')}\b" for source in sources]
    about = [
        path
        for path, text in found.items()
        if path.name != OVERVIEW and any(re.search(source, text) for source in named)
    ]
    return ", ".join(f"[{path.stem}]({path.name})" for path in about or found)


if __name__ == "__main__":
    PAGE.write_text(page())
