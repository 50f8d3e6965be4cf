// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICashHolder} from "../../interfaces/ICashHolder.sol";
import {IMemberCards} from "../../interfaces/IMemberCards.sol";
import {IRebates} from "../../interfaces/IRebates.sol";
import {IStoredValue} from "../../interfaces/IStoredValue.sol";
import {MemberSigned} from "../suite/MemberSigned.sol";
import {SuitePart} from "../suite/SuitePart.sol";
import {Recharges} from "./Recharges.sol";
import {RechargeActs} from "./RechargeActs.sol";

/// @title Stored value
/// @notice Recharges (Recharges, RechargeActs), and here starting values, pay-outs and merging.
contract StoredValue is RechargeActs, MemberSigned, ICashHolder {
    bytes32 private constant CLOSE_CARD =
        keccak256("CloseCard(uint64 card,address to,uint32 counter,uint256 nonce,uint256 deadline)");

    IMemberCards private immutable _cards;
    /// @inheritdoc IStoredValue
    uint64 public startingFund;
    CounterLimit private _counters;
    /// @dev A bit for each kind whose starting value the member had
    mapping(uint64 member => uint256) private _started;

    constructor(
        address authority_,
        address ledger_,
        address registry_,
        address cards_,
        address rebates_,
        address advices_
    ) SuitePart(authority_, ledger_, registry_) MemberSigned("Tillnet stored value") Recharges(rebates_, advices_) {
        _cards = IMemberCards(cards_);
    }

    // --- starting values --------------------------------------------------------------------------------------------

    /// @inheritdoc IStoredValue
    function payStartingValue(uint64 card) external whenRunning returns (uint64 amount) {
        (bool good, uint64 member, uint8 kind) = _cards.usable(card);
        if (!good) revert IMemberCards.BadState(card, _cards.cardOf(card).state);
        amount = _cards.kindOf(kind).startingValue;
        if (amount == 0 || _started[member] & (1 << kind) != 0) revert NoStartingValue(card);
        if (amount > startingFund) revert IRebates.FundTooSmall(startingFund, amount);
        startingFund -= amount;
        _started[member] |= 1 << kind;
        _rebates.give(member, amount);
        emit StartingValuePaid(card, member, kind, amount);
        ledger.creditValue(member, amount);
    }

    /// @inheritdoc IStoredValue
    function fundStartingValues(uint64 amount) external {
        startingFund += _sound(amount);
        emit StartingFundPaid(msg.sender, amount);
        _takeCash(msg.sender, amount);
    }

    /// @inheritdoc IStoredValue
    function withdrawStartingFund(uint64 amount, address to) external restricted {
        if (_sound(amount) > startingFund) revert IRebates.FundTooSmall(startingFund, amount);
        startingFund -= amount;
        emit StartingFundWithdrawn(to, amount);
        _payCash(to, amount);
    }

    /// @inheritdoc ICashHolder
    function cashOwed() external view returns (uint256) {
        return startingFund;
    }

    /// @inheritdoc IStoredValue
    function hadStartingValue(uint64 member, uint8 kind) external view returns (bool) {
        return _started[member] & (1 << kind) != 0;
    }

    // --- pay-outs ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IStoredValue
    function closeCard(uint64 card, address to, uint32 counter, uint256 deadline, bytes calldata signature) external {
        uint64 member = _cards.survivorOf(_cards.cardOf(card).member);
        bytes32 terms = keccak256(abi.encode(CLOSE_CARD, card, to, counter, nonceOf[member], deadline));
        _requireMember(member, terms, deadline, signature);
        if ((to == address(0)) == (counter == 0)) revert BadPayout(to, counter);
        _close(card, to, counter, 0);
    }

    /// @inheritdoc IStoredValue
    function closeCardAt(uint64 card, uint32 counter, bytes32 consent) external restricted {
        if (consent == 0) revert NoConsent();
        if (counter == 0) revert BadPayout(address(0), 0);
        _close(card, address(0), counter, consent);
    }

    /// @inheritdoc IStoredValue
    function setCounterLimit(uint64 perDay) external restricted {
        _counters.perDay = perDay;
        emit CounterLimitSet(perDay);
    }

    /// @inheritdoc IStoredValue
    function counterLeft() external view returns (uint256) {
        return _counterLeft(_counters, ledger.currentDay());
    }

    // --- for the contracts beside -----------------------------------------------------------------------------------

    /// @inheritdoc IStoredValue
    function noteNet(uint64 member, int64 change) external restricted {
        delete _last[member];
        _rebates.noteNet(member, change);
    }

    /// @inheritdoc IStoredValue
    function merge(uint64 from, uint64 into, uint32[] calldata merchants) external restricted {
        _rebates.merge(from, into);
        _started[into] |= _started[from];
        delete _last[from];
        delete _last[into];
        _mergeArrears(from, into, merchants);
    }

    // --- inside -----------------------------------------------------------------------------------------------------

    /// @dev The ledger refuses to take from a locked member; the cards lift their own lock for the last card, and set it
    /// again when nothing is left to pay.
    function _close(uint64 card, address to, uint32 counter, bytes32 consent) private {
        (uint64 member, bool last) = _cards.close(card);
        uint64 amount = 0;
        if (last) {
            uint64 owed = valueArrears(0, member) + _collect(0, member);
            if (owed != 0) revert OwesValue(member, owed);
            amount = _rebates.payOut(member);
            delete _last[member];
        }
        if (consent != 0 && amount != 0) _useCounterLimit(amount);
        emit CardPaidOut(card, member, to, counter, amount, consent);
        if (amount != 0) {
            ledger.takeValue(member, amount, counter == 0 ? to : address(this));
            if (counter != 0) ledger.creditPayable(counter, amount);
        }
        _cards.syncLock(member);
    }

    /// @dev Nobody but the operator says that the member consented: what that can move in a day is bounded.
    function _useCounterLimit(uint64 amount) private {
        CounterLimit memory its = _counters;
        uint16 day = ledger.currentDay();
        uint256 left = _counterLeft(its, day);
        if (amount > left) revert CounterLimitUsedUp(left, amount);
        _counters.used = (its.day == day ? its.used : 0) + amount;
        _counters.day = day;
    }

    function _counterLeft(CounterLimit memory its, uint16 day) private pure returns (uint256) {
        uint64 used = its.day == day ? its.used : 0;
        return its.perDay > used ? its.perDay - used : 0;
    }
}
