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
    uint8 internal constant KIND = 1; // acts of coupons
    uint8 internal constant PLATFORM = 0;
    uint8 internal constant MERCHANT = 1;
    uint8 internal constant MEMBER = 2;

    /// @dev A merchant's money here, and the platform's from coupons whose first merchant it is; by age. One slot. Cash
    /// does not age: it lies under `current`, in epoch 0.
    struct Credits {
        uint56 current;
        uint56 previous;
        uint56 platformCurrent;
        uint56 platformPrevious;
        uint16 epoch;
    }

    struct Owing {
        uint32 merchant;
        uint64 units;
    }

    /// @dev Coins by age, or cash as `current`.
    struct Aged {
        uint256 current;
        uint256 previous;
    }

    mapping(uint96 use => Use) internal _uses;
    mapping(uint256 cashAndMerchant => Credits) internal _credits;
    mapping(uint256 subject => Owing[]) internal _owing;
    mapping(uint32 campaign => CampaignMoney) internal _campaigns;
    mapping(uint256 cashAndMerchant => MerchantMoney) internal _merchants;

    modifier onlyCoupons() {
        if (msg.sender != address(_coupons())) revert NotCoupons(msg.sender);
        _;
    }

    function _coupons() internal view returns (ICoupons) {
        return ICoupons(ledger.actTarget(KIND));
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

    /// @dev A merchant's credits in this epoch.
    function _creditsOf(uint256 key, uint16 epoch) internal view returns (Credits memory it) {
        it = _credits[key];
        if (it.epoch == epoch) return it;
        bool next = it.epoch + 1 == epoch;
        it.previous = next ? it.current : 0;
        it.platformPrevious = next ? it.platformCurrent : 0;
        (it.current, it.platformCurrent, it.epoch) = (0, 0, epoch);
    }

    function _save(uint256 key, Credits memory credits) internal {
        _credits[key] = credits;
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
        uint16 epoch = _epochOf(sharing.cash);
        platform = units - parts.lazy;
        for (uint256 i = 1; i < sharing.merchants.length; ++i) {
            platform -= _credit(use, sharing, coupon, sharing.merchants[i], writer, parts.distributor, epoch);
        }
        if (sharing.dataUser != 0) {
            platform -= _credit(use, sharing, coupon, sharing.dataUser, writer, parts.dataUser, epoch);
        }
        uint32 merchant = sharing.merchants[0];
        uint256 first = merchant == writer ? 0 : parts.first;
        platform -= first;
        uint256 key = _merchantKey(merchant, sharing.cash);
        Credits memory credits = _creditsOf(key, epoch);
        credits.current += uint56(first);
        credits.platformCurrent += uint56(platform);
        _save(key, credits);
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
        uint256 units,
        uint16 epoch
    ) private returns (uint256) {
        if (merchant == writer || units == 0) return 0;
        uint256 key = _merchantKey(merchant, sharing.cash);
        Credits memory credits = _creditsOf(key, epoch);
        credits.current += uint56(units);
        _save(key, credits);
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
        Credits memory all = _creditsOf(_allKey(cash), _epochOf(cash));
        all.current += uint56(units);
        _save(_allKey(cash), all);
    }

    /// @dev Taken out of credits and of members' parts, to be paid.
    function _clear(bool cash, Aged memory aged) internal {
        if (aged.current + aged.previous == 0) return;
        Credits memory all = _creditsOf(_allKey(cash), _epochOf(cash));
        all.current -= uint56(aged.current);
        all.previous -= uint56(aged.previous);
        _save(_allKey(cash), all);
    }

    function _owed(bool cash) private view returns (uint256) {
        Credits memory all = _creditsOf(_allKey(cash), _epochOf(cash));
        return uint256(all.current) + all.previous;
    }

    /// @dev Where the sum of all credits and of members' parts stands, beside the merchants'.
    function _allKey(bool cash) private pure returns (uint256) {
        return (1 << 33) | _merchantKey(0, cash);
    }

    // --- paying ---------------------------------------------------------------------------------------------------

    /// @dev What a subject owes comes out of `aged` first, oldest coins first, and goes to whom it is owed.
    function _setOff(uint256 subject, bool cash, Aged memory aged) internal {
        Owing[] storage owing = _owing[subject];
        while (owing.length != 0 && aged.current + aged.previous != 0) {
            Owing storage last = owing[owing.length - 1];
            (uint32 merchant, uint256 owed) = (last.merchant, last.units);
            uint256 all = aged.current + aged.previous;
            uint256 units = owed < all ? owed : all;
            if (units == owed) owing.pop();
            else last.units = uint64(owed - units);
            uint256 previous = units < aged.previous ? units : aged.previous;
            aged.previous -= previous;
            aged.current -= units - previous;
            emit SetOffPaid(subject, merchant, uint64(units));
            _payMerchant(merchant, cash, Aged(units - previous, previous));
        }
    }

    /// @dev Remembers that a subject owes a merchant incentive that was undone.
    function _owe(uint256 subject, uint32 merchant, uint256 units) internal {
        if (units == 0) return;
        emit SetOffRecorded(subject, merchant, uint64(units));
        Owing[] storage owing = _owing[subject];
        for (uint256 i = 0; i < owing.length; ++i) {
            if (owing[i].merchant == merchant) {
                owing[i].units += uint64(units);
                return;
            }
        }
        owing.push(Owing(merchant, uint64(units)));
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
