// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IPaymentProcessor} from "../../interfaces/IPaymentProcessor.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {ISuccession} from "../../interfaces/ISuccession.sol";
import {
    DEPOSIT,
    EPOCH,
    GUARANTEED,
    ISSUED,
    MAX_56,
    MEMBER,
    MERCHANT,
    MERCHANT_KNOWN,
    MERGED,
    POSTED,
    PREDECESSOR,
    FLAG_FROZEN,
    FLAG_REGISTERED,
    SUCCESSOR,
    SUPPLY,
    TERMINALS,
    TOTALS,
    load,
    refundedSlot,
    rootSlot,
    store
} from "../libraries/Slots.sol";
import {Words} from "../libraries/Words.sol";

/// @title What all parts of the ledger share: the network's terms, epochs, and the words that roll with them
/// @dev Money and points are bounded here, where they come in: all cash held and all points ever in circulation fit
/// 56 bits, so no field of a word overflows and the posting path need not check.
abstract contract LedgerBase {
    using SafeERC20 for IERC20;
    using Words for uint256;

    address internal immutable _cash;
    uint256 internal immutable _par; // units for a minor unit
    uint256 internal immutable _maxLineAmount;
    uint256 internal immutable _epochStart;
    uint256 internal immutable _epochLength;
    int256 internal immutable _utcOffset;
    uint256 internal immutable _clockTolerance;

    /// @dev How many merges in a row a member's survivor is looked for.
    uint256 private constant MAX_MERGES = 8;
    /// @dev With this bound what a line is due fits 56 bits, whatever its rule: 10^8 * 2^40 * 65,535 / 10^8 < 2^56.
    uint48 private constant LARGEST_LINE = 100_000_000;

    constructor(address cash_, IRewardToken.Terms memory terms) {
        bool fits = terms.unitsPerMinorUnit != 0 && terms.unitsPerMinorUnit <= 1e12 && terms.maxLineAmount != 0
            && terms.maxLineAmount <= LARGEST_LINE && terms.epochStart <= block.timestamp && terms.utcOffset <= 1 days
            && terms.utcOffset >= -1 days && terms.clockTolerance <= 30 days
            && (terms.epochLength == 0 || terms.epochLength >= 1 days);
        if (!fits || cash_ == address(0)) revert IRewardToken.BadTerms(terms);
        _cash = cash_;
        _par = terms.unitsPerMinorUnit;
        _maxLineAmount = terms.maxLineAmount;
        _epochStart = terms.epochStart;
        _epochLength = terms.epochLength;
        _utcOffset = terms.utcOffset;
        _clockTolerance = terms.clockTolerance;
    }

    /// @dev What all code of a ledger, and its successor, must have in common.
    function _termsHash() internal view returns (bytes32) {
        return keccak256(abi.encode(_cash, _par, _epochStart, _epochLength, _utcOffset));
    }

    /// @dev Of points that never expire the length is 0: what is divided by 0 is 0 in the EVM, and so is the epoch.
    function _epoch() internal view returns (uint256 epoch) {
        (uint256 start, uint256 length) = (_epochStart, _epochLength);
        assembly ("memory-safe") {
            // the constructor saw to it that epochs have begun
            epoch := and(div(sub(timestamp(), start), length), 0xffff)
        }
    }

    function _day() internal view returns (uint256) {
        return uint16(uint256(int256(block.timestamp) + _utcOffset) / 1 days);
    }

    // --- words that roll with the epoch ---------------------------------------------------------------------------

    /// @dev The account of a holder in this epoch, not stored yet; what expired on the way is logged.
    function _touch(uint256 slot) internal returns (uint256 word) {
        uint256 expired;
        (word, expired) = load(slot).rolled(_epoch());
        if (expired != 0) emit IERC20.Transfer(address(uint160(slot)), address(0), expired);
    }

    /// @dev Supply in this epoch; nothing is stored.
    function _supplyNow() internal view returns (uint256 current, uint256 previous) {
        uint256 word = load(SUPPLY);
        uint256 age = _epoch() - word.supplyEpoch();
        if (age == 0) return (word.supplyCurrent(), word.supplyPrevious());
        return (0, age == 1 ? word.supplyCurrent() : 0);
    }

    /// @dev The supply in this epoch, stored if it rolled, with what expired booked to the epochs it was earned in.
    function _touchSupply() internal returns (uint256 word) {
        word = load(SUPPLY);
        uint256 epoch = _epoch();
        uint256 from = word.supplyEpoch();
        if (from == epoch) return word;
        if (from != 0) store(EPOCH | (from - 1), load(EPOCH | (from - 1)) | word.supplyPrevious());
        bool skippedOne = epoch > from + 1;
        store(EPOCH | from, (word.supplyIssued() << 64) | (skippedOne ? word.supplyCurrent() : 0));
        word = Words.supplyWord(0, skippedOne ? 0 : word.supplyCurrent(), 0, epoch, word.supplyFlags());
        store(SUPPLY, word);
    }

    /// @dev A merchant in this epoch, not stored yet; what it issued in an epoch that has closed is kept aside.
    function _touchMerchant(uint32 id) internal returns (uint256 word) {
        word = load(MERCHANT | id);
        if (word & MERCHANT_KNOWN == 0) revert IRewardToken.UnknownMerchant(id);
        uint256 from = word.merchantEpoch();
        uint256 epoch = _epoch();
        if (from == epoch) return word;
        if (word.issued() != 0) store(ISSUED | (uint256(id) << 16) | from, word.issued());
        word = (word.withIssued(0) & ~uint256(0xffff00)) | (epoch << 8);
    }

    // --- coins ----------------------------------------------------------------------------------------------------

    /// @dev Mints to an account word that was touched: `units` as current, `old` as previous.
    function _mintTo(uint256 slot, uint256 word, uint256 units, uint256 old) internal returns (uint256) {
        uint256 all = _touchSupply();
        store(SUPPLY, all + (units << 192) + (old << 128));
        emit IERC20.Transfer(address(0), address(uint160(slot)), units + old);
        return word.withCoins(word.current() + units, word.previous() + old);
    }

    /// @dev Burns from an account word that was touched; the caller has checked the balance.
    function _burnFrom(uint256 slot, uint256 word, uint256 units, uint256 old) internal returns (uint256) {
        uint256 all = _touchSupply();
        store(SUPPLY, all - (units << 192) - (old << 128));
        emit IERC20.Transfer(address(uint160(slot)), address(0), units + old);
        return word.withCoins(word.current() - units, word.previous() - old);
    }

    /// @dev Books points that a merchant gives in this epoch.
    function _addIssued(uint256 units) internal {
        uint256 all = _touchSupply();
        uint256 sum = all.supplyIssued() + units;
        store(
            SUPPLY,
            Words.supplyWord(all.supplyCurrent(), all.supplyPrevious(), sum, all.supplyEpoch(), all.supplyFlags())
        );
    }

    /// @dev Takes back points that a merchant, touched, gave in this epoch, as far as it gave any.
    function _subIssued(uint256 merchantWord, uint256 units) internal returns (uint256) {
        uint256 given = merchantWord.issued();
        if (units > given) units = given;
        if (units == 0) return merchantWord;
        store(SUPPLY, _touchSupply() - (units << 64));
        return merchantWord.withIssued(given - units);
    }

    /// @dev The same, the newest first: what this epoch did not give was given in the one before.
    function _subIssuedNewest(uint32 id, uint256 merchantWord, uint256 units) internal returns (uint256) {
        uint256 given = merchantWord.issued();
        uint256 epoch = _epoch();
        if (units > given && epoch != 0) {
            _touchSupply();
            uint256 place = ISSUED | (uint256(id) << 16) | (epoch - 1);
            uint256 closed = units - given < load(place) ? units - given : load(place);
            store(place, load(place) - closed);
            store(EPOCH | (epoch - 1), load(EPOCH | (epoch - 1)) - (closed << 64));
        }
        return _subIssued(merchantWord, units);
    }

    /// @dev Books what a batch minted and burnt with the supply, which was touched when the batch began.
    function _bookSupply(uint256 minted, uint256 burntPrevious, uint256 burntCurrent) internal {
        unchecked {
            if (minted + burntPrevious + burntCurrent == 0) return;
            uint256 all = load(SUPPLY);
            store(
                SUPPLY,
                Words.supplyWord(
                    all.supplyCurrent() + minted - burntCurrent,
                    all.supplyPrevious() - burntPrevious,
                    all.supplyIssued() + minted,
                    all.supplyEpoch(),
                    all.supplyFlags()
                )
            );
        }
    }

    // --- money ----------------------------------------------------------------------------------------------------

    /// @dev Books what members paid merchants from stored value and in coins, minor units.
    function _bookTotals(uint256 value, uint256 coins) internal {
        unchecked {
            if (value + coins == 0) return;
            store(TOTALS, load(TOTALS) - (value << 192) + ((value + coins) << 128) - (coins << 64));
        }
    }

    /// @dev Takes cash from the sender and adds it to one of the totals (by its place in the word).
    function _takeCash(uint256 amount, uint256 place) internal {
        if (amount == 0) revert IRewardToken.ZeroAmount();
        uint256 word = load(TOTALS);
        if (amount > MAX_56 || _held(word) + amount > MAX_56) revert IRewardToken.TooMuch(amount);
        store(TOTALS, word + (amount << place));
        IERC20(_cash).safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @dev Takes what a merchant's payable did not reach for from its deposit, then from the guarantee fund. The caller
    /// changes the totals.
    function _drawOnDeposits(uint32 merchantId, uint256 rest)
        internal
        returns (bool enough, uint256 fromDeposit, uint256 fromFund)
    {
        if (rest == 0) return (true, 0, 0);
        uint256 deposit = load(DEPOSIT | merchantId);
        fromDeposit = rest < deposit ? rest : deposit;
        fromFund = rest - fromDeposit;
        uint256 fund = load(DEPOSIT);
        if (fromFund > fund) return (false, 0, 0);
        store(DEPOSIT | merchantId, deposit - fromDeposit);
        if (fromFund != 0) {
            store(DEPOSIT, fund - fromFund);
            store(GUARANTEED | merchantId, load(GUARANTEED | merchantId) + fromFund);
            emit IPaymentProcessor.Guaranteed(merchantId, uint64(fromFund));
        }
        return (true, fromDeposit, fromFund);
    }

    /// @dev The sum of the totals in a word.
    function _held(uint256 word) internal pure returns (uint256) {
        return (word >> 192) + uint64(word >> 128) + uint64(word >> 64) + uint64(word);
    }

    // --- payments of the past -------------------------------------------------------------------------------------

    /// @dev The word of a batch's root, this ledger's or its predecessor's; 0 if neither knows it.
    function _rootWord(bytes32 root) internal view returns (uint256 word) {
        word = load(rootSlot(root));
        uint256 before = load(PREDECESSOR);
        if (word == 0 && before != 0) word = ISuccession(address(uint160(before))).inheritedRoot(root);
    }

    /// @dev What was undone of a line, here or by the predecessor: once something is undone here, that is in it.
    function _undone(bytes32 leaf) internal view returns (uint256 word) {
        word = load(refundedSlot(leaf));
        uint256 before = load(PREDECESSOR);
        if (word == 0 && before != 0) word = ISuccession(address(uint160(before))).inheritedRefund(leaf);
    }

    function _requireNoSuccessor() internal view {
        uint256 successor_ = load(SUCCESSOR);
        if (successor_ != 0) revert IRewardToken.Succeeded(address(uint160(successor_)));
    }

    // --- places ---------------------------------------------------------------------------------------------------

    /// @dev The slot of a registered member.
    function _memberSlot(uint64 member) internal view returns (uint256 slot) {
        slot = MEMBER | member;
        if (load(slot) & FLAG_REGISTERED == 0) revert IRewardToken.UnknownMember(member);
    }

    /// @dev Who a member is now: what still comes to one that was merged belongs to the one it was merged into.
    function _survivor(uint64 member) internal view returns (uint64) {
        for (uint256 i = 0; i < MAX_MERGES; ++i) {
            if (load(MEMBER | member) & FLAG_FROZEN == 0) break;
            uint256 into = load(MERGED | member);
            uint256 before = load(PREDECESSOR);
            if (into == 0 && before != 0) into = ISuccession(address(uint160(before))).mergedInto(member);
            if (into == 0) break;
            member = uint64(into);
        }
        return member;
    }

    function _pair(uint32 merchantId, uint64 member) internal pure returns (uint256) {
        return (uint256(merchantId) << 64) | member;
    }

    function _ruleKey(uint32 merchantId, uint16 version) internal pure returns (uint256) {
        return (uint256(merchantId) << 16) | version;
    }

    function _terminalsSlot(uint32 merchantId, uint32 streamId, uint8 page) internal pure returns (uint256) {
        return TERMINALS | (uint256(merchantId) << 40) | (uint256(streamId) << 8) | page;
    }

    function _postedSlot(uint32 streamId, uint64 sequence) internal pure returns (uint256) {
        return POSTED | (uint256(streamId) << 56) | (sequence >> 8);
    }

    /// @dev What a word with `limit 40 | day 16 | used 40` in its low bits leaves for today.
    function _leftOfDay(uint256 word, uint256 day) internal pure returns (uint256) {
        uint256 limit = uint40(word >> 56);
        uint256 used = uint16(word >> 40) == day ? uint40(word) : 0;
        return limit > used ? limit - used : 0;
    }
}
