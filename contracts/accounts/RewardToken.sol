// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IPaymentProcessor} from "../../interfaces/IPaymentProcessor.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {
    ACCOUNT,
    ARREARS,
    CAP,
    DEPOSIT,
    EPOCH,
    FLAG_FROZEN,
    FLAG_IN_ARREARS,
    FLAG_LOCKED,
    FLAG_REGISTERED,
    GUARANTEED,
    ISSUED,
    MAX_48,
    MAX_56,
    MEMBER,
    MERCHANT,
    MERCHANT_ACTIVE,
    MERCHANT_KNOWN,
    OWED,
    RULE,
    RULE_BUDGETED,
    RULE_EXISTS,
    RULE_TIERED,
    RULE_VETOED,
    STREAM,
    STREAM_REFUNDS,
    SUPPLY,
    SUPPLY_PAUSED,
    TERMINALS,
    TIERS,
    TOTALS,
    VETO,
    load,
    refundedSlot,
    store
} from "../libraries/Slots.sol";
import {Words} from "../libraries/Words.sol";
import {PaymentProcessor} from "../rewards/PaymentProcessor.sol";
import {Refunds} from "../rewards/Refunds.sol";
import {Coin} from "./Coin.sol";
import {LedgerBase} from "./LedgerBase.sol";

/// @title The ledger
/// @notice The doors of the other contracts and of people, and the views. Posting is inherited: PaymentProcessor,
/// and in Refunds; the coin's standards: Coin.
contract RewardToken is Coin, PaymentProcessor, AccessManaged {
    using Words for uint256;

    /// @notice The part of the ledger's code that undoes payments.
    address public immutable refunds;

    constructor(address authority_, address cash_, string memory name_, string memory symbol_, Terms memory terms)
        Coin(name_, symbol_)
        LedgerBase(cash_, terms)
        AccessManaged(authority_)
    {
        store(SUPPLY, Words.supplyWord(0, 0, 0, _epoch(), 0));
        refunds = address(new Refunds(cash_, terms));
    }

    /// @inheritdoc IPaymentProcessor
    function postRefunds(uint32, Refund[] calldata) external {
        address code = refunds;
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, 0, calldatasize())
            let done := delegatecall(gas(), code, free, calldatasize(), 0, 0)
            returndatacopy(free, 0, returndatasize())
            if iszero(done) { revert(free, returndatasize()) }
            return(free, returndatasize())
        }
    }

    // --- doors of the operator and of the Registry ------------------------------------------------------------------

    /// @inheritdoc IRewardToken
    function setStream(uint32 streamId, address poster, uint40 dailyLimit, uint40 refundLimit) external restricted {
        uint256 word = uint56(load(STREAM | streamId));
        store(STREAM | streamId, (uint256(uint160(poster)) << 96) | (uint256(dailyLimit) << 56) | word);
        word = uint56(load(STREAM_REFUNDS | streamId));
        store(STREAM_REFUNDS | streamId, (uint256(refundLimit) << 56) | word);
        emit StreamSet(streamId, poster, dailyLimit, refundLimit);
    }

    /// @inheritdoc IRewardToken
    function setTerminals(uint32 merchantId, uint32 streamId, uint8 page, uint256 bits) external restricted {
        store(_terminalsSlot(merchantId, streamId, page), bits);
        emit TerminalsSet(merchantId, streamId, page, bits);
    }

    /// @inheritdoc IRewardToken
    function setMerchant(uint32 merchantId, uint8 flags) external restricted {
        if (merchantId == 0) revert UnknownMerchant(0);
        if (flags > MERCHANT_ACTIVE) revert BadFlags(flags);
        uint256 word = load(MERCHANT | merchantId);
        if (word == 0) word = uint256(_epoch()) << 8;
        store(MERCHANT | merchantId, (word & ~uint256(0xff)) | flags | MERCHANT_KNOWN);
        emit MerchantSet(merchantId, flags);
    }

    /// @inheritdoc IRewardToken
    function enrol(uint64[] calldata members) external restricted {
        for (uint256 i = 0; i < members.length; ++i) {
            if (members[i] == 0) revert UnknownMember(0);
            uint256 slot = MEMBER | members[i];
            uint256 word = load(slot);
            if (word & FLAG_REGISTERED != 0) continue;
            store(slot, _touch(slot) | FLAG_REGISTERED);
            emit MemberEnrolled(members[i]);
        }
    }

    /// @inheritdoc IRewardToken
    function setMemberFlags(uint64 member, uint16 flags) external restricted {
        uint256 settable = FLAG_LOCKED | FLAG_FROZEN;
        if (flags & ~settable != 0) revert BadFlags(flags);
        uint256 slot = _memberSlot(member);
        uint256 word = (load(slot) & ~settable) | flags;
        store(slot, word);
        emit MemberFlagsSet(member, uint16(word));
    }

    /// @inheritdoc IRewardToken
    function setTier(uint64[] calldata members, uint8 tier) external restricted {
        if (tier > 15) revert BadTier(tier);
        for (uint256 i = 0; i < members.length; ++i) {
            uint256 slot = _memberSlot(members[i]);
            store(slot, (load(slot) & ~uint256(0xff0000)) | (uint256(tier) << 16));
            emit TierSet(members[i], tier);
        }
    }

    /// @inheritdoc IRewardToken
    function pause() external restricted {
        store(SUPPLY, load(SUPPLY) | (SUPPLY_PAUSED << 40));
        emit Paused(msg.sender);
    }

    /// @inheritdoc IRewardToken
    function unpause() external restricted {
        store(SUPPLY, load(SUPPLY) & ~(SUPPLY_PAUSED << 40));
        emit Unpaused(msg.sender);
    }

    // --- doors of RewardRules ---------------------------------------------------------------------------------------

    /// @inheritdoc IRewardToken
    function setRule(uint32 merchantId, uint16 version, uint256 word, uint256 tierTable) external restricted {
        uint256 key = _ruleKey(merchantId, version);
        if (load(RULE | key) != 0) revert RuleExists(merchantId, version);
        bool tiered = word & RULE_TIERED != 0;
        bool sound = version != 0 && word & RULE_EXISTS != 0 && uint8(word) < RULE_VETOED && tiered == (tierTable != 0);
        if (!sound) revert BadRule(word);
        store(RULE | key, word);
        if (tiered) store(TIERS | key, tierTable);
        emit RuleSet(merchantId, version, word, tierTable);
    }

    /// @inheritdoc IRewardToken
    function vetoRule(uint32 merchantId, uint16 version) external restricted {
        uint256 key = _ruleKey(merchantId, version);
        uint256 word = load(RULE | key);
        if (word & RULE_EXISTS == 0) revert UnknownRule(merchantId, version);
        if (word & RULE_VETOED != 0) return;
        store(RULE | key, word | RULE_VETOED);
        store(VETO | key, block.number);
        emit RuleVetoed(merchantId, version, uint64(block.number));
    }

    /// @inheritdoc IRewardToken
    function raiseBudget(uint32 merchantId, uint16 version, uint56 units) external restricted {
        uint256 key = _ruleKey(merchantId, version);
        uint256 word = load(RULE | key);
        if (word & RULE_BUDGETED == 0 || ((word >> 56) & MAX_56) + units > MAX_56) {
            revert BadBudget(merchantId, version);
        }
        store(RULE | key, word + (uint256(units) << 56));
        emit BudgetRaised(merchantId, version, units);
    }

    // --- doors of everybody and of finance --------------------------------------------------------------------------

    /// @inheritdoc IRewardToken
    function buyPoints(uint32 merchantId, uint64 amount) external {
        uint256 word = _touchMerchant(merchantId);
        uint256 units = uint256(amount) * _par;
        // the reserve backs every point there is, so this bounds them all
        if (uint256(totals().reserve) * _par + units > MAX_56) revert TooMuch(amount);
        store(MERCHANT | merchantId, word.withPrepaid(word.prepaid() + units));
        _takeCash(amount, 64);
        emit PointsBought(merchantId, msg.sender, amount, uint64(units));
    }

    /// @inheritdoc IRewardToken
    function settleOwed(uint32 merchantId, uint64 member) external returns (uint256 points) {
        if (paused()) revert EarningPaused();
        uint256 place = OWED | _pair(merchantId, member);
        uint256 slot = _memberSlot(member);
        uint256 account_ = _touch(slot);
        if (account_ & FLAG_FROZEN != 0) revert AccountLocked(memberAccount(member));
        uint256 word = _touchMerchant(merchantId);
        points = load(place) < word.prepaid() ? load(place) : word.prepaid();
        if (points == 0) revert NothingDue();
        store(place, load(place) - points);
        store(MERCHANT | merchantId, word.withPrepaid(word.prepaid() - points).withIssued(word.issued() + points));
        _addIssued(points);
        account_ = _mintTo(slot, account_, points, 0);
        store(slot, account_.withEarned(account_.earned() + points));
        emit OwedSettled(merchantId, member, points > type(uint64).max ? type(uint64).max : uint64(points));
    }

    /// @inheritdoc IRewardToken
    function collectArrears(uint32 merchantId, uint64 member) external returns (uint256 points) {
        if (merchantId == 0) revert UnknownMerchant(0);
        uint256 place = ARREARS | _pair(merchantId, member);
        uint256 slot = _memberSlot(member);
        uint256 account_ = _touch(slot);
        points = load(place) < account_.balance() ? load(place) : account_.balance();
        if (points == 0) revert NothingDue();
        (, uint256 old, uint256 recent) = account_.taken(points);
        account_ = _burnFrom(slot, account_, recent, old);
        store(slot, _reduceArrears(place, member, account_, points));
        uint256 word = _touchMerchant(merchantId);
        // what comes back was not given after all
        store(MERCHANT | merchantId, _subIssued(word.withPrepaid(word.prepaid() + points), points));
        emit ArrearsCollected(merchantId, member, uint64(points));
    }

    /// @inheritdoc IRewardToken
    function forgiveArrears(uint32 merchantId, uint64 member, uint256 units) external restricted {
        if (merchantId == 0) revert UnknownMerchant(0);
        uint256 place = ARREARS | _pair(merchantId, member);
        if (units == 0 || units > load(place)) revert NothingDue();
        store(MEMBER | member, _reduceArrears(place, member, load(MEMBER | member), units));
        emit ArrearsForgiven(merchantId, member, units);
    }

    /// @inheritdoc IRewardToken
    function claimExpired(uint32 merchantId, uint16 epoch) external returns (uint256 points) {
        if (uint256(epoch) + 2 > _epoch()) revert NotExpired(epoch);
        _touchSupply();
        uint256 word = _touchMerchant(merchantId);
        uint256 place = ISSUED | (uint256(merchantId) << 16) | epoch;
        uint256 closed = load(EPOCH | epoch);
        if (load(place) != 0) points = (uint256(uint64(closed)) * load(place)) / (closed >> 64);
        if (points == 0) revert NothingDue();
        store(place, 0);
        store(MERCHANT | merchantId, word.withPrepaid(word.prepaid() + points));
        emit ExpiredClaimed(merchantId, epoch, uint64(points));
    }

    /// @inheritdoc IRewardToken
    function recharge(uint64 member, uint64 amount) external restricted {
        uint256 slot = _memberSlot(member);
        uint256 word = _touch(slot);
        unchecked {
            // what does not fit reverts in _takeCash
            store(slot, word + (uint256(amount) << 200));
        }
        _takeCash(amount, 192);
        emit Recharged(member, msg.sender, amount);
    }

    /// @inheritdoc IRewardToken
    function addDeposit(uint32 merchantId, uint64 amount) external {
        uint256 toFund = 0;
        if (merchantId != 0) {
            if (load(MERCHANT | merchantId) & MERCHANT_KNOWN == 0) revert UnknownMerchant(merchantId);
            uint256 debt = load(GUARANTEED | merchantId);
            toFund = amount < debt ? amount : debt;
            if (toFund != 0) {
                store(GUARANTEED | merchantId, debt - toFund);
                store(DEPOSIT, load(DEPOSIT) + toFund);
            }
        }
        store(DEPOSIT | merchantId, load(DEPOSIT | merchantId) + amount - toFund);
        _takeCash(amount, 0);
        emit DepositAdded(merchantId, msg.sender, amount, uint64(toFund));
    }

    // --- views ------------------------------------------------------------------------------------------------------

    /// @inheritdoc IRewardToken
    function accountOf(address holder) public view returns (Account memory) {
        (uint256 word,) = load(ACCOUNT | uint160(holder)).rolled(_epoch());
        return Account(
            uint56(word >> 200),
            uint56(word >> 144),
            uint56(word >> 88),
            uint48(word >> 40),
            uint16(word >> 24),
            uint8(word >> 16),
            uint16(word)
        );
    }

    /// @inheritdoc IRewardToken
    function account(uint64 member) external view returns (Account memory) {
        return accountOf(memberAccount(member));
    }

    /// @inheritdoc IRewardToken
    function memberAccount(uint64 member) public pure returns (address) {
        return address(uint160(MEMBER | member));
    }

    /// @inheritdoc IRewardToken
    function merchant(uint32 id) external view returns (Merchant memory) {
        uint256 word = load(MERCHANT | id);
        uint256 epoch = _epoch();
        uint256 issued = word.merchantEpoch() == epoch ? word.issued() : 0;
        return Merchant(
            uint64(word >> 192), uint64(word >> 128), uint48(word >> 80), uint56(issued), uint16(epoch), uint8(word)
        );
    }

    /// @inheritdoc IRewardToken
    function rule(uint32 merchantId, uint16 version) external view returns (Rule memory) {
        uint256 key = _ruleKey(merchantId, version);
        uint256 word = load(RULE | key);
        return Rule(
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

    /// @inheritdoc IRewardToken
    function stream(uint32 id) external view returns (Stream memory) {
        uint256 word = load(STREAM | id);
        uint256 back = load(STREAM_REFUNDS | id);
        return Stream(
            address(uint160(word >> 96)),
            uint40(word >> 56),
            uint16(word >> 40),
            uint40(word),
            uint16(back >> 40) == _day() ? uint40(back) : 0,
            uint40(back >> 56)
        );
    }

    /// @inheritdoc IRewardToken
    function supply() external view returns (Supply memory) {
        (uint256 current, uint256 previous) = _supplyNow();
        uint256 word = load(SUPPLY);
        uint256 epoch = _epoch();
        uint256 issued = word.supplyEpoch() == epoch ? word.supplyIssued() : 0;
        return Supply(uint64(current), uint64(previous), uint64(issued), uint16(epoch), uint8(word.supplyFlags()));
    }

    /// @inheritdoc IRewardToken
    function totals() public view returns (Totals memory) {
        uint256 word = load(TOTALS);
        return Totals(uint64(word >> 192), uint64(word >> 128), uint64(word >> 64), uint64(word));
    }

    /// @inheritdoc IRewardToken
    function terminals(uint32 merchantId, uint32 streamId, uint8 page) external view returns (uint256) {
        return load(_terminalsSlot(merchantId, streamId, page));
    }

    /// @inheritdoc IRewardToken
    function owed(uint32 merchantId, uint64 member) external view returns (uint256) {
        return load(OWED | _pair(merchantId, member));
    }

    /// @inheritdoc IRewardToken
    function arrears(uint32 merchantId, uint64 member) external view returns (uint256) {
        return load(ARREARS | _pair(merchantId, member));
    }

    /// @inheritdoc IRewardToken
    function deposits(uint32 merchantId) external view returns (uint256) {
        return load(DEPOSIT | merchantId);
    }

    /// @inheritdoc IRewardToken
    function guaranteed(uint32 merchantId) external view returns (uint256) {
        return load(GUARANTEED | merchantId);
    }

    /// @inheritdoc IRewardToken
    function usedOfCap(uint32 merchantId, uint16 version, uint64 member) external view returns (uint256) {
        uint256 word = load(CAP | (_ruleKey(merchantId, version) << 64) | member);
        return word >> 240 == _day() ? word & MAX_56 : 0;
    }

    /// @inheritdoc IRewardToken
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

    /// @inheritdoc IPaymentProcessor
    function refunded(bytes32 leaf) external view returns (uint256 amount, uint256 points) {
        uint256 word = load(refundedSlot(leaf));
        return (word & MAX_48, word >> 48);
    }

    /// @inheritdoc IRewardToken
    function paused() public view returns (bool) {
        return load(SUPPLY).supplyFlags() & SUPPLY_PAUSED != 0;
    }

    // --- the network's terms ----------------------------------------------------------------------------------------

    /// @inheritdoc IRewardToken
    function cash() external view returns (address) {
        return _cash;
    }

    /// @inheritdoc IRewardToken
    function unitsPerMinorUnit() external view returns (uint64) {
        return uint64(_par);
    }

    /// @inheritdoc IRewardToken
    function maxLineAmount() external view returns (uint48) {
        return uint48(_maxLineAmount);
    }

    /// @inheritdoc IRewardToken
    function epochStart() external view returns (uint32) {
        return uint32(_epochStart);
    }

    /// @inheritdoc IRewardToken
    function epochLength() external view returns (uint32) {
        return uint32(_epochLength);
    }

    /// @inheritdoc IRewardToken
    function utcOffset() external view returns (int32) {
        return int32(_utcOffset);
    }

    /// @inheritdoc IRewardToken
    function clockTolerance() external view returns (uint32) {
        return uint32(_clockTolerance);
    }

    /// @inheritdoc IRewardToken
    function currentEpoch() external view returns (uint16) {
        return uint16(_epoch());
    }

    /// @inheritdoc IRewardToken
    function currentDay() external view returns (uint16) {
        return uint16(_day());
    }

    /// @return account_ The member's word, without its flag when it owes nothing any more
    function _reduceArrears(uint256 place, uint64 member, uint256 account_, uint256 units) private returns (uint256) {
        store(place, load(place) - units);
        uint256 all = load(ARREARS | member) - units;
        store(ARREARS | member, all);
        return all == 0 ? account_ & ~FLAG_IN_ARREARS : account_;
    }

    function _ruleKey(uint32 merchantId, uint16 version) private pure returns (uint256) {
        return (uint256(merchantId) << 16) | version;
    }

    function _terminalsSlot(uint32 merchantId, uint32 streamId, uint8 page) private pure returns (uint256) {
        return TERMINALS | (uint256(merchantId) << 40) | (uint256(streamId) << 8) | page;
    }
}
