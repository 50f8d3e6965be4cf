// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMemberCards} from "../../interfaces/IMemberCards.sol";
import {IRebates} from "../../interfaces/IRebates.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {SuitePart} from "../suite/SuitePart.sol";
import {Calendar} from "./Calendar.sol";
import {RebateProgrammes} from "./RebateProgrammes.sol";

/// @title Rebates in instalments, on net new value
contract Rebates is RebateProgrammes {
    IMemberCards private immutable _cards;
    int256 private immutable _utcOffset;

    mapping(uint64 member => mapping(uint16 index => Promise)) private _promises;
    mapping(uint64 member => Balance) private _balances;
    mapping(uint64 member => uint64 into) private _mergedInto;

    constructor(address authority_, address ledger_, address registry_, address cards_)
        SuitePart(authority_, ledger_, registry_)
    {
        _cards = IMemberCards(cards_);
        _utcOffset = ledger.utcOffset();
    }

    // --- promises ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IRebates
    function releaseRebates(uint64 member, uint16[] calldata indexes) external returns (uint64 amount) {
        uint64 to = _survivor(member);
        for (uint256 i = 0; i < indexes.length; ++i) {
            amount += _release(member, indexes[i], to);
        }
        if (amount == 0) revert IRewardToken.ZeroAmount();
        _comesIn(to, amount, true);
        ledger.creditValue(to, amount);
    }

    /// @inheritdoc IRebates
    function sweepPromise(uint64 member, uint16 index) external returns (uint64 amount) {
        Promise memory its = _open(member, index);
        if (!_isForfeited(member, its)) revert PromiseStands(member, index);
        return _void(member, index);
    }

    // --- what comes in and goes out -----------------------------------------------------------------------------------

    /// @inheritdoc IRebates
    function takeIn(uint32 merchant, uint64 member, uint64 amount, uint64 atLeast)
        external
        restricted
        returns (uint48 base, uint16 promiseMark)
    {
        uint64 into = _mergedInto[member];
        if (into != 0) revert IMemberCards.MergedAway(member, into);
        _comesIn(member, amount, false);
        Balance storage balance = _balances[member];
        int64 net = balance.net + int64(amount);
        balance.net = net;
        if (net > 0 && uint64(net) > balance.highWater) {
            // the mark is never below what was in before, so no more than the amount passes it
            base = uint48(uint64(net) - balance.highWater);
            balance.highWater = uint64(net);
        }
        promiseMark = _promise(merchant, member, amount, base, atLeast);
    }

    /// @inheritdoc IRebates
    function takeBack(uint64 member, uint64 amount, uint48 base, uint16 promiseMark) external restricted {
        if (promiseMark != 0) _void(member, promiseMark - 1);
        Balance storage balance = _balances[member];
        balance.net -= int64(amount);
        balance.highWater -= base;
    }

    /// @inheritdoc IRebates
    function give(uint64 member, uint64 amount) external restricted {
        _comesIn(member, amount, true);
        emit GiftCounted(member, amount);
    }

    /// @inheritdoc IRebates
    function payOut(uint64 member) external restricted returns (uint64 amount) {
        amount = payoutOf(member);
        Balance storage balance = _comesIn(member, 0, false);
        uint64 kept = balance.seen - amount;
        balance.seen = uint56(kept);
        balance.net -= int64(amount);
        balance.closedAt = uint40(block.timestamp);
        emit BalanceClosed(member, amount, kept);
    }

    /// @inheritdoc IRebates
    function noteNet(uint64 member, int64 change) external restricted {
        Balance storage balance = _comesIn(member, change > 0 ? uint64(change) : 0, false);
        balance.net += change;
        // what a correction gave earns no rebate later
        if (balance.net > 0 && uint64(balance.net) > balance.highWater) balance.highWater = uint64(balance.net);
        emit NetValueNoted(member, change);
    }

    /// @inheritdoc IRebates
    function merge(uint64 from, uint64 into) external restricted {
        if (from == into || _mergedInto[from] != 0) revert IMemberCards.MergedAway(from, _mergedInto[from]);
        if (_mergedInto[into] != 0) revert IMemberCards.MergedAway(into, _mergedInto[into]);
        Balance memory old = _comesIn(from, 0, false);
        Balance storage balance = _comesIn(into, old.seen, false);
        (balance.net, balance.highWater) = (balance.net + old.net, balance.highWater + old.highWater);
        (balance.gifts, balance.left) = (balance.gifts + old.gifts, balance.left + old.left);
        // the promises stay under the old number, and are paid to whom it was merged into
        _balances[from] = Balance(0, 0, 0, old.promises, old.closedAt, 0, 0);
        _mergedInto[from] = into;
        emit BalancesMerged(from, into);
    }

    /// @inheritdoc IRebates
    function balanceOf(uint64 member) external view returns (Balance memory) {
        return _balances[member];
    }

    /// @inheritdoc IRebates
    function payoutOf(uint64 member) public view returns (uint64) {
        (Balance memory balance, uint256 value) = _seenNow(member);
        if (balance.net <= 0 || balance.gifts >= value) return 0;
        uint64 own = uint64(value) - balance.gifts;
        return own < uint64(balance.net) ? own : uint64(balance.net);
    }

    /// @inheritdoc IRebates
    function promiseOf(uint64 member, uint16 index) external view returns (Promise memory) {
        return _promises[member][index];
    }

    /// @inheritdoc IRebates
    function dueOf(uint64 member, uint16 index) external view returns (uint8 instalments, uint64 amount) {
        Promise memory its = _promises[member][index];
        if (_isForfeited(member, its)) return (0, 0);
        instalments = _due(its);
        amount = _paidUpTo(its, its.released + instalments) - _paidUpTo(its, its.released);
    }

    /// @inheritdoc IRebates
    function dueDay(uint64 member, uint16 index, uint8 number) external view returns (uint256) {
        Promise memory its = _open(member, index);
        return Calendar.monthsLater(_dayOf(its.start), number);
    }

    // --- inside -----------------------------------------------------------------------------------------------------

    /// @dev Promises what the programme says on so much net new value, as far as its fund covers it.
    /// @return mark The promise's index + 1; 0 if nothing was promised
    function _promise(uint32 merchant, uint64 member, uint256 amount, uint256 base, uint256 atLeast)
        private
        returns (uint16 mark)
    {
        uint16 number = programmeFor(merchant);
        Programme storage its = _programmes[number];
        uint256 wanted = 0;
        if (its.open && amount >= its.minAmount) {
            wanted = base * its.bps * _cards.rebateBpsOf(member) / (BASIS_POINTS * BASIS_POINTS);
        }
        uint256 total = wanted < its.fund ? wanted : its.fund;
        if (total < atLeast) revert RebateTooSmall(total, atLeast);
        if (total == 0) return 0;
        (its.fund, its.promised) = (its.fund - uint64(total), its.promised + uint64(total));
        Balance storage balance = _balances[member];
        uint16 index = balance.promises;
        balance.promises = index + 1;
        uint40 start = uint40(block.timestamp);
        // one that is made in the block in which the last card was closed stands
        if (start <= balance.closedAt) start = balance.closedAt + 1;
        _promises[member][index] = Promise(uint56(total), start, number, its.months, 0);
        emit RebatePromised(member, index, number, uint64(base), uint64(wanted), uint64(total));
        return index + 1;
    }

    /// @dev What is left of a promise goes back to its fund; what was paid stays paid.
    function _void(uint64 member, uint16 index) private returns (uint64 amount) {
        Promise storage its = _promises[member][index];
        amount = its.total - _paidUpTo(its, its.released);
        Programme storage programme = _programmes[its.programme];
        (programme.fund, programme.promised) = (programme.fund + amount, programme.promised - amount);
        (its.months, its.total) = (0, 0);
        emit RebateForfeited(member, index, amount);
    }

    /// @dev Counts what a member is about to get, given or its own.
    function _comesIn(uint64 member, uint256 amount, bool given) private returns (Balance storage balance) {
        (Balance memory it, uint256 value) = _seenNow(member);
        balance = _balances[member];
        (balance.gifts, balance.left) = (given ? it.gifts + uint56(amount) : it.gifts, it.left);
        balance.seen = uint56(value + amount);
    }

    /// @dev A member's balance with what has left and come back since. Gifts leave last, and come back first.
    function _seenNow(uint64 member) private view returns (Balance memory it, uint256 value) {
        value = ledger.account(member).value;
        it = _balances[member];
        if (value > it.seen) {
            uint256 back = value - it.seen;
            if (back > it.left) back = it.left;
            (it.gifts, it.left) = (it.gifts + uint56(back), it.left - uint56(back));
        } else if (value < it.gifts) {
            (it.gifts, it.left) = (uint56(value), it.left + it.gifts - uint56(value));
        }
    }

    function _survivor(uint64 member) private view returns (uint64) {
        while (_mergedInto[member] != 0) member = _mergedInto[member];
        return member;
    }

    function _release(uint64 member, uint16 index, uint64 to) private returns (uint64 amount) {
        Promise memory its = _open(member, index);
        if (_isForfeited(member, its)) revert PromiseForfeited(member, index);
        uint8 instalments = _due(its);
        if (instalments == 0) revert NotDue(member, index);
        amount = _paidUpTo(its, its.released + instalments) - _paidUpTo(its, its.released);
        _promises[member][index].released = its.released + instalments;
        _programmes[its.programme].promised -= amount;
        emit RebateReleased(member, index, to, instalments, amount);
    }

    function _open(uint64 member, uint16 index) private view returns (Promise memory its) {
        its = _promises[member][index];
        if (its.released >= its.months) revert NoPromise(member, index);
    }

    /// @dev The member, or one that it was merged into, closed its last card since.
    function _isForfeited(uint64 member, Promise memory its) private view returns (bool) {
        while (member != 0) {
            if (its.start <= _balances[member].closedAt) return true;
            member = _mergedInto[member];
        }
        return false;
    }

    function _due(Promise memory its) private view returns (uint8) {
        uint256 passed = Calendar.monthsPassed(_dayOf(its.start), _dayOf(block.timestamp));
        uint256 due = passed < its.months ? passed : its.months;
        return due > its.released ? uint8(due - its.released) : 0;
    }

    /// @dev The sum of the first instalments, rounded down but for the last, which brings the remainder.
    function _paidUpTo(Promise memory its, uint8 instalments) private pure returns (uint64) {
        if (its.months == 0) return 0;
        return instalments == its.months ? its.total : (its.total / its.months) * instalments;
    }

    function _dayOf(uint256 time) private view returns (uint256) {
        return uint256(int256(time) + _utcOffset) / 1 days;
    }
}
