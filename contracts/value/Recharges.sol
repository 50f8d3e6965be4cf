// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAdvices} from "../../interfaces/IAdvices.sol";
import {IRebates} from "../../interfaces/IRebates.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {IStoredValue} from "../../interfaces/IStoredValue.sol";
import {CANCEL, CONSUME, FINANCE} from "../libraries/Groups.sol";
import {Limits} from "./Limits.sol";

/// @title Recharges, and undoing the last one
abstract contract Recharges is Limits, IStoredValue {
    IRebates internal immutable _rebates;
    IAdvices private immutable _advices;
    uint16 private constant LOCKED_OR_FROZEN = 6;
    uint256 private constant VERSION_AT = 128;

    mapping(uint64 member => LastRecharge) internal _last;
    /// @dev Of the last recharge: limitsVersion 32 | then 1 | stream 32 | sequence 64 of the payment whose act it was
    mapping(uint64 member => uint256) private _postedAs;
    /// @dev merchant 32 | member 64; merchant 0: all merchants
    mapping(uint256 pair => uint64) private _arrears;

    constructor(address rebates_, address advices_) {
        (_rebates, _advices) = (IRebates(rebates_), IAdvices(advices_));
    }

    // --- outside ----------------------------------------------------------------------------------------------------

    /// @inheritdoc IStoredValue
    function recharge(uint64 member, uint64 amount, uint64 atLeast) external restricted whenRunning {
        (uint48 base,) = _rebates.takeIn(0, member, _sound(amount), atLeast);
        delete _last[member];
        emit ValueRecharged(0, member, msg.sender, amount, 0, base);
        _takeCash(msg.sender, amount);
        _credit(0, member, amount);
    }

    /// @inheritdoc IStoredValue
    function rechargeAt(uint32 merchant, uint64 member, uint64 amount, uint64 atLeast)
        external
        onlyGroup(merchant, FINANCE | CONSUME)
        whenRunning
    {
        _requireActive(merchant);
        _recharge(merchant, member, _sound(amount), atLeast, _storeOfAccount(merchant, msg.sender), 0, 0);
    }

    /// @inheritdoc IStoredValue
    function undoRecharge(uint32 merchant, uint64 member, uint64 amount)
        external
        onlyGroup(merchant, FINANCE | CANCEL)
    {
        _undo(merchant, member, amount);
    }

    /// @inheritdoc IStoredValue
    function forgiveValueArrears(uint32 merchant, uint64 member, uint64 amount) external onlyGroup(merchant, FINANCE) {
        if (amount == 0 || amount > _arrears[_pair(merchant, member)]) revert IRewardToken.NothingDue();
        _owe(merchant, member, -int256(uint256(amount)));
        emit ValueArrearsForgiven(merchant, member, amount);
    }

    /// @inheritdoc IStoredValue
    function lastRechargeOf(uint64 member) external view returns (LastRecharge memory) {
        return _last[member];
    }

    /// @inheritdoc IStoredValue
    function valueArrears(uint32 merchant, uint64 member) public view returns (uint64) {
        return _arrears[_pair(merchant, member)];
    }

    // --- inside -----------------------------------------------------------------------------------------------------

    function _recharge(
        uint32 merchant,
        uint64 member,
        uint64 amount,
        uint64 atLeast,
        uint64 storeMark,
        uint64 terminalMark,
        uint256 postedAs
    ) internal {
        _spend(merchant, storeMark, terminalMark, amount, true);
        uint64 owed = _arrears[_pair(merchant, member)];
        uint64 repaid = owed < amount ? owed : amount;
        if (repaid != 0) _owe(merchant, member, -int256(uint256(repaid)));
        _requireFunds(merchant, amount - repaid);
        (uint48 base, uint16 promiseMark) = _rebates.takeIn(merchant, member, amount, atLeast);
        _last[member] = LastRecharge({
            merchant: merchant,
            day: ledger.currentDay(),
            amount: uint48(amount),
            base: base,
            repaid: uint48(repaid),
            promiseMark: promiseMark,
            storeMark: uint24(storeMark),
            terminalMark: uint24(terminalMark)
        });
        postedAs |= uint256(limitsVersion[merchant]) << VERSION_AT;
        if (_postedAs[member] != postedAs) _postedAs[member] = postedAs;
        emit ValueRecharged(merchant, member, msg.sender, amount, repaid, base);
        if (amount == repaid) return;
        // the merchant keeps the cash of its counter, and pays it here
        ledger.drawOn(merchant, amount - repaid, address(this));
        _credit(merchant, member, amount - repaid);
    }

    /// @dev What the member owes for sales that overdrew is paid first.
    function _credit(uint32 merchant, uint64 member, uint64 amount) private {
        ledger.creditValue(member, amount);
        _collect(merchant, member);
    }

    /// @dev Undoes what this payment's act recharged, whatever it was.
    function _undoPosted(uint32 merchant, uint64 member, uint256 postedAs) internal {
        if (uint128(_postedAs[member]) != postedAs) revert UnknownRecharge(member);
        _undo(merchant, member, _last[member].amount);
    }

    /// @dev Of a member that may not be debited nothing is taken: it keeps the value and owes the merchant.
    /// @return taken What the member still had of it
    function _undo(uint32 merchant, uint64 member, uint64 amount) internal returns (uint64 taken) {
        LastRecharge memory last = _last[member];
        if (last.merchant != merchant || last.amount == 0) revert NothingToUndo(merchant, member);
        if (ledger.currentDay() > last.day + 1) revert UndoTooLate(last.day);
        if (amount != last.amount) revert OtherAmount(amount, last.amount);
        delete _last[member];
        if (_postedAs[member] >> VERSION_AT == limitsVersion[merchant]) {
            _unspend(merchant, last.storeMark, last.terminalMark, amount, last.day);
        }
        _rebates.takeBack(member, amount, last.base, last.promiseMark);
        uint64 credited = amount - last.repaid;
        IRewardToken.Account memory account = ledger.account(member);
        if (account.flags & LOCKED_OR_FROZEN == 0) taken = account.value < credited ? account.value : credited;
        if (taken != amount) _owe(merchant, member, int256(uint256(amount - taken)));
        emit RechargeUndone(merchant, member, amount, taken, amount - taken, last.base);
        if (taken == 0) return 0;
        ledger.takeValue(member, taken, address(this));
        ledger.creditPayable(merchant, taken);
    }

    /// @dev What two members owe is one member's; refused while `from` owes a merchant that is not named.
    function _mergeArrears(uint64 from, uint64 into, uint32[] calldata merchants) internal {
        for (uint256 i = 0; i < merchants.length; ++i) {
            uint64 owed = _arrears[_pair(merchants[i], from)];
            if (merchants[i] == 0 || owed == 0) continue;
            _owe(merchants[i], from, -int256(uint256(owed)));
            _owe(merchants[i], into, int256(uint256(owed)));
        }
        uint64 left = _arrears[_pair(0, from)];
        if (left != 0) revert OwesValue(from, left);
    }

    /// @dev Money fits 48 bits wherever it comes in here.
    function _sound(uint64 amount) internal pure returns (uint64) {
        if (amount == 0) revert IRewardToken.ZeroAmount();
        if (amount > type(uint48).max) revert IRewardToken.TooMuch(amount);
        return amount;
    }

    /// @dev The guarantee fund, which drawOn would reach for last, does not pay for recharges, nor does what is its.
    function _requireFunds(uint32 merchant, uint64 amount) private view {
        uint256 held = _ownFundsOf(merchant);
        if (held < amount) revert MerchantShort(merchant, held, amount);
    }

    /// @return left What the member still owes for sales that overdrew
    function _collect(uint32 merchant, uint64 member) internal returns (uint64 left) {
        return _advices.collect(merchant, member);
    }

    function _owe(uint32 merchant, uint64 member, int256 change) private {
        _arrears[_pair(merchant, member)] = uint64(uint256(int256(uint256(_arrears[_pair(merchant, member)])) + change));
        _arrears[_pair(0, member)] = uint64(uint256(int256(uint256(_arrears[_pair(0, member)])) + change));
    }

    function _pair(uint32 merchant, uint64 member) private pure returns (uint256) {
        return (uint256(merchant) << 64) | member;
    }
}
