"""A short form of `make fuzz`: the seeds are the tables', mutations find nothing, and the judge judges."""

from dataclasses import replace

import pytest

from node.iso8583.framing import Framing, frame
from node.iso8583.packager import MAC_CHARACTERS, Message, mac_element
from node.iso8583.wire import Fields
from proving.fuzz_intake import DOORS, SEALED, Intake, Seen
from proving.fuzz_misread import Misread
from proving.fuzz_mutate import fuzz
from proving.fuzz_oracle import check
from proving.fuzz_seeds import FILE, KEPT, messages, read, seeds, written
from proving.fuzz_trial import MOST_GROWTH, WARM, Grown, Trial
from proving.fuzz_world import SUSPENDED

SECONDS = 8.0
ENOUGH = 1_000
"""Executions that even a busy machine makes in the time."""
PURCHASE = "ascii 0200 purchase 00"


@pytest.fixture
def intake():
    made = Intake()
    yield made
    made.close()


def test_the_seeds_in_the_repository_are_what_the_tables_make() -> None:
    assert FILE.read_text() == written(seeds())


def test_every_door_approves_something_among_the_seeds(intake: Intake) -> None:
    approved = {door.name: 0 for door in DOORS}
    for data in read().values():
        seen = intake.feed(data)
        check(seen)
        approved[seen.door.name] += any(code == "00" for _, code in seen.effects)
    assert min(approved.values()) > 5, approved


@pytest.mark.slow
def test_mutations_of_the_seeds_find_nothing() -> None:
    trial = Trial()
    done = fuzz(read(), trial.try_one, seconds=SECONDS, seed=20_261_122)
    trial.close()
    assert done.executions >= ENOUGH
    assert trial.count.approved > len(DOORS)
    assert not KEPT or all(f"kept {name}" in read() for name in KEPT)


def told(seen: Seen, **changes: str | None) -> Seen:
    """What was seen, with another reply: elements by `de39` and so on, None takes one away."""
    wire = seen.door.wire
    assert wire is not None
    reply = wire.fields.unpack(seen.told[0][wire.framing.prefix :])
    fields = dict(reply.fields)
    for name, text in changes.items():
        fields.pop(int(name[2:]))
        if text is not None:
            fields[int(name[2:])] = text
    content = wire.fields.pack(Message(mti=reply.mti, fields=fields))
    return replace(seen, told=[frame(wire.framing, content)])


def test_a_right_approval_is_no_finding(intake: Intake) -> None:
    check(intake.feed(read()[PURCHASE]))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"de41": "TILL2   "}, "nobody asked"),
        ({"de11": "000002"}, "nobody asked"),
        ({"de3": "200000"}, "not asked"),
        ({"de39": "08"}, "some take for an approval"),
        ({"de39": None}, "DE39 is ''"),
        ({"de39": "51"}, "nobody was told"),
    ],
)
def test_a_reply_that_a_client_would_misread_is_a_finding(
    intake: Intake, changes: dict[str, str | None], why: str
) -> None:
    with pytest.raises(Misread, match=why):
        check(told(intake.feed(read()[PURCHASE]), **changes))


def test_an_approval_without_an_effect_is_a_finding(intake: Intake) -> None:
    seen = intake.feed(read()[PURCHASE])
    with pytest.raises(Misread, match="without an effect"):
        check(replace(seen, effects=[]))


def test_two_replies_to_one_message_are_a_finding(intake: Intake) -> None:
    seen = intake.feed(read()[PURCHASE])
    with pytest.raises(Misread, match="answers nothing"):
        check(replace(seen, told=seen.told * 2))


def test_an_unknown_exception_is_a_finding(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(message: object, *_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("node.bridge.intake_iso8583.exchange.find_parties", fails)
    with pytest.raises(Misread, match="ZeroDivisionError"):
        check(intake.feed(read()[PURCHASE]))


def test_an_approval_of_a_forged_message_is_a_finding(intake: Intake) -> None:
    """The bridge without its MAC check: what it approves then, the judge does not."""
    name, message = next(messages(every_object=False))
    content = Fields.ASCII.pack(Message(mti=message.mti, fields={**message.fields, 64: "0" * 16}))
    forged = frame(Framing.NAC, content)
    honest = intake.feed(read()[PURCHASE])
    assert name == PURCHASE.removeprefix("ascii ")
    with pytest.raises(Misread, match="a wrong MAC"):
        check(replace(honest, came=forged))


@pytest.mark.parametrize("terminal", list(SUSPENDED))
def test_a_suspended_terminal_reverses_and_sells_nothing(intake: Intake, terminal: str) -> None:
    found = {each.mti: each for _, each in messages(every_object=False)}
    changes = {41: terminal.ljust(8), 42: str(SUSPENDED[terminal]).ljust(15)}
    approved = []
    for mti in ("0200", "0400"):
        fields = {**found[mti].fields, **changes}
        fields[mac_element(Message(mti=mti, fields=fields))] = "0" * MAC_CHARACTERS
        seen = intake.feed(bytes((SEALED,)) + Fields.ASCII.pack(Message(mti=mti, fields=fields)))
        check(seen)
        approved.append(any(code == "00" for _, code in seen.effects))
    assert approved == [False, True]


@pytest.mark.parametrize("change", ["terminal", "amount", "signature"])
def test_an_approval_of_what_no_terminal_signed_is_a_finding(intake: Intake, change: str) -> None:
    seen = intake.feed(read()["http payment_submit"])
    said = {"terminal": (b"TILL0001", b"TILL0003"), "amount": (b"1200", b"1201"), "signature": (b'"0x', b'"0y')}
    came = seen.came.replace(*said[change], 1)
    assert came != seen.came
    check(seen)
    with pytest.raises(Misread, match="no terminal signed"):
        check(replace(seen, came=came))


def test_memory_that_grows_is_a_finding() -> None:
    sizes = iter([1, 1, 1, 1, 2 + MOST_GROWTH])
    trial = Trial(memory=lambda: next(sizes))
    data = bytes((0,)) + b"\0\4junk"
    with pytest.raises(Grown):
        for _ in range(WARM + 501):
            trial.try_one(data)
    trial.close()
