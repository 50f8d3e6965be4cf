"""Onboarding plans: read whole, and refused whole."""

from typing import Any

import pytest

from scripts.names import ZERO, terminal_id, text32
from scripts.plan_file import parse_plan
from scripts.trouble import Trouble

SIGNER = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


def merchant(**changed: Any) -> dict[str, Any]:
    return {"name": "North", "stores": [{"store": 7, "terminals": [{"id": "S0700701"}]}], **changed}


def test_parse_plan_fills_in_what_is_not_said() -> None:
    plan = parse_plan({"merchants": [merchant()], "product_set": ["b", "a", "b"]})
    assert plan.merchants[0].stores == [(text32("7"), [(terminal_id("S0700701"), 1, ZERO, 0)])]
    assert (plan.merchants[0].admin, plan.merchants[0].coefficient) == (None, 0)
    assert plan.product_set == ("a", "b")
    assert plan.members == plan.streams == ()
    stream = {"stream": 1, "poster": SIGNER, "daily_limit": 7}
    streams = parse_plan({"streams": [stream, {**stream, "refund_limit": 0}]}).streams
    assert [each.refund_limit for each in streams] == [7, 0]


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"merchants": {}}, "merchants of the plan is no list"),
        ({"merchants": [merchant(), {}]}, "merchant 2 of the plan lacks 'name'"),
        ({"merchants": [merchant(prepaid=-1)]}, "merchant 1 of the plan cannot be used: -1 is no whole number"),
        ({"merchants": [merchant(coefficient=1.5)]}, "1.5 is no whole number"),
        ({"merchants": [merchant(stores=5)]}, "merchant 1 of the plan cannot be used"),
        ({"merchants": [merchant(name="x" * 33)]}, "is not a name of 1 to 32"),
        ({"merchants": [merchant(admin="0x12")]}, "merchant 1 of the plan: '0x12' is no address"),
        ({"members": [1, 0]}, "member 2 of the plan cannot be used: 0 is no whole number"),
        ({"members": [True]}, "True is no whole number"),
        ({"product_set": [5]}, "product 1 of the plan cannot be used: 5 is no product code"),
        ({"streams": [{"stream": 1, "poster": SIGNER}]}, "stream 1 of the plan lacks 'daily_limit'"),
    ],
)
def test_parse_plan_names_what_cannot_be_used(document: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Trouble) as trouble:
        parse_plan(document)
    assert sentence in str(trouble.value)
