"""The patches of the CometBFT whose clock can be set: they fit its source exactly, or the build stops."""

from pathlib import Path

import pytest

from node.network.toolchain.failures import SetupError
from node.network.toolchain.faults import patch

NOW = "func Now() time.Time {\n\treturn Canonical(time.Now())\n}\n"
VALIDATION = 'import (\n\t"time"\n)\n\nvar a, b = time.Now(), time.Now()\n'


@pytest.fixture
def module(tmp_path: Path) -> Path:
    for file, text in (("types/time/time.go", NOW), ("state/validation.go", VALIDATION)):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_text(text)
    return tmp_path


def test_patch_has_every_reading_of_the_clock_go_by_way_of_the_skew(module: Path) -> None:
    patch(module)
    assert "Canonical(Skewed(time.Now()))" in (module / "types/time/time.go").read_text()
    validation = (module / "state/validation.go").read_text()
    assert validation.count("cmttime.Skewed(time.Now())") == validation.count("time.Now()") == 2
    assert 'cmttime "github.com/cometbft/cometbft/types/time"' in validation


def test_patch_stops_when_the_source_is_another_one(module: Path) -> None:
    (module / "state/validation.go").write_text(VALIDATION.replace(", time.Now()", ""))
    with pytest.raises(SetupError, match="has changed"):
        patch(module)
