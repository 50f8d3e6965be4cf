"""A contract's event in words, for dry runs: its name and its arguments."""

from functools import cache
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from web3 import Web3

from scripts.revert_reason import canonical, in_words


def described(log: dict[str, Any]) -> str:
    """`PointsBought(merchant=1, payer=0x.., amount=500, units=5000000)`; the topic alone for an unknown event."""
    topics = [bytes.fromhex(str(topic).removeprefix("0x")) for topic in log["topics"]]
    known = _events().get((topics[0], len(topics))) if topics else None
    if known is None:
        return f"event 0x{topics[0].hex()}" if topics else "event without a topic"
    name, inputs = known
    indexed = iter(topics[1:])
    plain = [item for item in inputs if not item["indexed"]]
    try:
        rest = iter(decode([canonical(item) for item in plain], bytes.fromhex(log["data"].removeprefix("0x"))))
        values = [_topic(item, next(indexed)) if item["indexed"] else next(rest) for item in inputs]
    except DecodingError:
        return name
    shown = (f"{item['name']}={in_words(value)}" for item, value in zip(inputs, values, strict=True))
    return f"{name}({', '.join(shown)})"


def _topic(item: dict[str, Any], topic: bytes) -> Any:
    # what is longer than a word stands in a topic as its hash
    dynamic = str(item["type"]) in ("string", "bytes") or str(item["type"]).endswith("]")
    return topic if dynamic else decode([canonical(item)], topic)[0]


@cache
def _events() -> dict[tuple[bytes, int], tuple[str, list[dict[str, Any]]]]:
    """(Topic, number of topics) -> (name, inputs) of every event in the loaded project's contracts."""
    from brownie import project

    found: dict[tuple[bytes, int], tuple[str, list[dict[str, Any]]]] = {}
    for loaded in project.get_loaded_projects():
        for _, build in loaded._build.items():
            for entry in build["abi"]:
                if entry["type"] == "event":
                    signature = f"{entry['name']}({','.join(canonical(item) for item in entry['inputs'])})"
                    topics = 1 + sum(item["indexed"] for item in entry["inputs"])
                    found[bytes(Web3.keccak(text=signature)), topics] = (entry["name"], entry["inputs"])
    return found
