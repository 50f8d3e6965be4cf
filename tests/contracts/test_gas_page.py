"""docs/gas.md says what the contracts cost now."""

import re

import pytest

from benchmarks.gas_page import PAGE, domains, measure_all, rows

pytestmark = [pytest.mark.anvil, pytest.mark.slow]
ROW = re.compile(r"^\| (?P<operation>[^|]+) \| (?P<gas>[\d,]+) \|", re.MULTILINE)


def test_page_says_within_two_percent_what_is_measured() -> None:
    measured = {name: gas for figures in measure_all().values() for name, gas in figures.items()}
    written = {row["operation"]: int(row["gas"].replace(",", "")) for row in ROW.finditer(PAGE.read_text())}
    assert written.keys() == measured.keys(), "make gas"
    off = {name: (gas, written[name]) for name, gas in measured.items() if abs(gas - written[name]) * 50 > gas}
    assert not off, f"make gas: (measured, written) {off}"


def test_target_that_is_not_reached_is_called_missed() -> None:
    assert "ledger" in domains()
    found = {"ledger": {"coin transfer": 11, "OpenZeppelin ERC-20 transfer": 10, "coin permit": 9}}
    assert [row[-1] for row in rows("ledger", found)] == ["**missed**", "", ""]
