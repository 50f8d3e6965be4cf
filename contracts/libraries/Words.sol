// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MAX_48, MAX_56, MAX_64} from "./Slots.sol";

/// @title Reading and changing the packed words
/// @notice For everything but the inner loop of postBatch, which does the same by hand (BatchPosting).
/// @dev Unchecked on purpose: totals are bounded where money and points come in (LedgerBase), so no field overflows.
library Words {
    // account: value 56 | current 56 | previous 56 | earnedInWindow 48 | epoch 16 | tier 8 | flags 16

    function value(uint256 word) internal pure returns (uint256) {
        return word >> 200;
    }

    function current(uint256 word) internal pure returns (uint256) {
        return (word >> 144) & MAX_56;
    }

    function previous(uint256 word) internal pure returns (uint256) {
        return (word >> 88) & MAX_56;
    }

    function earned(uint256 word) internal pure returns (uint256) {
        return (word >> 40) & MAX_48;
    }

    function epochOf(uint256 word) internal pure returns (uint256) {
        return (word >> 24) & 0xffff;
    }

    function tier(uint256 word) internal pure returns (uint256) {
        return (word >> 16) & 0xff;
    }

    function balance(uint256 word) internal pure returns (uint256) {
        return current(word) + previous(word);
    }

    /// @notice Coins by age, where an account has them: to be added to a word, or taken off it.
    function coins(uint256 current_, uint256 previous_) internal pure returns (uint256) {
        return (current_ << 144) | (previous_ << 88);
    }

    function withCoins(uint256 word, uint256 current_, uint256 previous_) internal pure returns (uint256) {
        return (word & ~((MAX_56 << 144) | (MAX_56 << 88))) | (current_ << 144) | (previous_ << 88);
    }

    function withEarned(uint256 word, uint256 earned_) internal pure returns (uint256) {
        return (word & ~(MAX_48 << 40)) | ((earned_ > MAX_48 ? MAX_48 : earned_) << 40);
    }

    /// @notice The account in `epoch`, and the coins that expired on the way.
    function rolled(uint256 word, uint256 epoch) internal pure returns (uint256 next, uint256 expired) {
        uint256 from = epochOf(word);
        if (from == epoch) return (word, 0);
        expired = previous(word);
        uint256 kept = current(word);
        if (from + 1 != epoch) {
            expired += kept;
            kept = 0;
        }
        next = (word & ~(((MAX_56 << 112 | MAX_56 << 56 | MAX_48 << 8) << 32) | (0xffff << 24))) | (kept << 88)
            | (epoch << 24);
    }

    /// @notice Takes coins, those of the previous epoch first. The caller has checked the balance.
    function taken(uint256 word, uint256 units)
        internal
        pure
        returns (uint256 next, uint256 fromPrevious, uint256 fromCurrent)
    {
        uint256 old = previous(word);
        fromPrevious = units < old ? units : old;
        fromCurrent = units - fromPrevious;
        next = withCoins(word, current(word) - fromCurrent, old - fromPrevious);
    }

    function accountWord(
        uint256 value_,
        uint256 current_,
        uint256 previous_,
        uint256 earned_,
        uint256 epoch,
        uint256 tier_,
        uint256 flags
    ) internal pure returns (uint256) {
        return (value_ << 200) | (current_ << 144) | (previous_ << 88) | (earned_ << 40) | (epoch << 24) | (tier_ << 16)
            | flags;
    }

    // merchant: prepaid 64 | payable 64 | turnover 48 | issued 56 | epoch 16 | flags 8

    function prepaid(uint256 word) internal pure returns (uint256) {
        return word >> 192;
    }

    function payableOf(uint256 word) internal pure returns (uint256) {
        return (word >> 128) & MAX_64;
    }

    function turnover(uint256 word) internal pure returns (uint256) {
        return (word >> 80) & MAX_48;
    }

    function issued(uint256 word) internal pure returns (uint256) {
        return (word >> 24) & MAX_56;
    }

    function merchantEpoch(uint256 word) internal pure returns (uint256) {
        return (word >> 8) & 0xffff;
    }

    function withPrepaid(uint256 word, uint256 prepaid_) internal pure returns (uint256) {
        return (word & ~(MAX_64 << 192)) | (prepaid_ << 192);
    }

    function withPayable(uint256 word, uint256 payable_) internal pure returns (uint256) {
        return (word & ~(MAX_64 << 128)) | (payable_ << 128);
    }

    function withTurnover(uint256 word, uint256 turnover_) internal pure returns (uint256) {
        return (word & ~(MAX_48 << 80)) | ((turnover_ > MAX_48 ? MAX_48 : turnover_) << 80);
    }

    function withIssued(uint256 word, uint256 issued_) internal pure returns (uint256) {
        return (word & ~(MAX_56 << 24)) | ((issued_ > MAX_56 ? MAX_56 : issued_) << 24);
    }

    // supply: current 64 | previous 64 | issued 64 | epoch 16 | flags 8 | zero 40

    function supplyCurrent(uint256 word) internal pure returns (uint256) {
        return word >> 192;
    }

    function supplyPrevious(uint256 word) internal pure returns (uint256) {
        return (word >> 128) & MAX_64;
    }

    function supplyIssued(uint256 word) internal pure returns (uint256) {
        return (word >> 64) & MAX_64;
    }

    function supplyEpoch(uint256 word) internal pure returns (uint256) {
        return (word >> 48) & 0xffff;
    }

    function supplyFlags(uint256 word) internal pure returns (uint256) {
        return (word >> 40) & 0xff;
    }

    function supplyWord(uint256 current_, uint256 previous_, uint256 issued_, uint256 epoch, uint256 flags)
        internal
        pure
        returns (uint256)
    {
        return (current_ << 192) | (previous_ << 128) | ((issued_ > MAX_64 ? MAX_64 : issued_) << 64) | (epoch << 48)
            | (flags << 40);
    }
}
