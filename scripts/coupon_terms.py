"""A campaign's terms as people write them, in TOML, and coupons as people name them."""

import tomllib
from pathlib import Path
from typing import Any, Final

from node.domain.acts.coupon import Face
from node.domain.coupons import BASIS_POINTS, coupon_id
from node.domain.merkle import product_set_root
from scripts.amounts import MAX_32, money, read_money, read_whole
from scripts.names import read_products
from scripts.session import Session
from scripts.set_rule import read_time
from scripts.trouble import Trouble

FACES: Final = {"percentage": Face.PERCENTAGE, "sum": Face.SUM, "gift": Face.GIFT}
WEIGHTS: Final = ("first", "distributors", "member", "data_owner", "data_user")
KNOWN: Final = {
    "face", "value", "incentive", "paid_in", "minimum_basket", "from", "until", "uses", "stackable", "products",
    "targeted_by", "weights",
}  # fmt: skip


def read_terms(file: Path) -> tuple[Any, ...]:
    """ICoupons.Terms of a TOML file. Raises Trouble naming what is wrong in it."""
    try:
        given = tomllib.loads(file.read_text())
    except OSError as failure:
        raise Trouble(f"{file} cannot be read: {failure.strerror}") from None
    except ValueError as failure:
        raise Trouble(f"{file} is no TOML: {failure}") from None
    try:
        return parse_terms(given, file.parent)
    except Trouble as trouble:
        raise Trouble(f"{file}: {trouble}") from None


def parse_terms(given: dict[str, Any], folder: Path) -> tuple[Any, ...]:
    """ICoupons.Terms; `products` is a file relative to `folder`. Raises Trouble."""
    for name in given:
        if name not in KNOWN:
            raise Trouble(f"nobody knows {name!r}; there are {', '.join(sorted(KNOWN))}")
    for name in ("face", "value", "incentive"):
        if name not in given:
            raise Trouble(f"{name} is missing")
    if given["face"] not in FACES:
        raise Trouble(f"face is {given['face']!r}, not {', '.join(FACES)}")
    if given.get("paid_in", "points") not in ("points", "cash"):
        raise Trouble(f"paid_in is {given['paid_in']!r}, not points or cash")
    share, incentive = _incentive(str(given["incentive"]))
    weights = _weights(given.get("weights", {}))
    products = given.get("products")
    return (
        read_time(str(given.get("from", "0"))),
        read_time(str(given.get("until", "0"))),
        read_money(str(given["minimum_basket"]), high=MAX_32) if "minimum_basket" in given else 0,
        int(FACES[given["face"]]),
        _value(FACES[given["face"]], str(given["value"])),
        read_whole(str(given.get("uses", 1)), "a number of uses", low=1, high=255),
        given.get("stackable", False) is True,
        given.get("paid_in") == "cash",
        share,
        incentive,
        *weights,
        read_whole(str(given.get("targeted_by", 0)), "a merchant's number", high=MAX_32),
        product_set_root(read_products(folder / products)) if products else bytes(32),
    )


def read_coupons(text: str) -> list[int]:
    """Coupons of `3/0/17`, `3/0/17-40` (campaign, lot, serials) or their numbers, separated by commas."""
    found: list[int] = []
    for piece in text.split(","):
        parts = piece.strip().split("/")
        if len(parts) == 1:
            found.append(read_whole(piece.strip(), "a coupon such as 1/0/5", low=2**32))
            continue
        if len(parts) != 3:
            raise Trouble(f"{piece!r} is not a coupon such as 1/0/5")
        campaign = read_whole(parts[0], "a campaign's number", low=1, high=MAX_32)
        lot = read_whole(parts[1], "a lot's number", high=2**16 - 1)
        first, _, last = parts[2].partition("-")
        low = read_whole(first, "a serial", high=2**16 - 1)
        high = read_whole(last or first, "a serial", low=low, high=2**16 - 1)
        found += [coupon_id(campaign, lot, serial) for serial in range(low, high + 1)]
    return found


def read_coupon(text: str) -> int:
    """One coupon."""
    found = read_coupons(text)
    if len(found) != 1:
        raise Trouble(f"{text!r} is more than one coupon")
    return found[0]


def coupon_name(coupon: int) -> str:
    """`3/0/17`."""
    return f"{coupon >> 32}/{coupon >> 16 & 0xFFFF}/{coupon & 0xFFFF}"


def face_in_words(face: int, value: int) -> str:
    """`10% off`, `5.00 off`, `gift 7`."""
    if face == Face.PERCENTAGE:
        return f"{value / 100:g}% off"
    return f"{money(value)} off" if face == Face.SUM else f"gift {value}"


def read_bps(text: str, what: str) -> int:
    """Basis points of `12.5%`."""
    if not text.endswith("%"):
        raise Trouble(f"{text!r} is not {what} such as 12.5%")
    points = read_money(text[:-1]) if text != "0%" else 0  # two decimals too
    if points > BASIS_POINTS:
        raise Trouble(f"{text} is more than all: {what} is 100% at most")
    return points


def check_known(session: Session, coupon: int) -> None:
    """Raises Trouble when there is no such coupon."""
    try:
        session.pipeline().check(f"look at coupon {coupon_name(coupon)}", session["Coupons"].ownerOf, (coupon,))
    except Trouble:
        raise Trouble(f"there is no coupon {coupon_name(coupon)}") from None


def _value(face: Face, text: str) -> int:
    if face is Face.PERCENTAGE:
        return read_bps(text, "a discount")
    return (
        read_money(text, high=MAX_32) if face is Face.SUM else read_whole(text, "a gift's number", low=1, high=MAX_32)
    )


def _incentive(text: str) -> tuple[bool, int]:
    if text.endswith("%"):
        return True, read_bps(text, "an incentive")
    return False, 0 if text == "0" else read_money(text, high=MAX_32)


def _weights(given: Any) -> list[int]:
    if not isinstance(given, dict):
        raise Trouble("weights are a table")
    for name in given:
        if name not in WEIGHTS:
            raise Trouble(
                f"nobody knows the weight {name!r}; there are {', '.join(WEIGHTS)}, and the platform has the rest"
            )
    return [read_bps(str(given.get(name, "0%")), f"the weight of {name}") for name in WEIGHTS]
