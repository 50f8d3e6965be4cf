"""What is offered to the peers, and when; with a clock of its own."""

from node.consensus.gossip import (
    FORGET_AFTER_SECONDS,
    MAX_COUNT,
    REAP_BYTES,
    REAP_COUNT,
    REAPS_A_SECOND,
    Gossip,
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def make() -> tuple[Gossip, Clock]:
    clock = Clock()
    return Gossip(clock), clock


def test_reap_offers_a_clients_transaction_at_once_and_again_when_it_stays_pending() -> None:
    gossip, clock = make()
    gossip.offer(b"a")
    assert gossip.has_fresh
    assert gossip.reap() == [b"a"]
    assert gossip.reap() == []
    times = []
    for clock.now in range(1, 200):
        times += [clock.now] if gossip.reap() == [b"a"] else []
    assert times == [10, 30, 70, 150]


def test_reap_passes_on_a_peers_transaction_only_when_it_stays_pending() -> None:
    gossip, clock = make()
    gossip.heard(b"a")
    assert not gossip.has_fresh and gossip.reap() == []
    clock.now = 5
    assert gossip.reap() == [b"a"]


def test_reap_offers_again_when_the_sender_asks_again_but_not_more_often_than_once_a_second() -> None:
    gossip, clock = make()
    gossip.offer(b"a")
    gossip.reap()
    clock.now = 0.5
    gossip.offer(b"a")
    assert gossip.reap() == []
    clock.now = 2
    gossip.offer(b"a")
    assert gossip.reap() == [b"a"]


def test_reap_offers_nothing_when_it_is_in_a_block() -> None:
    gossip, clock = make()
    gossip.offer(b"a")
    gossip.heard(b"b")
    gossip.included([b"a", b"b", b"c"])
    clock.now = 100
    assert gossip.reap() == []


def test_reap_keeps_to_the_bytes_and_the_order() -> None:
    gossip, _ = make()
    large = [bytes([number]) * (REAP_BYTES // 3) for number in range(5)]
    for raw in large:
        gossip.offer(raw)
    assert gossip.reap() == large[:3]
    assert gossip.has_fresh
    assert gossip.reap(max_bytes=10) == large[3:4]
    assert gossip.reap() == large[4:]


def test_included_gives_up_what_is_pending_for_too_long() -> None:
    gossip, clock = make()
    gossip.heard(b"old")
    clock.now = FORGET_AFTER_SECONDS + 1
    gossip.heard(b"new")
    gossip.included([])
    clock.now += 6
    assert gossip.reap() == [b"new"]


def test_offer_gives_up_the_oldest_when_there_are_more_than_the_pool_holds() -> None:
    gossip, _ = make()
    for number in range(MAX_COUNT + 10):
        gossip.offer(number.to_bytes(4, "big"))
    offered = []
    while len(offered) < MAX_COUNT:
        gossip._may_reap = float(REAP_COUNT)  # as if it were later, and nothing due again
        offered += gossip.reap()
    assert [int.from_bytes(raw, "big") for raw in offered] == list(range(10, MAX_COUNT + 10))


def test_offer_queues_a_transaction_once_when_nobody_reaps_for_long() -> None:
    gossip, clock = make()
    for clock.now in range(0, 100, 2):
        gossip.offer(b"a")
    assert gossip.reap() == [b"a"]
    assert not gossip.has_fresh


def test_reap_offers_no_more_a_second_than_a_peer_can_check_and_forgets_none() -> None:
    gossip, clock = make()
    sent = [number.to_bytes(4, "big") for number in range(1_000)]
    for raw in sent:
        gossip.offer(raw)
    offered, largest = [], 0
    for step in range(1, 51):
        more = gossip.reap()
        offered += more
        largest = max(largest, len(more))
        clock.now = step * 0.02
    assert largest == REAP_COUNT
    assert len(offered) <= REAP_COUNT + REAPS_A_SECOND and gossip.has_fresh
    for step in range(51, 151):
        clock.now = step * 0.02
        offered += gossip.reap()
    assert offered == sent
