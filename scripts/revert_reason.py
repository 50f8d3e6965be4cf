"""A contract's refusal in words: typed errors by their name and values, `require` texts, panics."""

from functools import cache
from typing import Any, Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from web3 import Web3

ERROR: Final = Web3.keccak(text="Error(string)")[:4]
PANIC: Final = Web3.keccak(text="Panic(uint256)")[:4]


def explain_revert(data: Any) -> str:
    """The sentence for a call's revert data (bytes or 0x-hex), for instance `UnknownMerchant(merchant=7)`."""
    raw = as_bytes(data)
    selector, values = raw[:4], raw[4:]
    try:
        if selector == ERROR:
            return str(decode(["string"], values)[0])
        if selector == PANIC:
            return f"Panic(0x{decode(['uint256'], values)[0]:02x})"
        if (known := known_errors().get(selector)) is not None:
            name, inputs = known
            decoded = decode([canonical(item) for item in inputs], values)
            shown = (f"{item['name']}={in_words(value)}" for item, value in zip(inputs, decoded, strict=True))
            return f"{name}({', '.join(shown)})"
    except (DecodingError, OverflowError):
        pass
    return f"0x{raw.hex()}" if raw else "it gave no reason"


def as_bytes(data: Any) -> bytes:
    """Bytes of what a node gives as bytes or as 0x-hex; none of nothing."""
    return bytes.fromhex(data.removeprefix("0x")) if isinstance(data, str) else bytes(data or b"")


@cache
def known_errors() -> dict[bytes, tuple[str, list[dict[str, Any]]]]:
    """Selector -> (name, inputs) of every typed error in the loaded project's contracts."""
    from brownie import project

    found: dict[bytes, tuple[str, list[dict[str, Any]]]] = {}
    for loaded in project.get_loaded_projects():
        for _, build in loaded._build.items():
            for entry in build["abi"]:
                if entry["type"] == "error":
                    signature = f"{entry['name']}({','.join(canonical(item) for item in entry['inputs'])})"
                    found[Web3.keccak(text=signature)[:4]] = (entry["name"], entry["inputs"])
    return found


def canonical(item: dict[str, Any]) -> str:
    """The type of an ABI input as it stands in a signature (a tuple by its parts)."""
    if not str(item["type"]).startswith("tuple"):
        return str(item["type"])
    parts = ",".join(canonical(part) for part in item["components"])
    return f"({parts}){str(item['type'])[5:]}"


def in_words(value: Any) -> str:
    """A value as people read it: text where bytes are text, else hex; the same inside lists and structs."""
    if isinstance(value, list | tuple):
        inside = ", ".join(map(in_words, value))
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    if not isinstance(value, bytes):
        return str(value)
    text = value.rstrip(b"\0")
    return text.decode() if text and text.isascii() and text.decode().isprintable() else f"0x{value.hex()}"
