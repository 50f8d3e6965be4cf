"""A real bridge whose master key is in a token: payments, changes of keys while it runs, and a PIN that is wrong."""

from pathlib import Path

import pytest

from tests.offchain.bridge_out.needles import forms_of_bytes, found_in_files
from tests.offchain.bridge_out.secured_shop import AMOUNT, KEK, MAC_KEY, PAN, PIN, PIN_KEY, Shop
from tests.offchain.bridge_out.stand import stand_on
from tests.offchain.keys.custodian import secret
from tests.offchain.keys.soft_token import SoftToken, soft_token


@pytest.fixture
def token(tmp_path: Path) -> SoftToken:
    return soft_token(tmp_path / "token")


@pytest.mark.anvil
@pytest.mark.slow
async def test_a_bridge_takes_payments_with_keys_that_a_token_unwraps(tmp_path: Path, token: SoftToken) -> None:
    with stand_on(tmp_path) as stand:
        stand.mine_every(1)
        shop = Shop(stand, token)
        shop.run("cards", "import", str(shop.folder / "cards.csv"))
        (first, *_) = [line.split()[-1] for line in shop.said.decode().splitlines() if line.startswith("master key")]
        with shop.bridge():
            assert await shop.send(shop.sale(PAN), shop.sale(PAN, pin=PIN, value=2 * AMOUNT)) == ["00", "00"]
            assert await shop.change_key() == "00"
            for command in (("new",), ("list",)):
                shop.run("keys", "master", *command)
            shop.run("keys", "rewrap")
            shop.run("keys", "master", "retire", first)
            assert f"master key {first} is destroyed" in shop.said.decode()
            # under the key before, which goes on for a while
            assert await shop.send(shop.sale(PAN)) == ["00"] and await shop.change_key() == "00"
        with shop.bridge():
            assert await shop.send(shop.sale(PAN, pin=PIN, value=2 * AMOUNT)) == ["00"]
        secret(token.folder / "token.pin", "000000")
        shop.run("run")
        assert b"the PIN in" in shop.said and b"is wrong; it was tried once" in shop.said
        keys = {"MAC": MAC_KEY, "PIN": PIN_KEY, "KEK": KEK}
        wanted = {f"{name} {form}": each for name, key in keys.items() for form, each in forms_of_bytes(key).items()}
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert len(files) > 10 and not found_in_files(files, wanted)
