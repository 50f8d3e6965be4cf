// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICashHolder} from "../../interfaces/ICashHolder.sol";
import {ICoinHolder} from "../../interfaces/ICoinHolder.sol";
import {ICoupons} from "../../interfaces/ICoupons.sol";
import {IIncentivePools} from "../../interfaces/IIncentivePools.sol";
import {Incentives} from "../libraries/Incentives.sol";
import {SuitePart} from "../suite/SuitePart.sol";

/// @title What the parts of the pools share: uses, credits of merchants and the platform, and what is to be set off
/// @dev Why a use has one word and members' parts are computed when they are claimed: docs/decisions.
abstract contract PoolBase is SuitePart, ICashHolder, ICoinHolder, IIncentivePools {
    uint8 internal constant PLATFORM = 0;
    uint8 internal constant MERCHANT = 1;
    uint8 internal constant MEMBER = 2;

    /// @dev Where in a word of credits a merchant's own stand, and the platform's; previous ones stand PREVIOUS higher.
    uint256 internal constant OWN = 0;
    uint256 internal constant PLATFORMS = 112;
    uint256 internal constant PREVIOUS = 56;
    uint256 private constant EPOCH_AT = 224;
    uint256 private constant CURRENT_ONES = type(uint56).max | (uint256(type(uint56).max) << PLATFORMS);
    uint256 private constant PAIR_ONES = type(uint112).max;
    /// @dev How many of those whom a subject owes one transaction pays at most.
    uint256 private constant MOST_CREDITORS = 32;
    uint256 private constant MERCHANT_AT = 224;
    uint256 private constant NEXT_AT = 192;

    /// @dev Coins by age, or cash as `current`.
    struct Aged {
        uint256 current;
        uint256 previous;
    }

    mapping(uint96 use => Use) internal _uses;
    /// @dev A merchant's money here, and the platform's from coupons whose first merchant it is; by age. From the lowest
    /// bit: current 56 | previous 56 | the platform's current 56 | previous 56 | epoch 16. Cash does not age: it lies under
    /// current, in epoch 0. All money there is fits 56 bits, so no field overflows.
    mapping(uint256 cashAndMerchant => uint256) internal _credits;
    /// @dev Whom a subject came to owe last: merchant 32 | whom it came to owe before 32, 0 = nobody | units 192.
    mapping(uint256 subject => uint256) private _owing;
    /// @dev The others, by subject and merchant.
    mapping(uint256 subjectAndMerchant => uint256) private _owingMore;
    mapping(uint32 campaign => CampaignMoney) internal _campaigns;
    mapping(uint256 cashAndMerchant => MerchantMoney) internal _merchants;

    /// @inheritdoc IIncentivePools
    address public servedCoupons;

    modifier onlyCoupons() {
        if (msg.sender != servedCoupons) revert NotCoupons(msg.sender);
        _;
    }

    /// @inheritdoc IIncentivePools
    function serve() external {
        if (servedCoupons != address(0)) revert ServesOthers(servedCoupons);
        servedCoupons = msg.sender;
        emit CouponsServed(msg.sender);
    }

    function _sharingOf(uint64 coupon) internal view returns (ICoupons.Sharing memory) {
        return _coupons().sharingOf(coupon);
    }

    function _coupons() internal view returns (ICoupons) {
        return ICoupons(servedCoupons);
    }

    // --- places ---------------------------------------------------------------------------------------------------

    function _known(uint96 use) internal view returns (Use memory it) {
        it = _uses[use];
        if (it.merchant == 0) revert UnknownUse(use);
    }

    function _merchantKey(uint32 merchant, bool cash) internal pure returns (uint256) {
        return (cash ? uint256(1) << 32 : 0) | merchant;
    }

    function _subject(uint8 kind, uint64 id, bool cash) internal pure returns (uint256) {
        return ((cash ? 256 : 0) | uint256(kind)) << 64 | id;
    }

    /// @dev The epoch that this money ages by.
    function _epochOf(bool cash) internal view returns (uint16) {
        return cash ? 0 : ledger.currentEpoch();
    }

    /// @dev The word of a merchant's credits in this epoch.
    function _creditsOf(uint256 key, bool cash) internal view returns (uint256 word) {
        word = _credits[key];
        uint256 epoch = _epochOf(cash);
        uint256 from = word >> EPOCH_AT;
        if (from == epoch) return word;
        uint256 kept = from + 1 == epoch ? (word & CURRENT_ONES) << PREVIOUS : 0;
        return (epoch << EPOCH_AT) | kept;
    }

    /// @dev What stands at a place of a word of credits, by age.
    function _agedAt(uint256 word, uint256 at) internal pure returns (Aged memory) {
        return Aged(uint56(word >> at), uint56(word >> (at + PREVIOUS)));
    }

    /// @dev The word when nothing is left at a place.
    function _without(uint256 word, uint256 at) internal pure returns (uint256) {
        return word & ~(PAIR_ONES << at);
    }

    function _saveUse(uint96 use, Use memory it) internal {
        _uses[use] = it;
    }

    // --- sharing --------------------------------------------------------------------------------------------------

    /// @dev Gives merchants and the platform their parts of a use that was funded in this epoch. What is the members'
    /// stays where it is.
    /// @return platform What the platform has of it
    function _share(uint96 use, ICoupons.Sharing memory sharing, uint64 coupon, uint32 writer, uint256 units)
        internal
        returns (uint256 platform)
    {
        Incentives.Parts memory parts = Incentives.partsDown(sharing, units);
        platform = units - parts.lazy;
        for (uint256 i = 1; i < sharing.merchants.length; ++i) {
            platform -= _credit(use, sharing, coupon, sharing.merchants[i], writer, parts.distributor);
        }
        if (sharing.dataUser != 0) {
            platform -= _credit(use, sharing, coupon, sharing.dataUser, writer, parts.dataUser);
        }
        uint32 merchant = sharing.merchants[0];
        uint256 first = merchant == writer ? 0 : parts.first;
        platform -= first;
        uint256 key = _merchantKey(merchant, sharing.cash);
        _credits[key] = _creditsOf(key, sharing.cash) + (first << OWN) + (platform << PLATFORMS);
        if (first != 0) emit MerchantCredited(coupon, merchant, use, uint64(first));
        _oweAll(sharing.cash, units);
        CampaignMoney storage money = _campaigns[sharing.campaign];
        money.funded += uint56(units);
        money.paid += uint56(units - parts.lazy);
    }

    /// @dev A merchant gets nothing for writing off a coupon of its own.
    function _credit(
        uint96 use,
        ICoupons.Sharing memory sharing,
        uint64 coupon,
        uint32 merchant,
        uint32 writer,
        uint256 units
    ) private returns (uint256) {
        if (merchant == writer || units == 0) return 0;
        uint256 key = _merchantKey(merchant, sharing.cash);
        _credits[key] = _creditsOf(key, sharing.cash) + (units << OWN);
        emit MerchantCredited(coupon, merchant, use, uint64(units));
        return units;
    }

    // --- all that is owed -----------------------------------------------------------------------------------------

    /// @inheritdoc ICashHolder
    function cashOwed() external view returns (uint256) {
        return _owed(true);
    }

    /// @inheritdoc ICoinHolder
    function coinsOwed() external view returns (uint256) {
        return _owed(false);
    }

    /// @dev What came in for a use that is funded now is somebody's to the last unit.
    function _oweAll(bool cash, uint256 units) private {
        _credits[_allKey(cash)] = _creditsOf(_allKey(cash), cash) + (units << OWN);
    }

    /// @dev Taken out of credits and of members' parts, to be paid.
    function _clear(bool cash, Aged memory aged) internal {
        if (aged.current + aged.previous == 0) return;
        uint256 word = _creditsOf(_allKey(cash), cash);
        Aged memory all = _agedAt(word, OWN);
        // cannot be: all that is taken is a part of it
        assert(aged.current <= all.current && aged.previous <= all.previous);
        _credits[_allKey(cash)] = word - aged.current - (aged.previous << PREVIOUS);
    }

    function _owed(bool cash) private view returns (uint256) {
        Aged memory all = _agedAt(_creditsOf(_allKey(cash), cash), OWN);
        return all.current + all.previous;
    }

    /// @dev Where the sum of all credits and of members' parts stands, beside the merchants'.
    function _allKey(bool cash) private pure returns (uint256) {
        return (1 << 33) | _merchantKey(0, cash);
    }

    // --- paying ---------------------------------------------------------------------------------------------------

    /// @dev What a subject owes comes out of `aged` first, oldest coins first, and goes to whom it is owed. Further ones
    /// than MOST_CREDITORS wait for its next claim, so that no number of them can make a claim impossible.
    function _setOff(uint256 subject, bool cash, Aged memory aged) internal {
        uint256 last = _owing[subject];
        for (uint256 i = 0; i < MOST_CREDITORS && last != 0 && aged.current + aged.previous != 0; ++i) {
            uint32 merchant = uint32(last >> MERCHANT_AT);
            uint256 all = aged.current + aged.previous;
            uint256 units = uint192(last) < all ? uint192(last) : all;
            last -= units;
            if (uint192(last) == 0) last = _beforeLast(subject, last);
            _owing[subject] = last;
            uint256 previous = units < aged.previous ? units : aged.previous;
            aged.previous -= previous;
            aged.current -= units - previous;
            emit SetOffPaid(subject, merchant, uint64(units));
            _payMerchant(merchant, cash, Aged(units - previous, previous));
        }
    }

    /// @dev Remembers that a subject owes a merchant incentive that was undone. Two slots at most are written, however
    /// many it owes: undoing at a till has 900,000 gas, for all of a trail.
    function _owe(uint256 subject, uint32 merchant, uint256 units) internal {
        if (units == 0) return;
        emit SetOffRecorded(subject, merchant, uint64(units));
        uint256 last = _owing[subject];
        uint256 before = last >> MERCHANT_AT;
        if (before == merchant) {
            _owing[subject] = last + units;
            return;
        }
        uint256 key = _owingKey(subject, merchant);
        if (_owingMore[key] != 0) {
            _owingMore[key] += units;
            return;
        }
        if (last != 0) _owingMore[_owingKey(subject, uint32(before))] = last;
        _owing[subject] = (uint256(merchant) << MERCHANT_AT) | (before << NEXT_AT) | units;
    }

    /// @inheritdoc IIncentivePools
    function inheritDebts(uint64 member, bool cash) external {
        uint64 into = ledger.survivorOf(member);
        uint256 subject = _subject(MEMBER, member, cash);
        uint256 last = _owing[subject];
        if (into == member || last == 0) revert NothingToInherit(member);
        for (uint256 i = 0; i < MOST_CREDITORS && last != 0; ++i) {
            (uint32 merchant, uint256 units) = (uint32(last >> MERCHANT_AT), uint192(last));
            last = _beforeLast(subject, last);
            emit SetOffInherited(subject, merchant, uint64(units));
            _owe(_subject(MEMBER, into, cash), merchant, units);
        }
        _owing[subject] = last;
    }

    /// @inheritdoc IIncentivePools
    function toSetOff(uint256 subject) external view returns (uint256 units) {
        uint256 it = _owing[subject];
        while (it != 0) {
            units += uint192(it);
            it = _owingMore[_owingKey(subject, uint32(it >> NEXT_AT))];
        }
    }

    /// @dev Whom a subject came to owe before `last`, taken from where the others stand.
    function _beforeLast(uint256 subject, uint256 last) private returns (uint256 before) {
        uint256 key = _owingKey(subject, uint32(last >> NEXT_AT));
        before = _owingMore[key];
        if (before != 0) _owingMore[key] = 0;
    }

    function _owingKey(uint256 subject, uint32 merchant) private pure returns (uint256) {
        return (subject << 32) | merchant;
    }

    /// @dev To a merchant's prepaid points, or payable.
    function _payMerchant(uint32 merchant, bool cash, Aged memory aged) internal {
        if (aged.current + aged.previous == 0) return;
        if (cash) ledger.creditPayable(merchant, uint64(aged.current));
        else ledger.returnPoints(merchant, uint56(aged.current), uint56(aged.previous));
    }

    function _payOut(address to, bool cash, Aged memory aged) internal {
        if (aged.current + aged.previous == 0) return;
        if (cash) _payCash(to, aged.current);
        else ledger.moveCoins(to, uint56(aged.current), uint56(aged.previous));
    }
}
