"""`till net archive`: what a payment's proof needs of each block, kept when the blocks themselves are pruned.

Of every height the header, the commit that more than two thirds signed, and the validator set that they signed as.
Appended to, never rewritten:

    000000001.jsonl.gz   heights 1 to 1,000, one JSON object a line: {"header", "commit"}, as CometBFT's RPC gives them
    000001001.jsonl      the newest, still open
    validators.jsonl     a line for each set, under the hash that headers name it by

Each header names the block before it, so a gap or a change shows when it is appended or read.
"""

import gzip
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from node.domain.errors import Retryable, Unusable
from node.network.plan import NetworkPlan, ValidatorPlan
from node.network.rpc import CALL_SECONDS, OPENER

SEGMENT: Final = 1_000
SETS_FILE: Final = "validators.jsonl"
MAX_SETS: Final = 100_000
PER_PAGE: Final = 100


class NoArchiveSource(Retryable):
    """No validator of this folder gives the blocks that the archive needs next."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProofParts:
    """What proves a block: its header, the commit for it, and the validators that the header names."""

    header: dict[str, Any]
    commit: dict[str, Any]
    validators: list[dict[str, Any]]


def extend_archive(plan: NetworkPlan, folder: Path, *, most: int = 10**9) -> tuple[int, int]:
    """Appends what the chain has beyond the archive, `most` heights at a time; the first and last height it holds then.

    Raises NoArchiveSource when nobody has the next height any more (or yet), Unusable when it does not fit.
    """
    folder.mkdir(parents=True, exist_ok=True)
    last = _last_line(folder)
    height = int(last["header"]["height"]) if last else 0
    source, newest = _source(plan, height + 1)
    sets = set(archived_sets(folder))
    while height < newest and most > 0:
        height, most = height + 1, most - 1
        signed = ask_comet(plan, source, f"commit?height={height}")["signed_header"]
        _check_follows(last, signed, height)
        name = signed["header"]["validators_hash"]
        if name not in sets:
            _append(folder / SETS_FILE, {"hash": name, "validators": set_at(plan, source, height)})
            sets.add(name)
        last = {"header": signed["header"], "commit": signed["commit"]}
        _append(folder / f"{_first_of(height):09}.jsonl", last)
        if height % SEGMENT == 0:
            _close(folder, height)
    return (1, height) if height else (0, 0)


def read_archive(folder: Path, height: int) -> ProofParts:
    """What the archive has of one height. Raises Unusable when it is not there, or its neighbours contradict it."""
    found = {int(line["header"]["height"]): line for line in read_segment(folder, height)}
    if height not in found:
        raise Unusable(f"the archive {folder} does not have block {height}")
    line = found[height]
    if height + 1 in found:
        _check_follows(line, {"header": found[height + 1]["header"], "commit": found[height + 1]["commit"]}, height + 1)
    validators = archived_sets(folder).get(line["header"]["validators_hash"])
    if validators is None:
        raise Unusable(f"the archive {folder} lacks the validators of block {height}")
    return ProofParts(header=line["header"], commit=line["commit"], validators=validators)


def _check_follows(before: dict[str, Any] | None, after: dict[str, Any], height: int) -> None:
    header, commit = after["header"], after["commit"]
    if int(header["height"]) != height or int(commit["height"]) != height:
        raise Unusable(f"the answer for block {height} is of block {header['height']}")
    if before is not None and header["last_block_id"]["hash"] != before["commit"]["block_id"]["hash"]:
        raise Unusable(f"block {height} does not follow the archive's block {height - 1}: another chain, or a change")


def _source(plan: NetworkPlan, wanted: int) -> tuple[ValidatorPlan, int]:
    """Who has the wanted height, those that keep everything first, and the newest height whose commit is settled."""
    earliest: list[str] = []
    for validator in sorted(plan.validators, key=lambda each: each.keep_blocks != 0):
        try:
            info = ask_comet(plan, validator, "status")["sync_info"]
        except NoArchiveSource:
            continue
        if int(info["earliest_block_height"]) <= wanted:
            # the newest block's commit is what this validator saw; the next block says which one counts
            return validator, int(info["latest_block_height"]) - 1
        earliest.append(f"{validator.name} from {info['earliest_block_height']} on")
    raise NoArchiveSource(f"block {wanted} is wanted; there is {', '.join(earliest) or 'nobody who answers'}")


def set_at(plan: NetworkPlan, source: ValidatorPlan, height: int) -> list[dict[str, Any]]:
    """The validators that sign a height, in the order of their signatures. Raises NoArchiveSource."""
    found: list[dict[str, Any]] = []
    for page in range(1, MAX_SETS // PER_PAGE):
        answer = ask_comet(plan, source, f"validators?height={height}&per_page={PER_PAGE}&page={page}")
        found += [
            {name: entry[name] for name in ("address", "pub_key", "voting_power", "proposer_priority")}
            for entry in answer["validators"]
        ]
        if len(found) >= int(answer["total"]):
            break
    return found


def ask_comet(plan: NetworkPlan, validator: ValidatorPlan, path: str) -> dict[str, Any]:
    """What the RPC of a validator's CometBFT answers. Raises NoArchiveSource."""
    url = f"http://{plan.host}:{validator.ports.comet_rpc}/{path}"
    try:
        with OPENER.open(url, timeout=CALL_SECONDS) as response:
            result: dict[str, Any] = json.loads(response.read())["result"]
            return result
    except (OSError, ValueError, KeyError, TypeError) as failure:
        raise NoArchiveSource(f"{url}: {failure}") from None


def _first_of(height: int) -> int:
    return (height - 1) // SEGMENT * SEGMENT + 1


def read_segment(folder: Path, height: int) -> Iterator[dict[str, Any]]:
    """Header and commit of each height in the file that has this one, as far as it goes; nothing if there is none."""
    name = f"{_first_of(height):09}.jsonl"
    if (folder / f"{name}.gz").exists():
        with gzip.open(folder / f"{name}.gz", "rt") as file:
            yield from map(json.loads, file)
    elif (folder / name).exists():
        with (folder / name).open() as file:
            yield from map(json.loads, file)


def _close(folder: Path, height: int) -> None:
    """Compresses the segment that ends with this height."""
    path = folder / f"{_first_of(height):09}.jsonl"
    fresh = folder / f".{path.name}.gz.new"
    with gzip.open(fresh, "wb", compresslevel=6) as file:
        file.write(path.read_bytes())
    fresh.replace(folder / f"{path.name}.gz")
    path.unlink()


def _last_line(folder: Path) -> dict[str, Any] | None:
    """The newest line, after what a crash has left half written is cut off."""
    _cut(folder / SETS_FILE)
    for path in folder.glob("[0-9]*.jsonl"):
        if (folder / f"{path.name}.gz").exists():
            path.unlink()  # compressed already
    for name in sorted({path.name.removesuffix(".gz") for path in folder.glob("[0-9]*.jsonl*")}, reverse=True):
        _cut(folder / name)
        lines = list(read_segment(folder, int(name.removesuffix(".jsonl"))))
        if lines:
            return lines[-1]
    return None


def _cut(path: Path) -> None:
    if path.exists():
        data = path.read_bytes()
        if not data.endswith(b"\n"):
            os.truncate(path, data.rfind(b"\n") + 1)


def archived_sets(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The archive's validator sets by the hash that headers name them by."""
    path = folder / SETS_FILE
    if not path.exists():
        return {}
    parse: Callable[[str], Any] = json.loads
    with path.open() as file:
        return {line["hash"]: line["validators"] for line in map(parse, file)}


def _append(path: Path, value: dict[str, Any]) -> None:
    with path.open("a") as file:
        file.write(json.dumps(value, separators=(",", ":")) + "\n")
