"""A short form of `make crowd`: some connections for some seconds, and what its verdict goes by."""

import pytest

from benchmarks.crowd import MEGABYTE, Sample, flat, run
from benchmarks.crowd_nuisance import Nuisance
from benchmarks.crowd_place import on_anvil

CONNECTIONS = 54
SECONDS = 6.0


@pytest.mark.anvil
@pytest.mark.slow
async def test_honest_messages_have_their_answer_and_effect_when_others_misbehave() -> None:
    with on_anvil(lambda _: None) as place:
        found = await run(place, minutes=SECONDS / 60, connections=CONNECTIONS, rate=20.0)
    assert found["faults"] == []
    assert found["approved"] == found["sent"] > 0
    assert found["debits"] > 0
    assert all(found["nuisances"][kind.value]["connections"] for kind in Nuisance)
    assert found["nuisances"][Nuisance.GARBAGE.value]["cut_off"] > 0
    assert set(found["nuisances"][Nuisance.UNSIGNED.value]["codes"]) == {"97"}


def samples(*, memory: tuple[int, int, int], handles: int = 500) -> list[Sample]:
    """Ten samples for each third of a run, memory in MB."""
    return [Sample(memory=size * MEGABYTE, handles=handles, honest=1) for size in memory for _ in range(10)]


@pytest.mark.parametrize(
    ("taken", "faults"),
    [
        (samples(memory=(100, 130, 135)), 0),
        (samples(memory=(100, 130, 160)), 1),
        (samples(memory=(100, 130, 130), handles=600), 1),
        ([], 1),
    ],
)
def test_flat_finds_what_grows(taken: list[Sample], faults: int) -> None:
    assert len(flat(taken, 500)) == faults
