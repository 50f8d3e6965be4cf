"""The published table of types, processing codes and private tags."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from node.iso8583.profile import PROFILE, TAGS, Operation, row_for, row_of

TYPES = [f"0{number:03d}" for number in range(0, 1000, 1)]
CODES = [f"{code:02d}{source}00" for code in range(100) for source in ("00", "40", "60", "90")]


@given(st.sampled_from(TYPES), st.text("0123456789", min_size=6, max_size=6) | st.sampled_from(CODES))
def test_every_type_and_code_means_one_thing_at_most(mti: str, code: str) -> None:
    rows = [
        row
        for row in PROFILE
        if mti in row.types
        and code[:2] in row.codes
        and (not row.sources or (code[2:4] in row.sources and code[4:] == "00"))
    ]
    assert len(rows) <= 1 and row_of(mti, code) is (rows[0] if rows else None)


def test_every_code_of_the_table_is_found_and_every_tag_is_described() -> None:
    for row in PROFILE:
        for mti, code, source in itertools.product(row.types, row.codes, row.sources or ("00",)):
            # which of the two a 0220 is, its other elements say
            found = row_for(Operation.CAPTURE) if row.operation is Operation.ADVICE else row
            assert row_of(mti, f"{code}{source}00") is found
    named = {tag.name for tag in TAGS}
    assert named == {tag for row in PROFILE for tag in (*row.tags, *row.required)}
    assert len(named) == len(TAGS) and all(len(name) == 2 for name in named)
