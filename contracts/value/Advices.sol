// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IActTarget} from "../../interfaces/IActTarget.sol";
import {IAdvices} from "../../interfaces/IAdvices.sol";
import {IRegistry} from "../../interfaces/IRegistry.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import "../libraries/ActReasons.sol" as R;
import {FINANCE} from "../libraries/Groups.sol";
import {SuitePart} from "../suite/SuitePart.sol";
import {AdviceArrears} from "./AdviceArrears.sol";

/// @title Sales that took place offline and overdraw: booking one, and undoing it
contract Advices is AdviceArrears {
    uint8 private constant KIND = 9;
    uint8 private constant UNDO_KIND = 137;
    uint256 private constant LENGTH = 21; // kind 1 | original 8 | value 6 | coins 6
    uint256 private constant UNDO_LENGTH = 9; // kind 1 | sequence 8
    uint8 private constant ANY_OTHER = 30; // as the ledger says of what has no reason

    /// @dev stream 32 | sequence 64 of the act
    mapping(uint256 key => Booking) private _bookings;
    /// @dev stream 32 | sequence 64 of the sale that was skipped
    mapping(uint256 key => uint64) private _bookedAs;
    /// @dev creditor: stream 32 | sequence 64 of the act: what of its debt was forgiven
    mapping(uint32 creditor => mapping(uint256 key => Arrears)) private _forgiven;

    constructor(address authority_, address ledger_, address registry_) SuitePart(authority_, ledger_, registry_) {}

    /// @inheritdoc IActTarget
    function applyAct(Act calldata act, bytes calldata data) external onlyLedger returns (uint256 debited) {
        // the member's account is the posting loop's while its own lines are posted
        if (act.amount != 0) revert ActRefused(R.ACT_SCOPE);
        if (data.length == UNDO_LENGTH && uint8(data[0]) == UNDO_KIND) {
            _undo(act, uint64(bytes8(data[1:9])));
            // what the stream did it may undo: it counts against no limit
            return 0;
        }
        if (data.length != LENGTH || uint8(data[0]) != KIND) revert ActRefused(ANY_OTHER);
        return _book(act, uint64(bytes8(data[1:9])), uint48(bytes6(data[9:15])), uint48(bytes6(data[15:21])));
    }

    /// @inheritdoc IAdvices
    function bookingOf(uint32 stream, uint64 sequence) external view returns (Booking memory) {
        return _bookings[_key(stream, sequence)];
    }

    /// @inheritdoc IAdvices
    function bookedAs(uint32 stream, uint64 original) external view returns (uint64) {
        return _bookedAs[_key(stream, original)];
    }

    /// @inheritdoc IAdvices
    function forgiven(uint32 stream, uint64 sequence, uint32 creditor) external view returns (Arrears memory) {
        return _forgiven[creditor][_key(stream, sequence)];
    }

    // --- letting off ------------------------------------------------------------------------------------------------

    /// @inheritdoc IAdvices
    function forgive(uint32 stream, uint64 sequence, uint64 value, uint64 coins) external {
        Booking memory its = _bookings[_key(stream, sequence)];
        _requireGroup(its.merchant, msg.sender, FINANCE);
        _forgive(its.merchant, stream, sequence, value, coins);
    }

    /// @inheritdoc IAdvices
    function forgiveGuarantee(uint32 stream, uint64 sequence, uint64 value, uint64 coins) external restricted {
        _forgive(GUARANTEE, stream, sequence, value, coins);
    }

    /// @dev Of one sale, so that its undoing gives back what was paid and never what was forgiven.
    function _forgive(uint32 creditor, uint32 stream, uint64 sequence, uint64 value, uint64 coins) private {
        if (value == 0 && coins == 0) revert IRewardToken.ZeroAmount();
        uint256 key = _key(stream, sequence);
        uint64 debtor = ledger.survivorOf(_bookings[key].member);
        Arrears memory its = _owedFor(creditor, key, _bookings[key]);
        Arrears memory left = adviceArrears(creditor, debtor);
        (left.value, left.coins) = (_min(left.value, its.value), _min(left.coins, its.coins));
        if (value > left.value || coins > left.coins) revert OwesLess(creditor, debtor, left.value, left.coins);
        _forgiven[creditor][key].value += value;
        _forgiven[creditor][key].coins += coins;
        _oweLess(creditor, debtor, value, coins);
        emit AdviceArrearsForgiven(stream, sequence, debtor, creditor, value, coins);
    }

    /// @dev What a booking had its member owe, less what was forgiven of it.
    function _owedFor(uint32 creditor, uint256 key, Booking memory its) private view returns (Arrears memory owed) {
        owed = creditor == GUARANTEE ? Arrears(its.fundValue, its.fundCoins) : Arrears(its.shopValue, its.shopCoins);
        Arrears memory off = _forgiven[creditor][key];
        (owed.value, owed.coins) = (owed.value - off.value, owed.coins - off.coins);
    }

    // --- booking ----------------------------------------------------------------------------------------------------

    /// @return amount All of the sale: what becomes arrears hurts the member as much as what is taken
    function _book(Act calldata act, uint64 original, uint48 value, uint48 coins) private returns (uint64 amount) {
        amount = uint64(value) + coins;
        _check(act, original, amount);
        _bookedAs[_key(act.stream, original)] = act.sequence;
        Booking memory booking;
        (booking.merchant, booking.member) = (act.merchant, act.member);
        (booking.day, booking.epoch) = (ledger.currentDay(), ledger.currentEpoch());
        (uint64 fromValue, uint56 current, uint56 previous) = _take(act.member, value, coins);
        (booking.value, booking.current, booking.previous) = (uint48(fromValue), current, previous);
        uint64 taken = fromValue + _atPar(current, previous);

        uint64 covered = _min(amount, _floorOf(act.merchant, act.terminal));
        covered = covered > taken ? covered - taken : 0;
        _share(booking, value - fromValue, coins - _atPar(current, previous), covered);
        uint64 paid = _min(covered, guarantee);
        guarantee -= paid;
        if (covered != paid) _oweDue(act.merchant, covered - paid);

        _bookings[_key(act.stream, act.sequence)] = booking;
        emit AdviceBooked(act.stream, act.sequence, act.member, original, booking, taken + paid, covered - paid);
        if (taken + paid != 0) ledger.creditPayable(act.merchant, taken + paid);
    }

    function _check(Act calldata act, uint64 original, uint64 amount) private view {
        if (act.authorisation == 0) revert ActRefused(R.AUTHORISATION);
        if (amount == 0) revert ActRefused(R.ACT_AMOUNT);
        if (amount > act.debitLeft) revert ActRefused(R.STREAM_LIMIT);
        if (ledger.account(act.member).flags & LOCKED_OR_FROZEN != 0) revert ActRefused(R.LOCKED);
        // a sale that may still be posted is none that overdrew; the ledger says of batches before this one
        if (!ledger.isPosted(act.stream, original)) revert ActRefused(R.ACT_UNKNOWN);
        if (_bookedAs[_key(act.stream, original)] != 0) revert ActRefused(R.ACT_STATE);
    }

    /// @dev Books what the member is short of: first with the guarantee, as far as that stands for it, value before coins.
    function _share(Booking memory booking, uint64 value, uint64 coins, uint64 covered) private {
        uint64 ofValue = _min(value, covered);
        (booking.fundValue, booking.fundCoins) = (uint48(ofValue), uint48(covered - ofValue));
        (booking.shopValue, booking.shopCoins) = (uint48(value - ofValue), uint48(coins - (covered - ofValue)));
        _owe(GUARANTEE, booking.member, booking.fundValue, booking.fundCoins);
        _owe(booking.merchant, booking.member, booking.shopValue, booking.shopCoins);
    }

    function _floorOf(uint32 merchant, uint16 terminal) private view returns (uint64) {
        IRegistry.Terminal[] memory found = registry.terminals(merchant, terminal, 1);
        return found.length == 0 ? 0 : found[0].floorLimit;
    }

    // --- undoing ----------------------------------------------------------------------------------------------------

    /// @dev The merchant pays back what it got, debts are struck out, and what the member paid of them since it gets back.
    function _undo(Act calldata act, uint64 sequence) private {
        uint256 key = _key(act.stream, sequence);
        Booking memory its = _bookings[key];
        if (its.merchant == 0 || its.merchant != act.merchant || its.member != act.member) {
            revert ActRefused(R.ACT_UNKNOWN);
        }
        if (ledger.currentDay() > its.day + 1) revert ActRefused(R.ACT_TIME);
        delete _bookings[key];

        (uint64 fundValue, uint64 fundCoins) = _strike(GUARANTEE, its.member, _owedFor(GUARANTEE, key, its));
        (uint64 shopValue, uint64 shopCoins) = _strike(its.merchant, its.member, _owedFor(its.merchant, key, its));
        uint64 toFund = uint64(its.fundValue) + its.fundCoins;
        uint64 unpaid = _min(guaranteeDue[its.merchant], toFund);
        if (unpaid != 0) _lessDue(its.merchant, unpaid);
        toFund -= unpaid;
        if (guarantee + toFund < fundValue + fundCoins) revert ActRefused(R.ACT_STOCK);
        guarantee = guarantee + toFund - fundValue - fundCoins;

        uint64 returned = its.value + _atPar(its.current, its.previous) + toFund + shopValue + shopCoins;
        if (_fundsOf(its.merchant) < returned) revert ActRefused(R.ACT_STOCK);
        if (returned != 0) ledger.drawOn(its.merchant, returned, address(this));
        uint64 value = its.value + fundValue + shopValue;
        (uint56 current, uint56 previous) = _aged(its, uint256(fundCoins + shopCoins) * _par);
        emit AdviceUndone(act.stream, sequence, its.member, its.merchant, returned, value, current, previous);
        if (value != 0) ledger.creditValue(its.member, value);
        if (current | previous != 0) ledger.restore(its.member, current, previous);
    }

    /// @return value What of it the member had paid already, and gets back
    function _strike(uint32 merchant, uint64 member, Arrears memory owed) private returns (uint64 value, uint64 coins) {
        // who owes it now, if the member was merged
        uint64 debtor = ledger.survivorOf(member);
        Arrears memory left = adviceArrears(merchant, debtor);
        value = _min(left.value, owed.value);
        coins = _min(left.coins, owed.coins);
        _oweLess(merchant, debtor, value, coins);
        return (owed.value - value, owed.coins - coins);
    }

    /// @dev The coins that were taken, in the age that they have now, as a refund gives them back, and others as current.
    function _aged(Booking memory its, uint256 others) private view returns (uint56 current, uint56 previous) {
        uint256 age = ledger.currentEpoch() - its.epoch;
        (current, previous) = (its.current, its.previous);
        if (age == 1) (current, previous) = (its.previous, its.current);
        if (age > 1) (current, previous) = (its.current + its.previous, 0);
        current += uint56(others);
    }

    function _key(uint32 stream, uint64 sequence) private pure returns (uint256) {
        return (uint256(stream) << 64) | sequence;
    }
}
