// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IActTarget} from "../../interfaces/IActTarget.sol";
import {ILimits} from "../../interfaces/ILimits.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {IRebates} from "../../interfaces/IRebates.sol";
import {IStoredValue} from "../../interfaces/IStoredValue.sol";
import {Recharges} from "./Recharges.sol";

/// @title Recharges that come from a till, as acts in a batch
abstract contract RechargeActs is Recharges {
    uint8 private constant KIND = 2;
    uint8 private constant OP_RECHARGE = 0;
    uint8 private constant OP_UNDO = 1;
    uint256 private constant LENGTH = 14;

    uint8 private constant REASON_LOCKED = 11;
    uint8 private constant REASON_AUTHORISATION = 12;
    uint8 private constant REASON_STREAM_LIMIT = 13;
    uint8 private constant REASON_ACT = 30;
    uint8 private constant REASON_STATE = 32;
    uint8 private constant REASON_TIME = 33;
    uint8 private constant REASON_SCOPE = 34;
    uint8 private constant REASON_AMOUNT = 35;
    uint8 private constant REASON_LIMIT = 36;
    uint8 private constant REASON_STOCK = 37;

    /// @inheritdoc IActTarget
    function applyAct(Act calldata act, bytes calldata data) external onlyLedger returns (uint256 debited) {
        if (data.length != LENGTH || uint8(data[0]) != KIND || uint8(data[1]) > OP_UNDO) revert ActRefused(REASON_ACT);
        // the member's account is the posting loop's while its own lines are posted
        if (act.amount != 0) revert ActRefused(REASON_SCOPE);
        uint64 amount = uint48(bytes6(data[2:8]));
        if (uint8(data[1]) == OP_UNDO) {
            if (act.authorisation == 0) revert ActRefused(REASON_AUTHORISATION);
            if (amount > act.debitLeft) revert ActRefused(REASON_STREAM_LIMIT);
        }
        try this.applyByLedger(act, uint8(data[1]), amount, uint48(bytes6(data[8:14]))) returns (uint256 taken) {
            return taken;
        } catch (bytes memory error) {
            revert ActRefused(_reasonOf(error));
        }
    }

    /// @notice The act itself, called by this contract so that its errors can be told as reasons.
    function applyByLedger(Act calldata act, uint8 op, uint64 amount, uint64 atLeast)
        external
        returns (uint256 debited)
    {
        if (msg.sender != address(this)) revert NotSelf(msg.sender);
        if (op == OP_UNDO) return _undo(act.merchant, act.member, amount);
        uint64 store = _storeOfTerminal(act.merchant, act.terminal);
        _recharge(act.merchant, act.member, _sound(amount), atLeast, store, uint64(act.terminal) + 1);
    }

    function _reasonOf(bytes memory error) private pure returns (uint8) {
        bytes4 selector = bytes4(error);
        if (selector == IRewardToken.AccountLocked.selector) return REASON_LOCKED;
        if (selector == IRewardToken.ZeroAmount.selector) return REASON_AMOUNT;
        if (selector == IRewardToken.TooMuch.selector) return REASON_AMOUNT;
        if (selector == IStoredValue.OtherAmount.selector) return REASON_AMOUNT;
        if (selector == ILimits.NoLimit.selector) return REASON_SCOPE;
        if (selector == ILimits.LimitUsedUp.selector) return REASON_LIMIT;
        if (selector == IRebates.RebateTooSmall.selector) return REASON_STOCK;
        if (selector == IStoredValue.MerchantShort.selector) return REASON_STOCK;
        if (selector == IStoredValue.NothingToUndo.selector) return REASON_STATE;
        if (selector == IStoredValue.UndoTooLate.selector) return REASON_TIME;
        return REASON_ACT;
    }
}
