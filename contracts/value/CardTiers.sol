// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMemberCards} from "../../interfaces/IMemberCards.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {MemberSigned} from "../suite/MemberSigned.sol";

/// @title Tiers of members, by their cards and by what they earn
/// @dev What is earned in this epoch counts as it stands: a refund lowers it, and the next review the tier. What was
/// gained in an epoch that has closed is held for `hold` epochs more.
abstract contract CardTiers is MemberSigned, IMemberCards {
    uint256 private constant MAX_TIER = 15;
    uint16 internal constant REGISTERED = 1;

    mapping(uint8 kind => Kind) internal _kinds;
    mapping(uint64 member => Holder) internal _holders;
    mapping(uint64 member => uint64 into) internal _mergedInto;
    uint48[] private _thresholds;
    uint16 private _hold;

    /// @inheritdoc IMemberCards
    function setTierTerms(uint48[] calldata thresholds, uint16 hold_) external restricted {
        if (thresholds.length > MAX_TIER) revert BadTierTerms(thresholds.length);
        for (uint256 i = 0; i < thresholds.length; ++i) {
            if (thresholds[i] == 0 || (i != 0 && thresholds[i] <= thresholds[i - 1])) revert BadTierTerms(i);
        }
        _thresholds = thresholds;
        _hold = hold_;
        emit TierTermsSet(thresholds, hold_);
    }

    /// @inheritdoc IMemberCards
    function review(uint64 member) external returns (uint8 tier) {
        _requireOpen(member);
        return _review(member);
    }

    /// @inheritdoc IMemberCards
    function holderOf(uint64 member) external view returns (Holder memory) {
        return _holders[member];
    }

    /// @inheritdoc IMemberCards
    function rebateBpsOf(uint64 member) external view returns (uint16) {
        uint8 kind = _holders[member].kind;
        return kind == 0 ? 10_000 : _kinds[kind].rebateBps;
    }

    /// @inheritdoc IMemberCards
    function survivorOf(uint64 member) public view returns (uint64) {
        while (_mergedInto[member] != 0) member = _mergedInto[member];
        return member;
    }

    /// @inheritdoc IMemberCards
    function tierTerms() external view returns (uint48[] memory thresholds, uint16 hold_) {
        return (_thresholds, _hold);
    }

    // --- inside ---------------------------------------------------------------------------------------------------

    function _requireOpen(uint64 member) internal view {
        uint64 into = _mergedInto[member];
        if (into != 0) revert MergedAway(member, into);
    }

    function _review(uint64 member) internal returns (uint8 tier) {
        IRewardToken.Account memory account = ledger.account(member);
        if (account.flags & REGISTERED == 0) revert IRewardToken.UnknownMember(member);
        Holder storage holder = _holders[member];
        uint8 kindTier = _kinds[holder.kind].tier;
        uint8 held;
        uint8 gained;
        if (_thresholds.length == 0) {
            // no terms: what the operator set by hand stays
            tier = account.tier;
        } else {
            _closeEpoch(holder, account.epoch);
            held = holder.heldTier;
            gained = _tierFor(account.earnedInWindow);
            holder.gainedTier = gained;
            tier = gained > held ? gained : held;
        }
        if (kindTier > tier) tier = kindTier;
        emit TierReviewed(member, tier, kindTier, held, gained);
        if (tier == account.tier) return tier;
        uint64[] memory one = new uint64[](1);
        one[0] = member;
        ledger.setTier(one, tier);
    }

    /// @dev What was gained in an epoch that has closed becomes what is held; what was held long enough ends.
    function _closeEpoch(Holder storage holder, uint16 epoch) private {
        if (holder.gainedEpoch == epoch) return;
        uint256 until = uint256(holder.gainedEpoch) + _hold;
        bool over = epoch > holder.heldUntil;
        if (over || holder.gainedTier >= holder.heldTier) {
            bool kept = epoch <= until && holder.gainedTier != 0;
            holder.heldTier = kept ? holder.gainedTier : over ? 0 : holder.heldTier;
            if (kept) holder.heldUntil = uint16(until < type(uint16).max ? until : type(uint16).max);
        }
        (holder.gainedTier, holder.gainedEpoch) = (0, epoch);
    }

    function _tierFor(uint48 earned) private view returns (uint8 tier) {
        uint256 count = _thresholds.length;
        while (tier < count && earned >= _thresholds[tier]) ++tier;
    }
}
