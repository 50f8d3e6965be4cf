// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {
    ACCOUNT,
    ACT,
    ARREARS,
    CAP,
    DEPOSIT,
    DOORS,
    EPOCH,
    GUARANTEED,
    MAX_48,
    MAX_56,
    MEMBER,
    MERCHANT,
    OWED,
    RULE,
    SETTLED_AT,
    STREAM,
    STREAM_REFUNDS,
    SUPPLY,
    SUPPLY_PAUSED,
    TIERS,
    TOTALS,
    VETO,
    load
} from "../libraries/Slots.sol";
import {Words} from "../libraries/Words.sol";
import {LedgerBase} from "./LedgerBase.sol";

/// @title What the ledger tells
/// @notice Its words taken apart, and the network's terms.
abstract contract LedgerViews is LedgerBase {
    using Words for uint256;

    /// @notice IRewardToken.accountOf
    function accountOf(address holder) public view returns (IRewardToken.Account memory) {
        (uint256 word,) = load(ACCOUNT | uint160(holder)).rolled(_epoch());
        return IRewardToken.Account(
            uint56(word >> 200),
            uint56(word >> 144),
            uint56(word >> 88),
            uint48(word >> 40),
            uint16(word >> 24),
            uint8(word >> 16),
            uint16(word)
        );
    }

    /// @notice IRewardToken.account
    function account(uint64 member) external view returns (IRewardToken.Account memory) {
        return accountOf(memberAccount(member));
    }

    /// @notice IRewardToken.memberAccount
    function memberAccount(uint64 member) public pure returns (address) {
        return address(uint160(MEMBER | member));
    }

    /// @notice IRewardToken.merchant
    function merchant(uint32 id) external view returns (IRewardToken.Merchant memory) {
        uint256 word = load(MERCHANT | id);
        uint256 epoch = _epoch();
        uint256 issued = word.merchantEpoch() == epoch ? word.issued() : 0;
        return IRewardToken.Merchant(
            uint64(word >> 192), uint64(word >> 128), uint48(word >> 80), uint56(issued), uint16(epoch), uint8(word)
        );
    }

    /// @notice IRewardToken.rule
    function rule(uint32 merchantId, uint16 version) external view returns (IRewardToken.Rule memory) {
        uint256 key = _ruleKey(merchantId, version);
        uint256 word = load(RULE | key);
        return IRewardToken.Rule(
            uint40(word >> 216),
            uint40(word >> 176),
            uint32(word >> 144),
            uint32(word >> 112),
            uint56(word >> 56),
            uint48(word >> 8),
            uint8(word),
            uint64(load(VETO | key)),
            load(TIERS | key)
        );
    }

    /// @notice IRewardToken.stream
    function stream(uint32 id) external view returns (IRewardToken.Stream memory) {
        uint256 word = load(STREAM | id);
        uint256 back = load(STREAM_REFUNDS | id);
        return IRewardToken.Stream(
            address(uint160(word >> 96)),
            uint40(word >> 56),
            uint16(word >> 40),
            uint40(word),
            uint16(back >> 40) == _day() ? uint40(back) : 0,
            uint40(back >> 56)
        );
    }

    /// @notice IRewardToken.supply
    function supply() external view returns (IRewardToken.Supply memory) {
        (uint256 current, uint256 previous) = _supplyNow();
        uint256 word = load(SUPPLY);
        uint256 epoch = _epoch();
        uint256 issued = word.supplyEpoch() == epoch ? word.supplyIssued() : 0;
        return IRewardToken.Supply(
            uint64(current), uint64(previous), uint64(issued), uint16(epoch), uint8(word.supplyFlags())
        );
    }

    /// @notice IRewardToken.totals
    function totals() public view returns (IRewardToken.Totals memory) {
        uint256 word = load(TOTALS);
        return IRewardToken.Totals(uint64(word >> 192), uint64(word >> 128), uint64(word >> 64), uint64(word));
    }

    /// @notice IRewardToken.terminals
    function terminals(uint32 merchantId, uint32 streamId, uint8 page) external view returns (uint256) {
        return load(_terminalsSlot(merchantId, streamId, page));
    }

    /// @notice IRewardToken.owed
    function owed(uint32 merchantId, uint64 member) external view returns (uint256) {
        return load(OWED | _pair(merchantId, member));
    }

    /// @notice IRewardToken.arrears
    function arrears(uint32 merchantId, uint64 member) external view returns (uint256) {
        return load(ARREARS | _pair(merchantId, member));
    }

    /// @notice IRewardToken.deposits
    function deposits(uint32 merchantId) external view returns (uint256) {
        return load(DEPOSIT | merchantId);
    }

    /// @notice IRewardToken.guaranteed
    function guaranteed(uint32 merchantId) external view returns (uint256) {
        return load(GUARANTEED | merchantId);
    }

    /// @notice IRewardToken.usedOfCap
    function usedOfCap(uint32 merchantId, uint16 version, uint64 member) external view returns (uint256) {
        uint256 word = load(CAP | (_ruleKey(merchantId, version) << 64) | member);
        return word >> 240 == _day() ? word & MAX_56 : 0;
    }

    /// @notice IRewardToken.expiry
    function expiry(uint16 epoch) external view returns (uint256 issued, uint256 expired) {
        uint256 word = load(EPOCH | epoch);
        (issued, expired) = (word >> 64, uint64(word));
        // what the next write will book
        word = load(SUPPLY);
        uint256 from = word.supplyEpoch();
        if (from == _epoch()) return (issued, expired);
        if (epoch == from) issued = word.supplyIssued();
        if (epoch == from && _epoch() > from + 1) expired = word.supplyCurrent();
        if (uint256(epoch) + 1 == from) expired = word.supplyPrevious();
    }

    /// @notice IPaymentProcessor.refunded
    function refunded(bytes32 leaf) external view returns (uint256 amount, uint256 points) {
        uint256 word = _undone(leaf);
        return (word & MAX_48, (word >> 48) & MAX_56);
    }

    /// @notice ILedgerDoors.settled
    function settled(bytes32 leaf) external view returns (uint256) {
        return _undone(leaf) >> SETTLED_AT;
    }

    /// @notice IPaymentProcessor.roots
    function roots(bytes32 root) external view returns (uint256) {
        return uint64(_rootWord(root));
    }

    /// @notice IPaymentProcessor.isPosted
    function isPosted(uint32 streamId, uint64 sequence) external view returns (bool) {
        return (load(_postedSlot(streamId, sequence)) >> (sequence & 0xff)) & 1 != 0;
    }

    /// @notice IRewardToken.rootDay
    function rootDay(bytes32 root) external view returns (uint16) {
        return uint16(_rootWord(root) >> 64);
    }

    /// @notice IRewardToken.paused
    function paused() public view returns (bool) {
        return load(SUPPLY).supplyFlags() & SUPPLY_PAUSED != 0;
    }

    // --- the network's terms ----------------------------------------------------------------------------------------

    /// @notice IRewardToken.cash
    function cash() external view returns (address) {
        return _cash;
    }

    /// @notice IRewardToken.unitsPerMinorUnit
    function unitsPerMinorUnit() external view returns (uint64) {
        return uint64(_par);
    }

    /// @notice IRewardToken.maxLineAmount
    function maxLineAmount() external view returns (uint48) {
        return uint48(_maxLineAmount);
    }

    /// @notice IRewardToken.epochStart
    function epochStart() external view returns (uint32) {
        return uint32(_epochStart);
    }

    /// @notice IRewardToken.epochLength
    function epochLength() external view returns (uint32) {
        return uint32(_epochLength);
    }

    /// @notice IRewardToken.utcOffset
    function utcOffset() external view returns (int32) {
        return int32(_utcOffset);
    }

    /// @notice IRewardToken.clockTolerance
    function clockTolerance() external view returns (uint32) {
        return uint32(_clockTolerance);
    }

    /// @notice IRewardToken.currentEpoch
    function currentEpoch() external view returns (uint16) {
        return uint16(_epoch());
    }

    /// @notice IRewardToken.currentDay
    function currentDay() external view returns (uint16) {
        return uint16(_day());
    }

    /// @notice ILedgerDoors.survivorOf
    function survivorOf(uint64 member) external view returns (uint64) {
        return _survivor(member);
    }

    /// @notice ILedgerDoors.doorsOf
    function doorsOf(address part) external view returns (uint256) {
        return load(DOORS | uint160(part));
    }

    /// @notice ILedgerDoors.actTarget
    function actTarget(uint8 kind) external view returns (address) {
        return address(uint160(load(ACT | kind)));
    }
}
