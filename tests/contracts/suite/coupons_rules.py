"""What can happen to coupons: issued, handed through merchants and members, written off, claimed, undone."""

from collections import Counter
from functools import partial

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from benchmarks.suite import Suite
from node.domain.acts.coupon import Face, WriteOff, discount_due_down
from node.domain.coupons import coupon_id, member_owner, merchant_account
from node.domain.ids import MemberId, MinorUnits
from node.domain.leaf import Leaf
from node.domain.merkle import proof_of
from tests.contracts.doors_model import holder_of
from tests.contracts.model import Refund, Undo
from tests.contracts.suite.coupon_holders import FAR, sign_write_off
from tests.contracts.suite.coupons_model import MEMBER, MERCHANT, CouponsModel, Terms
from tests.contracts.suite.people import NOBODY, key_of, signer_of, survivor_of
from tests.contracts.suite.till import UNDO, Act, at_till
from tests.contracts.twin import STREAM, Twin, external, stored
from tests.contracts.worlds import CLOSED, FROZEN, LOCKED, MEMBERS, POOR, RICH, STRANGER, TIERED

some_members = st.sampled_from([*MEMBERS, *MEMBERS, LOCKED, FROZEN, STRANGER])
some_merchants = st.sampled_from([RICH, RICH, POOR, TIERED, CLOSED])
OPERATOR, KEY, WALLET = "operator", "key", "wallet"
"""Who passes a coupon on: the operator for a member, the member's key, or the key as of any ERC-721 token."""
sums = st.sampled_from([1, 99, 1_000, 12_345, 70_000])
CAMPAIGNS = (
    Terms(incentive=333, first=2_001, distributors=1_999, member=3_003),
    Terms(cash=True, incentive=777, max_uses=3, stackable=True, data_owner=1_000, data_user_bps=500, data_user=TIERED),
    Terms(face=Face.SUM, value=500, share=False, incentive=41, minimum=1_000, max_uses=2, data_owner=700,
          data_user_bps=300, data_user=RICH),
    Terms(face=Face.GIFT, value=7, share=False, incentive=100, stackable=True, first=5_000, distributors=0, member=0),
)  # fmt: skip


class CouponsRules:
    """Coupons of a few campaigns on a furnished suite."""

    twin: Twin

    def setup_coupons(self) -> None:
        """Campaigns, a lot of each with a merchant, and some of them with members."""
        world, twin = self.twin.world, self.twin
        assert isinstance(world, Suite)
        self.coupons, self.pools = world["Coupons"], world["IncentivePools"]
        self.statistics, self.consents = world["CouponStatistics"], world["Consents"]
        left = world["IssuanceCap"].view("left")
        self.desk = CouponsModel(
            ledger=twin.model, pools=holder_of(self.pools.address), treasury=holder_of(world.holder), cap=left
        )
        twin.tick()
        self.pools.send("setTreasury", world.holder, sender=world.operator)
        for member in MEMBERS[:2]:
            twin.tick()
            self.consents.send("consentFor", member, True, sender=world.operator)
            self.desk.consents.add(member)
        for number, terms in enumerate(CAMPAIGNS, 1):
            twin.tick()
            self.coupons.send("defineCampaign", terms.words(), "", sender=world.operator)
            self.desk.campaigns[number] = terms
            self.issue_coupons(number, 4)
            self.hand_lot(number, 0, RICH if number % 2 else TIERED)
            for serial, member in enumerate(MEMBERS[:3]):
                self._give(coupon_id(number, 0, serial), member)
        # cash to pay incentive from, at a merchant that has points for some of it only
        twin.post(*(twin.payment(merchant, MEMBERS[3], stored(1_500)) for merchant in (RICH, POOR)))
        self.coupon_sales: dict[int, list[Leaf]] = {}
        # a trail of some length, and write-offs by others than the first merchant: paid for, owed, and its own
        self._pass(coupon_id(1, 0, 0), [MEMBERS[3], MEMBERS[4]], how=OPERATOR)
        self._pass(coupon_id(3, 0, 0), [MEMBERS[4]], how=OPERATOR)
        for campaign, serial, merchant in ((1, 0, TIERED), (1, 1, RICH), (1, 2, POOR), (2, 0, RICH), (3, 0, TIERED)):
            self._at_till(coupon_id(campaign, 0, serial), merchant, 12_345, lines=True)

    def cash_owed_coupons(self) -> dict[str, int]:
        """Cash of all pools and credits."""
        return {"IncentivePools": self.desk.cash}

    # --- circulation ---

    @rule(campaign=st.integers(1, 5), count=st.sampled_from([0, 1, 3]))
    def issue_coupons(self, campaign: int, count: int) -> None:
        self.twin.act(self.coupons, "issue", campaign, count, model=lambda: _run(self.desk.issue, campaign, count))

    @rule(campaign=st.integers(1, 4), lot=st.integers(0, 4), merchant=some_merchants)
    def hand_lot(self, campaign: int, lot: int, merchant: int) -> None:
        model = self.desk
        self.twin.act(
            self.coupons, "handLot", campaign, lot, merchant, model=lambda: model.hand_lot(campaign, lot, merchant)
        )

    @rule(data=st.data(), merchant=st.sampled_from([RICH, POOR, 99]))
    def hand_out(self, data: st.DataObject, merchant: int) -> None:
        chosen = data.draw(st.lists(self._coupons(), min_size=1, max_size=2))
        self.twin.act(self.coupons, "handOut", chosen, merchant, model=lambda: self.desk.hand_out(chosen, merchant))

    @rule(data=st.data(), merchant=some_merchants)
    def hand_on(self, data: st.DataObject, merchant: int) -> None:
        coupon = data.draw(self._coupons(MERCHANT))
        holder = self._merchant_of(coupon)
        self.twin.act(
            self.coupons, "handOn", holder, [coupon], merchant,
            model=lambda: self.desk.hand_on(holder, [coupon], merchant), sender=self.twin.world.merchant,
        )  # fmt: skip

    @rule(data=st.data(), member=some_members)
    def give_coupon(self, data: st.DataObject, member: MemberId) -> None:
        self._give(data.draw(self._coupons(MERCHANT)), member)

    def _give(self, coupon: int, member: int) -> None:
        holder = self._merchant_of(coupon)
        self.twin.act(
            self.coupons, "give", holder, [coupon], [member],
            model=lambda: self.desk.give(holder, coupon, member), sender=self.twin.world.merchant,
        )  # fmt: skip

    @rule(
        data=st.data(),
        receivers=st.lists(some_members, min_size=1, max_size=4),
        how=st.sampled_from([OPERATOR, KEY, WALLET]),
    )
    def pass_coupon_on(self, data: st.DataObject, receivers: list[MemberId], how: str) -> None:
        fresh = [each for each, it in self.desk.coupons.items() if it.trail[-1][0] == MEMBER and not it.uses]
        self._pass(data.draw(st.sampled_from(fresh) if fresh else self._coupons(MEMBER)), receivers, how)

    def _pass(self, coupon: int, receivers: list[MemberId], how: str) -> None:
        for receiver in receivers:
            kind, holder = self._owner(coupon)
            sender = holder if kind == MEMBER else MEMBERS[0]
            if how in (KEY, WALLET) and survivor_of(self.twin, sender) != sender:
                return  # nobody has a key for it

            def passed(sender: int = sender, receiver: int = receiver) -> None:
                self.desk.pass_on(coupon, sender, receiver)

            if how == WALLET and kind == MEMBER:
                key = key_of(self.twin, MemberId(sender))
                ends = ["0x" + member_owner(MemberId(each)).hex() for each in (sender, receiver)]
                self.twin.act(self.coupons, "transferFrom", *ends, coupon, model=passed, sender=key)
            elif how == KEY:
                key = key_of(self.twin, MemberId(sender))
                self.twin.act(self.coupons, "passOn", coupon, sender, receiver, 0, b"", model=passed, sender=key)
            else:
                self.twin.act(self.coupons, "passOnFor", coupon, sender, receiver, model=passed)

    @rule(member=st.sampled_from(MEMBERS), given=st.booleans())
    def consent(self, member: MemberId, given: bool) -> None:
        self.twin.tick()
        self.consents.send("consentFor", member, given, sender=self.twin.world.operator)
        (self.desk.consents.add if given else self.desk.consents.discard)(member)

    # --- writing off ---

    @rule(data=st.data(), merchant=some_merchants, basket=sums, sale=st.sampled_from([0, 1, 2, 3]),
          wrong=st.sampled_from([0] * 6 + [1]), signs=st.sampled_from([True] * 4 + [False]))  # fmt: skip
    def write_off_alone(
        self, data: st.DataObject, merchant: int, basket: int, sale: int, wrong: int, signs: bool
    ) -> None:
        coupon = data.draw(self._coupons(MEMBER))
        discount = self._discount(coupon, basket)
        terms = (merchant, coupon, sale, basket - discount, discount + wrong)
        holder = self._owner(coupon)[1]
        # another domain's rules may have given the holder a key of theirs
        key, signer = str(self.twin.world.registry.view("memberKey", holder)), signer_of(holder)
        signature = sign_write_off(self.coupons, signer, holder, *terms) if signs and key != NOBODY else b""
        signed = key == NOBODY or (signs and key == signer.address.lower())
        self.twin.act(
            self.coupons, "writeOff", *terms, b"", [], FAR, signature,
            model=lambda: _run(partial(self.desk.write_off, signed=signed), *terms),
            sender=self.twin.world.merchant,
        )  # fmt: skip

    @rule(data=st.data(), merchant=st.sampled_from([RICH, POOR, TIERED]), basket=sums, lines=st.booleans(),
          stranger=st.sampled_from([False] * 5 + [True]), authorised=st.sampled_from([True] * 7 + [False]))  # fmt: skip
    def write_off_at_till(
        self, data: st.DataObject, merchant: int, basket: int, lines: bool, stranger: bool, authorised: bool
    ) -> None:
        fresh = [each for each, it in self.desk.coupons.items() if it.trail[-1][0] == MEMBER and not it.uses]
        coupon = data.draw(st.one_of(self._coupons(MEMBER), *[st.sampled_from(each) for each in (fresh,) * 3 if each]))
        self._at_till(coupon, merchant, basket, lines=lines, stranger=stranger, authorised=authorised)

    def _at_till(
        self, coupon: int, merchant: int, basket: int, *, lines: bool, stranger: bool = False, authorised: bool = True
    ) -> None:
        _, holder = self._owner(coupon)
        member = MemberId(STRANGER if stranger else holder)
        discount = self._discount(coupon, basket)
        paid, sequence = basket - discount, self.twin.next_sequence()
        act = Act(
            merchant=merchant, member=member, sequence=sequence, time=self.twin.now, amount=paid if lines else 0,
            authorisation=b"\1" * 32 if authorised else bytes(32),
        )  # fmt: skip
        alone = {"sale": sequence % 5, "amount": paid} if not act.amount else {}
        sent = at_till(
            self.twin, self.coupons, act, WriteOff(coupon=coupon, discount=MinorUnits(discount), **alone).act().data,
            model=lambda: self.desk.at_till(act, coupon, discount, **alone),
        )  # fmt: skip
        if sent is None or not act.amount:
            return
        # the lines of the same payment, which the ledger posts after the act
        parts = [part for part in (paid // 3, paid - paid // 3) if part]
        payment = self.twin.payment(merchant, member, *map(external, parts), sequence=sequence)  # type: ignore[arg-type]
        self.coupon_sales[sequence] = list(self.twin.post(payment).leaves)

    @precondition(lambda self: self.desk.uses)
    @rule(data=st.data(), wrong=st.sampled_from([False] * 4 + [True]))
    def undo_at_till(self, data: st.DataObject, wrong: bool) -> None:
        use = data.draw(st.sampled_from(list(self.desk.uses)))
        it, sequence = self.desk.uses[use], use & 2**64 - 1
        act = Act(
            merchant=POOR if wrong else it.merchant, member=self.desk.owner(it.coupon)[1],
            sequence=self.twin.next_sequence(), time=self.twin.now, stream=use >> 64,
        )  # fmt: skip
        if act.stream == STREAM:
            data_ = bytes([UNDO | 1]) + sequence.to_bytes(8, "big")
            at_till(self.twin, self.coupons, act, data_, model=lambda: self.desk.undo_at_till(act, sequence))

    # --- money ---

    @precondition(lambda self: self.desk.uses)
    @rule(data=st.data(), several=st.booleans(), stranger=st.sampled_from([False] * 7 + [True]))
    def claim_incentive(self, data: st.DataObject, several: bool, stranger: bool) -> None:
        use = data.draw(st.sampled_from(list(self.desk.uses)))
        trail = self.desk.coupons[self.desk.uses[use].coupon].trail
        member = STRANGER if stranger else data.draw(st.sampled_from([one for kind, one in trail if kind == MEMBER]))
        mine = [each for each, it in self.desk.coupons.items() if (MEMBER, member) in it.trail and it.uses]
        chosen = mine if several and mine else [self.desk.uses[use].coupon] * 2
        self.twin.act(
            self.pools, "claim", member, chosen, model=lambda: self.desk.claim(member, chosen),
            sender=self.twin.world.stranger,
        )  # fmt: skip

    @rule(merchant=some_merchants, cash=st.booleans())
    def claim_for_merchant(self, merchant: int, cash: bool) -> None:
        model = self.desk
        self.twin.act(
            self.pools, "claimMerchant", merchant, cash, model=lambda: model.claim_merchant(merchant, cash),
            sender=self.twin.world.stranger,
        )  # fmt: skip

    @rule(cash=st.booleans())
    def claim_for_platform(self, cash: bool) -> None:
        merchants = [RICH, POOR, TIERED, RICH]
        self.twin.act(
            self.pools, "claimPlatform", merchants, cash, model=lambda: self.desk.claim_platform(merchants, cash),
            sender=self.twin.world.stranger,
        )  # fmt: skip

    @precondition(lambda self: self.desk.uses)
    @rule(data=st.data(), funded=st.booleans())
    def settle_incentive(self, data: st.DataObject, funded: bool) -> None:
        open_ = [use for use, it in self.desk.uses.items() if not it.funded]
        use = data.draw(st.sampled_from(open_ or list(self.desk.uses)))
        if funded:
            self.twin.buy_points(self.desk.uses[use].merchant, 50)  # type: ignore[arg-type]
        self.twin.act(self.pools, "settle", use, model=lambda: self.desk.settle(use), sender=self.twin.world.stranger)

    @precondition(lambda self: self.coupon_sales)
    @rule(data=st.data(), share=st.sampled_from([1, 1, 2, 3]), first=st.booleans())
    def refund_sale_of_coupon(self, data: st.DataObject, share: int, first: bool) -> None:
        leaves = data.draw(st.sampled_from([each for each in self.coupon_sales.values() if each] or [[]]))
        for leaf in leaves[: 1 if first else None]:
            left = leaf.amount - self.twin.model.refunded.get(leaf.hash, (0, 0))[0]
            if left // share:
                undo = Undo(leaf=leaf, amount=left // share)
                self.twin.refund(Refund(sequence=self.twin.next_sequence(), kind=1, lines=(undo,)))
            self._unwind(leaf)

    @precondition(lambda self: self.twin.trees)
    @rule(data=st.data(), proved=st.sampled_from([True] * 5 + [False]))
    def unwind_something(self, data: st.DataObject, proved: bool) -> None:
        leaves = [leaf for tree in self.twin.trees.values() for leaf in tree][-20:]
        self._unwind(data.draw(st.sampled_from(leaves)), proved=proved)

    def _unwind(self, leaf: Leaf, *, proved: bool = True) -> None:
        words = proven(self.twin, leaf, proved=proved)
        self.twin.act(
            self.pools, "unwind", words, model=lambda: self.desk.unwind(leaf, proved=proved),
            sender=self.twin.world.stranger,
        )  # fmt: skip

    @precondition(lambda self: self.desk.uses)
    @rule(data=st.data(), reason=st.sampled_from(["not hers", "not hers", "not hers", ""]))
    def annul_write_off(self, data: st.DataObject, reason: str) -> None:
        alone = [use for use, it in self.desk.uses.items() if it.alone]
        use = data.draw(st.sampled_from(alone or list(self.desk.uses)))
        self.twin.act(self.pools, "annul", use, reason, model=lambda: self.desk.annul(use, reason))

    @precondition(lambda self: self.desk.uses)
    @rule(data=st.data())
    def cancel_write_off(self, data: st.DataObject) -> None:
        alone = [use for use, it in self.desk.uses.items() if it.alone]
        use = data.draw(st.sampled_from(alone or list(self.desk.uses)))
        self.twin.act(self.pools, "cancel", use, model=lambda: self.desk.cancel(use), sender=self.twin.world.merchant)

    # --- what must hold ---

    @invariant()
    def pools_have_what_is_in_them(self) -> None:
        """By age; all that came in went out, is here or expired."""
        account = self.twin.ledger.view("accountOf", self.pools.address)
        held, epoch = self.desk.held(False), self.twin.model.epoch
        account_epoch = account["epoch"]
        now = (held[account_epoch], held[account_epoch - 1])
        assert (account["current"], account["previous"]) == now, (account, held, epoch)
        assert self.desk.held(True).total() == self.desk.cash
        assert self.desk.money_in[True] == self.desk.money_out[True] + self.desk.cash

    @invariant()
    def coupons_are_where_the_model_has_them(self) -> None:
        """A few of them, with their pools."""
        newest = [self.desk.uses[use].coupon for use in list(self.desk.uses)[-2:]]
        for coupon in {*list(self.desk.coupons)[-1:], *newest}:
            trail, merchants = self.coupons.view("trailOf", coupon)
            it = self.desk.coupons[coupon]
            assert list(trail) == [number for _, number in it.trail] and merchants == it.merchants
            found = self.coupons.view("couponOf", coupon)
            assert (found["uses"], found["live"], found["consented"]) == (len(it.uses), it.live, it.consented)
            if self.twin.chain.now() == self.twin.now:  # what expires is told by the newest block
                assert self.statistics.view("poolOf", coupon) == self.desk.pool(coupon)

    def close_coupons(self) -> None:
        """At the end of a life: balances, credits, money by campaign and merchant, debts."""
        desk = self.desk
        for number in (RICH, POOR, TIERED, CLOSED):
            owner = "0x" + merchant_account(number).hex()
            assert self.coupons.view("balanceOf", owner) == desk.balance((MERCHANT, number))
            for cash in (False, True):
                found = self.pools.view("merchantMoney", number, cash)
                own = [it for it in desk.uses.values() if it.merchant == number]
                own = [it for it in own if desk.campaigns[it.coupon >> 32].cash == cash]
                assert found["generated"] == sum(it.units for it in own)
                assert found["owed"] == sum(it.units for it in own if not it.funded)
                assert self._owes(1, number, cash) == desk.owes(MERCHANT, number, cash)
        for member in MEMBERS:
            owner = "0x" + member_owner(member).hex()
            assert self.coupons.view("balanceOf", owner) == desk.balance((MEMBER, member))
            assert self._owes(2, member, False) == desk.owes(MEMBER, member, False)
        assert self.coupons.view("balanceOf", self.coupons.view("platformAccount")) == desk.balance((0, 0))
        for campaign in desk.campaigns:
            self._campaign_adds_up(campaign)

    def _campaign_adds_up(self, campaign: int) -> None:
        desk = self.desk
        counts, money = self.statistics.view("ofCampaign", campaign)
        mine = {each: it for each, it in desk.coupons.items() if each >> 32 == campaign}
        uses = [it for it in desk.uses.values() if it.coupon >> 32 == campaign]
        assert counts["handed"] == len(mine)
        assert counts["held"] == sum(it.trail[-1][0] == MEMBER for it in mine.values())
        assert money["writeOffs"] == sum(not it.given_back for it in uses)
        pools: Counter[str] = Counter()
        for each in mine:
            pools.update({name: value for name, value in desk.pool(each).items() if name != "cash"})  # type: ignore[dict-item]
        assert money["owed"] == pools["owed"]
        assert money["funded"] == pools["generated"] - pools["owed"]
        assert money["paid"] == pools["paid"]

    def _owes(self, kind: int, number: int, cash: bool) -> int:
        return int(self.pools.view("toSetOff", self.pools.view("subjectOf", kind, number, cash)))

    def _owner(self, coupon: int) -> tuple[int, int]:
        """The holder by the model; somebody, for a coupon that is none."""
        known = coupon & 0xFFFF < self.desk.issued[coupon >> 32, coupon >> 16 & 0xFFFF]
        return self.desk.owner(coupon) if known else (MERCHANT, RICH)

    def _merchant_of(self, coupon: int) -> int:
        """The merchant that holds it; one that does not, when no merchant does."""
        kind, holder = self._owner(coupon)
        return holder if kind == MERCHANT else RICH

    def _discount(self, coupon: int, basket: int) -> int:
        terms = self.desk.campaigns.get(coupon >> 32, CAMPAIGNS[0])
        return discount_due_down(terms.face, terms.value, basket)

    def _coupons(self, kind: int | None = None) -> st.SearchStrategy[int]:
        """Mostly those whose holder is of this kind."""
        known = [coupon_id(*lot, serial) for lot, count in self.desk.issued.items() for serial in range(count)]
        fit = [each for each in known if kind is None or self._owner(each)[0] == kind]
        return st.sampled_from([*(fit or known)[-24:], *(fit or known)[:24], coupon_id(1, 9, 0)])


def _run(model: object, *arguments: object) -> None:
    model(*arguments)  # type: ignore[operator]


def proven(twin: Twin, leaf: Leaf, *, proved: bool = True) -> tuple[object, ...]:
    """ILedgerDoors.ProvenLeaf."""
    root = twin.root_of_leaf[leaf.hash]
    hashes = [each.hash for each in twin.trees[root]]
    proof = proof_of(hashes, hashes.index(leaf.hash))
    return (*leaf.words(), root if proved else b"\1" * 32, proof)
