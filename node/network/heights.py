"""Signed heights in their order, many at once, for whoever reads all of them; from validators, or from the archive.

Before it node/network/proofs.py, which keeps the archive; after it node/indexer/record.py. node/network/headers.py
gives single ones.
"""

from pathlib import Path
from typing import Any, Final, Protocol

from node.network.headers import NoHeader, kept_of
from node.network.plan import NetworkPlan, ValidatorPlan
from node.network.proofs import NoArchiveSource, archived_sets, read_segment, set_at
from node.network.rpc import NoAnswer, call_many

BATCH: Final = 10
"""Heights that a validator is asked for at once: as many calls as CometBFT takes in one batch."""
CALL_SECONDS: Final = 10.0


class Heights(Protocol):
    """Where signed heights come from."""

    def signed(self, first: int, last: int) -> list[dict[str, Any]]:
        """Header and commit of heights from `first` on, at most to `last`, and one at least. Raises NoHeader."""

    def validators(self, height: int, name: str) -> list[dict[str, Any]]:
        """The set that signs a height, which its header names `name`. Raises NoHeader."""


class ValidatorHeights:
    """Asks the CometBFT of a folder's validators, those that keep everything first."""

    def __init__(self, plan: NetworkPlan) -> None:
        self._plan = plan
        self._sources = sorted(plan.validators, key=lambda each: each.keep_blocks != 0)

    def signed(self, first: int, last: int) -> list[dict[str, Any]]:
        """Header and commit of each height, as the first validator that has them says."""
        calls = [("commit", {"height": str(height)}) for height in range(first, min(last, first + BATCH - 1) + 1)]
        said = "no validator runs from this folder"
        for source in self._sources:
            try:
                answers = call_many(self._url(source), calls, seconds=CALL_SECONDS)
                return [_signed(answer["signed_header"]) for answer in answers]
            except (NoAnswer, KeyError, TypeError) as failure:
                said = str(failure)
        raise NoHeader(f"heights {first} to {last}: {said}")

    def validators(self, height: int, name: str) -> list[dict[str, Any]]:
        """The set, as the first validator that has it says."""
        said = ""
        for source in self._sources:
            try:
                return kept_of(set_at(self._plan, source, height))
            except (NoArchiveSource, KeyError, TypeError) as failure:
                said = str(failure)
        raise NoHeader(f"the validators of height {height}: {said}")

    def _url(self, source: ValidatorPlan) -> str:
        return f"http://{self._plan.host}:{source.ports.comet_rpc}/"


class ArchivedHeights:
    """Reads an archive, a file of a thousand heights at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: list[dict[str, Any]] = []

    def signed(self, first: int, last: int) -> list[dict[str, Any]]:
        """Header and commit of each height that is in the same file."""
        found = self._among(first, last)
        if not found or int(found[-1]["header"]["height"]) < last:
            self._kept = self._read(first)
            found = self._among(first, last)
        if not found:
            raise NoHeader(f"the archive {self._folder} has no height {first} yet")
        return found

    def validators(self, height: int, name: str) -> list[dict[str, Any]]:
        """The set under its name."""
        try:
            found = archived_sets(self._folder).get(name)
            if found is not None:
                return kept_of(found)
        except (OSError, ValueError, KeyError, TypeError) as failure:
            raise NoHeader(f"the validators of the archive {self._folder} cannot be read: {failure}") from None
        raise NoHeader(f"the archive {self._folder} lacks the validators of height {height}")

    def _read(self, height: int) -> list[dict[str, Any]]:
        try:
            return [_signed(each) for each in read_segment(self._folder, height)]
        except (OSError, EOFError, ValueError, KeyError, TypeError) as failure:
            # somebody may be appending to it just now
            raise NoHeader(f"height {height} of the archive {self._folder} cannot be read: {failure}") from None

    def _among(self, first: int, last: int) -> list[dict[str, Any]]:
        return [each for each in self._kept if first <= int(each["header"]["height"]) <= last]


def _signed(found: Any) -> dict[str, Any]:
    return {"header": found["header"], "commit": found["commit"]}
