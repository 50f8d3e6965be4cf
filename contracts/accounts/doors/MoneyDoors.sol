// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ILedgerDoors} from "../../../interfaces/ILedgerDoors.sol";
import {IRewardToken} from "../../../interfaces/IRewardToken.sol";
import {
    ARREARS,
    DEPOSIT,
    FLAG_FROZEN,
    FLAG_IN_ARREARS,
    FLAG_REGISTERED,
    GUARANTEED,
    MAX_48,
    MERCHANT,
    MERGED,
    MERGED_MARK,
    MERCHANT_KNOWN,
    OWED,
    TOTALS,
    DOOR_CREDIT_VALUE,
    DOOR_TAKE_VALUE,
    DOOR_TAKE_PAYABLE,
    DOOR_MERGE,
    load,
    store
} from "../../libraries/Slots.sol";
import {Words} from "../../libraries/Words.sol";
import {DoorBase} from "./DoorBase.sol";

/// @title Doors of money: stored value, payables, deposits, and two members that become one
abstract contract MoneyDoors is DoorBase {
    using SafeERC20 for IERC20;
    using Words for uint256;

    /// @notice IRewardToken.recharge
    function recharge(uint64 member, uint64 amount) external restricted {
        _credit(member, amount);
    }

    /// @notice IRewardToken.addDeposit
    function addDeposit(uint32 merchantId, uint64 amount) external {
        uint256 toFund = 0;
        if (merchantId != 0) {
            if (load(MERCHANT | merchantId) & MERCHANT_KNOWN == 0) revert IRewardToken.UnknownMerchant(merchantId);
            uint256 debt = load(GUARANTEED | merchantId);
            toFund = amount < debt ? amount : debt;
            if (toFund != 0) {
                store(GUARANTEED | merchantId, debt - toFund);
                store(DEPOSIT, load(DEPOSIT) + toFund);
            }
        }
        store(DEPOSIT | merchantId, load(DEPOSIT | merchantId) + amount - toFund);
        _takeCash(amount, 0);
        emit IRewardToken.DepositAdded(merchantId, msg.sender, amount, uint64(toFund));
    }

    // --- of the suite ---------------------------------------------------------------------------------------------

    /// @notice ILedgerDoors.creditPayable
    function creditPayable(uint32 merchantId, uint64 amount) external {
        uint256 word = _touchMerchant(merchantId);
        store(MERCHANT | merchantId, word.withPayable(word.payableOf() + amount));
        _takeCash(amount, 128);
        emit ILedgerDoors.PayableCredited(merchantId, msg.sender, amount);
    }

    /// @notice ILedgerDoors.creditValue
    function creditValue(uint64 member, uint64 amount) external {
        _requireDoor(DOOR_CREDIT_VALUE);
        _credit(member, amount);
    }

    /// @notice ILedgerDoors.takeValue
    function takeValue(uint64 member, uint64 amount, address to) external {
        _requireDoor(DOOR_TAKE_VALUE);
        uint256 slot = _openMember(member);
        uint256 account = _touch(slot);
        if (account.value() < amount) revert ILedgerDoors.InsufficientValue(member, account.value(), amount);
        store(slot, account - (uint256(amount) << 200));
        emit ILedgerDoors.ValueTaken(member, msg.sender, to, amount);
        _payOut(to, amount, uint256(amount) << 192);
    }

    /// @notice ILedgerDoors.takePayable
    function takePayable(uint32 merchantId, uint64 amount, address to) external {
        _requireDoor(DOOR_TAKE_PAYABLE);
        uint256 word = _repayFund(merchantId, _touchMerchant(merchantId));
        uint256 held = word.payableOf();
        if (held < amount) revert ILedgerDoors.InsufficientPayable(merchantId, held, amount);
        store(MERCHANT | merchantId, word.withPayable(held - amount));
        emit ILedgerDoors.PayableTaken(merchantId, msg.sender, to, amount);
        _payOut(to, amount, uint256(amount) << 128);
    }

    /// @notice ILedgerDoors.drawOn
    function drawOn(uint32 merchantId, uint64 amount, address to) external {
        _requireDoor(DOOR_TAKE_PAYABLE);
        uint256 word = _touchMerchant(merchantId);
        uint256 held = word.payableOf();
        uint256 fromPayable = amount < held ? amount : held;
        (bool enough, uint256 fromDeposit, uint256 fromFund) = _drawOnDeposits(merchantId, amount - fromPayable);
        if (!enough) revert ILedgerDoors.InsufficientFunds(merchantId, amount);
        store(MERCHANT | merchantId, word.withPayable(held - fromPayable));
        emit ILedgerDoors.DrawnOn(
            merchantId, msg.sender, to, uint64(fromPayable), uint64(fromDeposit), uint64(fromFund)
        );
        _payOut(to, amount, (fromPayable << 128) + fromDeposit + fromFund);
    }

    /// @notice ILedgerDoors.mergeMembers
    function mergeMembers(uint64 from, uint64 into, uint32[] calldata merchants) external {
        _requireDoor(DOOR_MERGE);
        if (from == into) revert ILedgerDoors.CannotMerge(from, into);
        uint256 slot = _memberSlot(from);
        uint256 target = _memberSlot(into);
        _requireFree(slot);
        _requireFree(target);
        uint64 now_ = _survivor(from);
        if ((now_ != from && now_ != into) || _survivor(into) != into) revert ILedgerDoors.CannotMerge(from, into);
        uint256 old = _touch(slot);
        uint256 word = _touch(target);
        bool owing = _mergeDebts(from, into, merchants);
        if (load(ARREARS | from) != 0) revert ILedgerDoors.CannotMerge(from, into);
        store(slot, Words.accountWord(0, 0, 0, 0, _epoch(), old.tier(), FLAG_REGISTERED | FLAG_FROZEN));
        store(MERGED | from, MERGED_MARK | into);
        uint256 earned = word.earned() + old.earned();
        store(
            target,
            Words.accountWord(
                word.value() + old.value(),
                word.current() + old.current(),
                word.previous() + old.previous(),
                earned < MAX_48 ? earned : MAX_48,
                _epoch(),
                word.tier() > old.tier() ? word.tier() : old.tier(),
                uint16(word) | (owing ? FLAG_IN_ARREARS : 0)
            )
        );
        if (old.balance() != 0) {
            emit IERC20.Transfer(address(uint160(slot)), address(uint160(target)), old.balance());
        }
        emit ILedgerDoors.MembersMerged(from, into, uint64(old.value()), uint64(old.balance()));
    }

    // --- inside ---------------------------------------------------------------------------------------------------

    /// @dev What the guarantee fund paid for a merchant goes back to it before the merchant takes anything out.
    function _repayFund(uint32 merchantId, uint256 word) private returns (uint256) {
        uint256 debt = load(GUARANTEED | merchantId);
        uint256 held = word.payableOf();
        uint256 part = debt < held ? debt : held;
        if (part == 0) return word;
        store(GUARANTEED | merchantId, debt - part);
        store(DEPOSIT, load(DEPOSIT) + part);
        store(TOTALS, load(TOTALS) - (part << 128) + part);
        emit ILedgerDoors.FundRepaid(merchantId, uint64(part));
        return word.withPayable(held - part);
    }

    function _credit(uint64 member, uint64 amount) private {
        uint256 slot = _memberSlot(_survivor(member));
        _requireFree(slot);
        uint256 word = _touch(slot);
        unchecked {
            // what does not fit reverts in _takeCash
            store(slot, word + (uint256(amount) << 200));
        }
        _takeCash(amount, 192);
        emit IRewardToken.Recharged(member, msg.sender, amount);
    }

    /// @return owing Whether `into` now owes what `from` owed
    function _mergeDebts(uint64 from, uint64 into, uint32[] calldata merchants) private returns (bool owing) {
        for (uint256 i = 0; i < merchants.length; ++i) {
            if (merchants[i] == 0) revert IRewardToken.UnknownMerchant(0);
            uint256 place = OWED | _pair(merchants[i], from);
            uint256 units = load(place);
            if (units != 0) {
                store(place, 0);
                store(OWED | _pair(merchants[i], into), load(OWED | _pair(merchants[i], into)) + units);
            }
            place = ARREARS | _pair(merchants[i], from);
            units = load(place);
            if (units == 0) continue;
            store(place, 0);
            store(ARREARS | from, load(ARREARS | from) - units);
            _addArrears(merchants[i], into, units);
            owing = true;
        }
    }

    /// @dev Cash leaves the ledger: `less` is taken from the totals' word.
    function _payOut(address to, uint256 amount, uint256 less) private {
        if (amount == 0) revert IRewardToken.ZeroAmount();
        _requireReceiver(to);
        store(TOTALS, load(TOTALS) - less);
        IERC20(_cash).safeTransfer(to, amount);
    }
}
