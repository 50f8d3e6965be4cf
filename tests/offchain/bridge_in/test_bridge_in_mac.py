"""MACs against what standards and other implementations publish, and check values of keys."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.bridge.keys.key import Algorithm, Key, Purpose, master_check_value
from node.iso8583.aes_cmac import AesCmac
from node.iso8583.mac import MacAlgorithm, MacKey
from node.iso8583.retail_mac import RetailMac
from node.iso8583.wire import Fields
from node.pos.messages import PosTerminal
from tests.offchain.bridge_in.conftest import CARD, CURRENCY, MAC_KEY

TEXT = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
AES_128 = "2b7e151628aed2a6abf7158809cf4f3c"
AES_192 = "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b"
AES_256 = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"
AES_KEY = bytes.fromhex(AES_128)
GOOD = {"card": CARD, "amount": 1_200, "currency": CURRENCY}


@pytest.mark.parametrize(
    ("key", "size", "tag"),
    [
        # RFC 4493, section 4; the same as NIST SP 800-38B, D.1
        (AES_128, 0, "bb1d6929e95937287fa37d129b756746"),
        (AES_128, 16, "070a16b46b4d4144f79bdd9dd04a287c"),
        (AES_128, 40, "dfa66747de9ae63030ca32611497c827"),
        (AES_128, 64, "51f0bebf7e3b9d92fc49741779363cfe"),
        # NIST SP 800-38B, D.2
        (AES_192, 0, "d17ddf46adaacde531cac483de7a9367"),
        (AES_192, 16, "9e99a7bf31e710900662f65e617c5184"),
        (AES_192, 40, "8a1de5be2eb31aad089a82e6ee908b0e"),
        (AES_192, 64, "a1d5df0eed790f794d77589659f39a11"),
        # NIST SP 800-38B, D.3
        (AES_256, 0, "028962f61b7bf89efc6b551f4667d983"),
        (AES_256, 16, "28a7023f452e8f82bd4bf28d8c37c35c"),
        (AES_256, 40, "aaf3d8f1de5640c232f5b169b9c911e6"),
        (AES_256, 64, "e1992190549f6ed5696a2c056c315410"),
    ],
)
def test_aes_cmac_gives_the_standards_vectors(key: str, size: int, tag: str) -> None:
    mac = AesCmac(bytes.fromhex(key))
    assert mac.tag(TEXT[:size]).hex() == tag
    assert mac.compute(TEXT[:size]).hex() == tag[:16], "SP 800-38B shortens to the first bits"


@pytest.mark.parametrize(
    ("key", "data", "mac"),
    [
        # Bouncy Castle, ISO9797Alg3MacTest: no padding is needed
        ("7CA110454A1A6E570131D9619DC1376E", b"Hello World !!!!".hex(), "F09B856213BAB83B"),
        # ICAO Doc 9303 part 11, appendix D.3: padded there by method 2, which is 80 00 00 00 00 00 00 00 here
        (
            "7962D9ECE03D1ACD4C76089DCE131543",
            "72C29C2371CC9BDB65B779B8E8D37B29ECC154AA56A8799FAE2F498F76ED92F2" + "8000000000000000",
            "5F1448EEA8AD90A7",
        ),
        (
            "7962D9ECE03D1ACD4C76089DCE131543",
            "46B9342A41396CD7386BF5803104D7CEDC122B9132139BAF2EEDC94EE178534F" + "8000000000000000",
            "2F2D235D074D7449",
        ),
    ],
)
def test_retail_mac_gives_what_others_publish(key: str, data: str, mac: str) -> None:
    assert RetailMac(bytes.fromhex(key)).compute(bytes.fromhex(data)).hex().upper() == mac


@given(st.binary(max_size=200), st.sampled_from([16, 24, 32]))
def test_aes_cmac_is_right_for_its_own_data_only(data: bytes, size: int) -> None:
    mac = AesCmac(bytes(range(size)))
    made = mac.compute(data)
    assert len(made) == 8 and mac.verify(data, made)
    assert not mac.verify(data + b"1", made) and not mac.verify(data, made[:7]) and not mac.verify(data, bytes(8))
    assert not AesCmac(bytes(range(1, size + 1))).verify(data, made)


def test_aes_cmac_never_shows_its_key_and_refuses_other_sizes() -> None:
    assert repr(AesCmac(AES_KEY)) == "AesCmac(...)"
    for size in (0, 8, 15, 33):
        with pytest.raises(ValueError, match="16, 24 or 32 bytes"):
            AesCmac(bytes(size))


def test_check_values_are_those_that_others_show() -> None:
    tdes = Key(purpose=Purpose.MAC, algorithm=Algorithm.TDES, value=MAC_KEY)
    # the test key of many manuals, zeros under which are 08D7B4FB629D0885
    assert (MAC_KEY.hex().upper(), tdes.check_value) == ("0123456789ABCDEFFEDCBA9876543210", "08D7B4")
    # zeros under a key of zeros: H of test case 1 of the GCM specification (McGrew, Viega)
    assert master_check_value(bytes(16)) == "66E94B"
    aes = Key(purpose=Purpose.MAC, algorithm=Algorithm.AES, value=AES_KEY)
    assert aes.check_value == AesCmac(AES_KEY).tag(bytes(16))[:3].hex().upper() != master_check_value(AES_KEY)
    assert AES_128 not in repr(aes) and MAC_KEY.hex() not in repr(tdes)


# --- over TCP ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def both(terminal: PosTerminal, key_file) -> Callable[[MacKey], PosTerminal]:
    """A terminal that has a key of each kind; the AES one is the newest."""
    key_file.write_text(f"TILL0001 aes:{AES_128} {MAC_KEY.hex()}\n")
    return lambda mac: replace(terminal, mac=mac)


@pytest.mark.parametrize("fields", Fields)
@pytest.mark.parametrize(
    ("profile", "answers"),
    [("any", ("00", "00")), ("aes-cmac", ("00", "97")), ("x9.19", ("97", "00"))],
)
async def test_a_listener_takes_macs_of_its_profiles_algorithm(
    listen, both: Callable[[MacKey], PosTerminal], fields: Fields, profile: str, answers: tuple[str, str]
) -> None:
    async with listen(mac=profile, fields=fields.value) as listener:
        pos = await listener.connect(fields=fields)
        replies = [
            await pos.purchase(replace(both(mac), fields=fields), **GOOD)
            for mac in (AesCmac(AES_KEY), RetailMac(MAC_KEY))
        ]
    assert tuple(each.response_code for each in replies) == answers
    # the answer is under the key of the question
    assert [each.mac_right for each in replies if each.approved] == [True] * answers.count("00")


async def test_a_key_of_one_algorithm_is_none_of_the_other(
    listen, both: Callable[[MacKey], PosTerminal], key_file
) -> None:
    key_file.write_text(f"TILL0001 aes:{MAC_KEY.hex()}\n")
    async with listen() as listener:
        pos = await listener.connect()
        assert (await pos.purchase(both(RetailMac(MAC_KEY)), **GOOD)).response_code == "97"
        assert (await pos.purchase(both(AesCmac(MAC_KEY)), **GOOD)).response_code == "00"
    assert {each.value for each in MacAlgorithm} == {"x9.19", "aes-cmac"}
