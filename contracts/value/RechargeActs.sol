// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IActTarget} from "../../interfaces/IActTarget.sol";
import {ILimits} from "../../interfaces/ILimits.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {IRebates} from "../../interfaces/IRebates.sol";
import {IStoredValue} from "../../interfaces/IStoredValue.sol";
import {
    ACT_AMOUNT,
    ACT_LIMIT,
    ACT_SCOPE,
    ACT_STATE,
    ACT_STOCK,
    ACT_TIME,
    ACT_UNKNOWN,
    AUTHORISATION,
    STREAM_LIMIT
} from "../libraries/ActReasons.sol";
import {Recharges} from "./Recharges.sol";

/// @title Recharges that come from a till, as acts in a batch
abstract contract RechargeActs is Recharges {
    uint8 private constant KIND = 2;
    uint8 private constant UNDO_KIND = 130;
    uint8 private constant OP_UNDO = 1;
    uint256 private constant LENGTH = 14; // kind 1 | op 1 | amount 6 | at least 6
    uint256 private constant UNDO_LENGTH = 9; // kind 1 | sequence 8
    uint8 private constant ANY_OTHER = 30; // as the ledger says of what has no reason

    /// @inheritdoc IActTarget
    function applyAct(Act calldata act, bytes calldata data) external onlyLedger returns (uint256 debited) {
        // the member's account is the posting loop's while its own lines are posted
        if (act.amount != 0) revert ActRefused(ACT_SCOPE);
        if (data.length == LENGTH && uint8(data[0]) == KIND && uint8(data[1]) <= OP_UNDO) {
            if (uint8(data[1]) == OP_UNDO) {
                if (act.authorisation == 0) revert ActRefused(AUTHORISATION);
                if (uint48(bytes6(data[2:8])) > act.debitLeft) revert ActRefused(STREAM_LIMIT);
            }
        } else if (data.length != UNDO_LENGTH || uint8(data[0]) != UNDO_KIND) {
            revert ActRefused(ANY_OTHER);
        }
        try this.applyByLedger(act, data) returns (uint256 taken) {
            return taken;
        } catch (bytes memory error) {
            revert ActRefused(_reasonOf(error));
        }
    }

    /// @inheritdoc IStoredValue
    function applyByLedger(Act calldata act, bytes calldata data) external returns (uint256 debited) {
        if (msg.sender != address(this)) revert NotSelf(msg.sender);
        if (uint8(data[0]) == UNDO_KIND) {
            // what the stream did it may undo: it counts against no limit
            _undoPosted(act.merchant, act.member, _postedAsOf(act.stream, uint64(bytes8(data[1:9]))));
            return 0;
        }
        uint64 amount = uint48(bytes6(data[2:8]));
        if (uint8(data[1]) == OP_UNDO) return _undo(act.merchant, act.member, amount);
        uint64 store = _storeOfTerminal(act.merchant, act.terminal);
        uint256 postedAs = _postedAsOf(act.stream, act.sequence);
        _recharge(
            act.merchant,
            act.member,
            _sound(amount),
            uint48(bytes6(data[8:14])),
            store,
            uint64(act.terminal) + 1,
            postedAs
        );
    }

    function _postedAsOf(uint32 stream, uint64 sequence) private pure returns (uint256) {
        return (1 << 96) | (uint256(stream) << 64) | sequence;
    }

    function _reasonOf(bytes memory error) private pure returns (uint8) {
        bytes4 selector = bytes4(error);
        if (selector == IRewardToken.ZeroAmount.selector) return ACT_AMOUNT;
        if (selector == IRewardToken.TooMuch.selector) return ACT_AMOUNT;
        if (selector == IStoredValue.OtherAmount.selector) return ACT_AMOUNT;
        if (selector == ILimits.NoLimit.selector) return ACT_SCOPE;
        if (selector == ILimits.LimitUsedUp.selector) return ACT_LIMIT;
        if (selector == IRebates.RebateTooSmall.selector) return ACT_STOCK;
        if (selector == IStoredValue.MerchantShort.selector) return ACT_STOCK;
        if (selector == IStoredValue.UnknownRecharge.selector) return ACT_UNKNOWN;
        if (selector == IStoredValue.NothingToUndo.selector) return ACT_STATE;
        if (selector == IStoredValue.UndoTooLate.selector) return ACT_TIME;
        return ANY_OTHER;
    }
}
