"""Amounts, rates, names and stores as people type them."""

from pathlib import Path

import pytest

from node.network.keys import make_account, write_account
from scripts.amounts import coins, money, read_coefficient, read_coins, read_money, read_multiplier, read_whole
from scripts.enrol_members import read_members
from scripts.names import ZERO, read_address, read_products, terminal_id, text32
from scripts.onboard_merchant import TERMINALS_A_CALL, parse_stores, split_stores
from scripts.open_stream import read_limit, read_poster
from scripts.set_rule import read_time
from scripts.trouble import Trouble, sentence, told

SIGNER = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"  # EIP-55's first example


@pytest.mark.parametrize(("text", "minor"), [("1,234.50", 123450), ("0.01", 1), ("7", 700)])
def test_read_money_reads_minor_units(text: str, minor: int) -> None:
    assert read_money(text) == minor


@pytest.mark.parametrize("text", ["", "0", "-1", "1.005", "ten", "nan", "inf", "1e400000"])
def test_read_money_refuses_what_is_no_amount(text: str) -> None:
    with pytest.raises(Trouble):
        read_money(text)


def test_an_amount_of_nothing_is_told_as_that() -> None:
    for read in (read_money, read_coins):
        with pytest.raises(Trouble, match=r"^0 is nothing: it must be more than zero$"):
            read("0")


def test_amounts_are_shown_with_all_their_digits() -> None:
    assert (money(123450), money(-5), coins(12_500_001)) == ("1,234.50", "-0.05", "12.500001")


def test_rates_are_read_as_people_say_them() -> None:
    assert read_coefficient("1%", 10_000) == 100
    assert read_coefficient("0.5%", 10_000) == 50
    assert read_coefficient("120", 10_000) == 120
    assert (read_multiplier("5x"), read_multiplier("1.5x"), read_multiplier("12000")) == (50_000, 15_000, 12_000)
    assert read_coins("0.000001") == 1


@pytest.mark.parametrize("text", ["0%", "-1%", "0.001%", "x%", "0", "many"])
def test_read_coefficient_refuses_what_is_no_rate(text: str) -> None:
    with pytest.raises(Trouble):
        read_coefficient(text, 10_000)


def test_read_whole_bounds_what_it_reads() -> None:
    assert read_whole("0x10", "a number") == 16
    with pytest.raises(Trouble, match="out of bounds"):
        read_whole("0", "a merchant's number", low=1)


def test_read_time_reads_utc() -> None:
    assert read_time("1970-01-02") == 86_400
    assert read_time("1970-01-01T01:00+01:00") == 0
    with pytest.raises(Trouble):
        read_time("tomorrow")


def test_names_are_padded_and_bounded() -> None:
    assert terminal_id("S01") == b"S01\0\0\0\0\0"
    assert len(text32("Corner Shop")) == 32
    for text in ("", "123456789", "tür"):
        with pytest.raises(Trouble):
            terminal_id(text)


def test_read_address_refuses_a_wrong_checksum() -> None:
    assert read_address(SIGNER.lower()) == SIGNER
    with pytest.raises(Trouble):
        read_address(SIGNER.replace("aA", "AA"))


def test_parse_stores_reads_stores_terminals_and_signers() -> None:
    first, second = parse_stores(f"Main Street=S01,S02:{SIGNER}; Harbour=S03", stream=2, floor=500)
    assert first == (
        text32("Main Street"),
        [(terminal_id("S01"), 2, ZERO, 500), (terminal_id("S02"), 2, SIGNER, 500)],
    )
    assert second == (text32("Harbour"), [(terminal_id("S03"), 2, ZERO, 500)])


@pytest.mark.parametrize("text", ["", ";", "Main Street", "Main Street=", "=S01", "Main=S01,,S02"])
def test_parse_stores_refuses_what_is_incomplete(text: str) -> None:
    with pytest.raises(Trouble):
        parse_stores(text, stream=1, floor=0)


def test_split_stores_keeps_each_transaction_within_its_gas() -> None:
    stores = [(text32(f"store {number}"), [(terminal_id("S"), 1, ZERO, 0)] * 7) for number in range(30)]
    groups = split_stores(stores)
    assert [store for group in groups for store in group] == stores
    assert max(sum(len(terminals) for _, terminals in group) for group in groups) <= TERMINALS_A_CALL
    assert split_stores([]) == [[]]


def test_read_products_reads_each_code_once(tmp_path: Path) -> None:
    file = tmp_path / "products.txt"
    file.write_text("# brand\n200\n100\n\n200\n")
    assert read_products(file) == ["100", "200"]
    with pytest.raises(Trouble, match="cannot be read"):
        read_products(tmp_path / "none.txt")


def test_told_ends_with_a_sentence_when_there_is_trouble() -> None:
    @told
    def script() -> None:
        raise Trouble("there is no merchant 9")

    with pytest.raises(SystemExit) as ended:
        script()
    assert ended.value.code == "There is no merchant 9."


def test_told_leaves_names_of_files_as_they_are() -> None:
    assert sentence("plan.json cannot be read") == "plan.json cannot be read."
    assert sentence("set_rule has no offr") == "set_rule has no offr."

    @told
    def script() -> None:
        Path("/no/such/file").read_text()

    with pytest.raises(SystemExit, match="Could not go on: /no/such/file: No such file or directory"):
        script()


@pytest.mark.parametrize("text", ["0x", "0.0x", "500000x", "4294967296", "1.00001x"])
def test_read_multiplier_refuses_what_is_no_multiplier(text: str) -> None:
    with pytest.raises(Trouble, match=r"(lies above 0|too much for a multiplier|out of bounds|finer than)"):
        read_multiplier(text)


def test_amounts_are_bounded_as_the_ledger_s() -> None:
    assert read_money("720575940379279.35") == 2**56 - 1
    for text, read in (("720575940379279.36", read_money), ("72057594037.927936", read_coins)):
        with pytest.raises(Trouble, match="is too much: it may be"):
            read(text)


def test_read_members_reads_each_once() -> None:
    assert read_members("7, 0x8,7") == [7, 8]
    for text in ("", "0", "7,", "1-9"):
        with pytest.raises(Trouble):
            read_members(text)


def test_read_poster_reads_an_address_or_a_key_s_file(tmp_path: Path) -> None:
    account = make_account()
    write_account(tmp_path / "bridge.json", account)
    assert read_poster(str(tmp_path / "bridge.json")) == account.address
    assert read_poster(SIGNER) == SIGNER
    assert (read_limit("0"), read_limit("1.00")) == (0, 100)
    with pytest.raises(Trouble, match=r"key file none\.json"):
        read_poster("none.json")
