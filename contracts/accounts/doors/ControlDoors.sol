// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILedgerDoors} from "../../../interfaces/ILedgerDoors.sol";
import {INetworkAccess} from "../../../interfaces/INetworkAccess.sol";
import {IPaymentProcessor} from "../../../interfaces/IPaymentProcessor.sol";
import {IRewardToken} from "../../../interfaces/IRewardToken.sol";
import {
    ACT,
    DOORS,
    FLAG_FROZEN,
    FLAG_LOCKED,
    FLAG_REGISTERED,
    MAX_56,
    MEMBER,
    MERCHANT,
    MERCHANT_ACTIVE,
    MERCHANT_KNOWN,
    RULE,
    RULE_BUDGETED,
    RULE_EXISTS,
    RULE_TIERED,
    RULE_VETOED,
    STREAM,
    STREAM_REFUNDS,
    SUPPLY,
    SUPPLY_PAUSED,
    TIERS,
    VETO,
    load,
    store
} from "../../libraries/Slots.sol";
import {DoorBase} from "./DoorBase.sol";

/// @title Doors that set things: of the operator, the Registry, RewardRules and the admin
abstract contract ControlDoors is DoorBase {
    uint64 private constant BRIDGE = 8; // INetworkAccess

    /// @notice IRewardToken.setStream
    function setStream(uint32 streamId, address poster, uint40 dailyLimit, uint40 refundLimit) external restricted {
        if (poster != address(0)) _requireBridge(poster);
        uint256 word = uint56(load(STREAM | streamId));
        store(STREAM | streamId, (uint256(uint160(poster)) << 96) | (uint256(dailyLimit) << 56) | word);
        word = uint56(load(STREAM_REFUNDS | streamId));
        store(STREAM_REFUNDS | streamId, (uint256(refundLimit) << 56) | word);
        emit IRewardToken.StreamSet(streamId, poster, dailyLimit, refundLimit);
    }

    /// @notice IRewardToken.setTerminals
    function setTerminals(uint32 merchantId, uint32 streamId, uint8 page, uint256 bits) external restricted {
        store(_terminalsSlot(merchantId, streamId, page), bits);
        emit IRewardToken.TerminalsSet(merchantId, streamId, page, bits);
    }

    /// @notice IRewardToken.setMerchant
    function setMerchant(uint32 merchantId, uint8 flags) external restricted {
        if (merchantId == 0) revert IRewardToken.UnknownMerchant(0);
        if (flags > MERCHANT_ACTIVE) revert IRewardToken.BadFlags(flags);
        uint256 word = load(MERCHANT | merchantId);
        if (word == 0) word = uint256(_epoch()) << 8;
        store(MERCHANT | merchantId, (word & ~uint256(0xff)) | flags | MERCHANT_KNOWN);
        emit IRewardToken.MerchantSet(merchantId, flags);
    }

    /// @notice IRewardToken.enrol
    function enrol(uint64[] calldata members) external restricted {
        for (uint256 i = 0; i < members.length; ++i) {
            if (members[i] == 0) revert IRewardToken.UnknownMember(0);
            uint256 slot = MEMBER | members[i];
            uint256 word = load(slot);
            if (word & FLAG_REGISTERED != 0) continue;
            store(slot, _touch(slot) | FLAG_REGISTERED);
            emit IPaymentProcessor.MemberEnrolled(members[i]);
        }
    }

    /// @notice IRewardToken.setMemberFlags
    function setMemberFlags(uint64 member, uint16 flags) external restricted {
        uint256 settable = FLAG_LOCKED | FLAG_FROZEN;
        if (flags & ~settable != 0) revert IRewardToken.BadFlags(flags);
        uint256 slot = _memberSlot(member);
        uint64 into = _survivor(member);
        if (into != member) revert IRewardToken.MergedAway(member, into);
        uint256 word = (load(slot) & ~settable) | flags;
        store(slot, word);
        emit IRewardToken.MemberFlagsSet(member, uint16(word));
    }

    /// @notice IRewardToken.setTier
    function setTier(uint64[] calldata members, uint8 tier) external restricted {
        if (tier > 15) revert IRewardToken.BadTier(tier);
        for (uint256 i = 0; i < members.length; ++i) {
            uint256 slot = _memberSlot(members[i]);
            store(slot, (load(slot) & ~uint256(0xff0000)) | (uint256(tier) << 16));
            emit IRewardToken.TierSet(members[i], tier);
        }
    }

    /// @notice IRewardToken.pause
    function pause() external restricted {
        store(SUPPLY, load(SUPPLY) | (SUPPLY_PAUSED << 40));
        emit IRewardToken.Paused(msg.sender);
    }

    /// @notice IRewardToken.unpause
    function unpause() external restricted {
        _requireNoSuccessor();
        store(SUPPLY, load(SUPPLY) & ~(SUPPLY_PAUSED << 40));
        emit IRewardToken.Unpaused(msg.sender);
    }

    // --- of RewardRules -------------------------------------------------------------------------------------------

    /// @notice IRewardToken.setRule
    function setRule(uint32 merchantId, uint16 version, uint256 word, uint256 tierTable) external restricted {
        uint256 key = _ruleKey(merchantId, version);
        if (load(RULE | key) != 0) revert IRewardToken.RuleExists(merchantId, version);
        bool tiered = word & RULE_TIERED != 0;
        bool sound = version != 0 && word & RULE_EXISTS != 0 && uint8(word) < RULE_VETOED && tiered == (tierTable != 0);
        if (!sound) revert IRewardToken.BadRule(word);
        store(RULE | key, word);
        if (tiered) store(TIERS | key, tierTable);
        emit IRewardToken.RuleSet(merchantId, version, word, tierTable);
    }

    /// @notice IRewardToken.vetoRule
    function vetoRule(uint32 merchantId, uint16 version) external restricted {
        uint256 key = _ruleKey(merchantId, version);
        uint256 word = load(RULE | key);
        if (word & RULE_EXISTS == 0) revert IRewardToken.UnknownRule(merchantId, version);
        if (word & RULE_VETOED != 0) return;
        store(RULE | key, word | RULE_VETOED);
        store(VETO | key, block.number);
        emit IRewardToken.RuleVetoed(merchantId, version, uint64(block.number));
    }

    /// @notice IRewardToken.raiseBudget
    function raiseBudget(uint32 merchantId, uint16 version, uint56 units) external restricted {
        uint256 key = _ruleKey(merchantId, version);
        uint256 word = load(RULE | key);
        if (word & RULE_BUDGETED == 0 || ((word >> 56) & MAX_56) + units > MAX_56) {
            revert IRewardToken.BadBudget(merchantId, version);
        }
        store(RULE | key, word + (uint256(units) << 56));
        emit IRewardToken.BudgetRaised(merchantId, version, units);
    }

    // --- of the network's admin -----------------------------------------------------------------------------------

    /// @notice ILedgerDoors.setDoors
    function setDoors(address part, uint256 doors) external restricted {
        store(DOORS | uint160(part), doors);
        emit ILedgerDoors.DoorsSet(part, doors);
    }

    /// @notice ILedgerDoors.setActTarget
    function setActTarget(uint8 kind, address target) external restricted {
        if (kind == 0) revert ILedgerDoors.BadActKind(kind);
        store(ACT | kind, uint160(target));
        emit ILedgerDoors.ActTargetSet(kind, target);
    }

    function _requireBridge(address poster) private view {
        (bool isBridge,) = INetworkAccess(authority()).hasRole(BRIDGE, poster);
        if (!isBridge) revert IRewardToken.NotBridge(poster);
    }
}
