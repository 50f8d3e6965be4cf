"""What is kept of each block for proofs: that it grows, that it fits the chain, and that a change in it shows."""

import base64
import gzip
import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from node.domain.errors import Unusable
from node.network import proofs
from node.network.proofs import NoArchiveSource, extend_archive, read_archive
from tests.network.chain import Chain

pytestmark = pytest.mark.chain
SEGMENT = 4


@pytest.fixture
def archive(whole: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The first ten blocks, in segments of four."""
    monkeypatch.setattr(proofs, "SEGMENT", SEGMENT)
    whole.wait_for_height(14)
    assert extend_archive(whole.plan, tmp_path / "proofs", most=10) == (1, 10)
    return tmp_path / "proofs"


def test_archive_holds_what_a_proof_needs(whole: Chain, archive: Path) -> None:
    names = {path.name for path in archive.iterdir()}
    assert names == {"000000001.jsonl.gz", "000000005.jsonl.gz", "000000009.jsonl", "validators.jsonl"}
    keys = {validator.address: validator.public_key for validator in whole.plan.validators}
    for height in range(2, 11):
        parts = read_archive(archive, height)
        # the header of the next block names what this one's execution led to
        assert parts.header["app_hash"].lower() == whole.hash_of(height - 1)[2:]
        assert parts.commit["block_id"]["hash"] and int(parts.commit["height"]) == height
        found = {entry["address"]: base64.b64decode(entry["pub_key"]["value"]).hex() for entry in parts.validators}
        assert found == keys
        assert all(sha256(bytes.fromhex(key)).hexdigest()[:40].upper() == address for address, key in found.items())
        signed = [each for each in parts.commit["signatures"] if each["block_id_flag"] == 2]
        assert len(signed) * 3 > 2 * len(keys)
    with pytest.raises(Unusable, match="does not have"):
        read_archive(archive, 11)


def test_archive_goes_on_where_it_ended_also_after_a_crash(whole: Chain, archive: Path) -> None:
    with (archive / "000000009.jsonl").open("a") as file:
        file.write('{"header": {"hei')
    with (archive / "validators.jsonl").open("a") as file:
        file.write('{"hash": "A')
    # compressed, and not yet removed
    (archive / "000000005.jsonl").write_bytes(gzip.decompress((archive / "000000005.jsonl.gz").read_bytes()))
    assert extend_archive(whole.plan, archive, most=2) == (1, 12)
    assert [int(read_archive(archive, height).header["height"]) for height in range(1, 13)] == list(range(1, 13))
    assert not (archive / "000000005.jsonl").exists()
    assert len((archive / "validators.jsonl").read_text().splitlines()) == 1


def test_archive_shows_a_change_and_another_chain(whole: Chain, archive: Path) -> None:
    path = archive / "000000009.jsonl"
    first, second = (json.loads(line) for line in path.read_text().splitlines())
    second["commit"]["block_id"]["hash"] = "AB" * 32
    path.write_text(json.dumps(first) + "\n" + json.dumps(second) + "\n")
    with pytest.raises(Unusable, match="another chain"):
        extend_archive(whole.plan, archive)
    second["header"]["last_block_id"]["hash"] = "CD" * 32
    path.write_text(json.dumps(first) + "\n" + json.dumps(second) + "\n")
    with pytest.raises(Unusable, match="does not follow"):
        read_archive(archive, 9)


def test_archive_says_when_nobody_has_what_it_needs(whole: Chain, archive: Path) -> None:
    away = replace(
        whole.plan,
        validators=tuple(
            replace(each, ports=replace(each.ports, comet_rpc=each.ports.gateway)) for each in whole.plan.validators
        ),
    )
    with pytest.raises(NoArchiveSource, match="11 is wanted"):
        extend_archive(away, archive)
