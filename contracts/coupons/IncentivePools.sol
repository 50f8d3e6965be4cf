// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ICoupons} from "../../interfaces/ICoupons.sol";
import {IIncentivePools} from "../../interfaces/IIncentivePools.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {Incentives} from "../libraries/Incentives.sol";
import {SuitePart} from "../suite/SuitePart.sol";
import {PoolUndoing} from "./PoolUndoing.sol";

/// @title The money that coupons bring in
contract IncentivePools is PoolUndoing {
    /// @inheritdoc IIncentivePools
    address public treasury;

    constructor(address authority_, address ledger_, address registry_, address treasury_)
        SuitePart(authority_, ledger_, registry_)
    {
        treasury = treasury_;
        emit TreasurySet(treasury_);
    }

    /// @inheritdoc IIncentivePools
    function setTreasury(address treasury_) external restricted {
        treasury = treasury_;
        emit TreasurySet(treasury_);
    }

    // --- in -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IIncentivePools
    function generate(uint96 use, ICoupons.Sharing calldata sharing, Sale calldata sale) external onlyCoupons {
        (uint256 held, bool active) = _heldBy(sale.merchant, sharing.cash);
        if (!active) revert MerchantClosed(sale.merchant);
        // a stream whose number is one of those that write-offs without a batch go by
        if (_uses[use].merchant != 0) revert UseTaken(use);
        bool funded = sale.units <= held;
        Use memory it = Use({
            coupon: sale.coupon,
            merchant: sale.merchant,
            basis: sale.amount,
            units: sale.units,
            epoch: _epochOf(sharing.cash),
            day: ledger.currentDay(),
            claimed: 0,
            funded: funded,
            alone: sale.alone,
            givenBack: false
        });
        _saveUse(use, it);
        MerchantMoney storage money = _merchants[_merchantKey(sale.merchant, sharing.cash)];
        money.generated += sale.units;
        ++money.writeOffs;
        ++_campaigns[sharing.campaign].writeOffs;
        uint256 platform;
        if (funded) {
            platform = _share(use, sharing, sale.coupon, sale.merchant, sale.units);
        } else {
            money.owed += sale.units;
            _campaigns[sharing.campaign].owed += sale.units;
        }
        emit IncentiveGenerated(sale.coupon, sale.merchant, use, sale.units, funded, uint64(platform));
        if (funded) _take(sale.merchant, sharing.cash, sale.units);
    }

    /// @inheritdoc IIncentivePools
    function settle(uint96 use) external {
        Use memory it = _known(use);
        if (it.funded || it.units == 0) revert NotOwed(use);
        ICoupons.Sharing memory sharing = _sharingOf(it.coupon);
        (uint256 held,) = _heldBy(it.merchant, sharing.cash);
        if (held < it.units) revert StillUnfunded(it.merchant, held, it.units);
        it.funded = true;
        it.epoch = _epochOf(sharing.cash);
        _saveUse(use, it);
        _merchants[_merchantKey(it.merchant, sharing.cash)].owed -= it.units;
        _campaigns[sharing.campaign].owed -= it.units;
        uint256 platform = _share(use, sharing, it.coupon, it.merchant, it.units);
        emit IncentiveSettled(it.coupon, it.merchant, use, it.units, uint64(platform));
        _take(it.merchant, sharing.cash, it.units);
    }

    // --- out ------------------------------------------------------------------------------------------------------

    /// @inheritdoc IIncentivePools
    function claim(uint64 member, uint64[] calldata coupons) external returns (uint64 coins, uint64 money) {
        Aged[2] memory found; // points and cash
        for (uint256 i = 0; i < coupons.length; ++i) {
            _claimOf(coupons[i], member, found);
        }
        if (found[0].current + found[0].previous + found[1].current == 0) revert NothingToClaim();
        uint64 survivor = ledger.survivorOf(member);
        for (uint256 i = 0; i < 2; ++i) {
            bool cash = i == 1;
            _clear(cash, found[i]);
            _setOff(_subject(MEMBER, member, cash), cash, found[i]);
            if (survivor != member) _setOff(_subject(MEMBER, survivor, cash), cash, found[i]);
        }
        coins = uint64(found[0].current + found[0].previous);
        money = uint64(found[1].current);
        _payOut(ledger.memberAccount(member), false, found[0]);
        if (money != 0) ledger.creditValue(member, money);
    }

    /// @inheritdoc IIncentivePools
    function claimMerchant(uint32 merchant, bool cash) external returns (uint64 units) {
        uint256 key = _merchantKey(merchant, cash);
        uint256 word = _creditsOf(key, cash);
        Aged memory aged = _agedAt(word, OWN);
        if (aged.current + aged.previous == 0) revert NothingToClaim();
        _credits[key] = _without(word, OWN);
        _clear(cash, aged);
        _setOff(_subject(MERCHANT, merchant, cash), cash, aged);
        units = uint64(aged.current + aged.previous);
        _merchants[key].paid += units;
        emit CreditClaimed(merchant, cash, units);
        _payMerchant(merchant, cash, aged);
    }

    /// @inheritdoc IIncentivePools
    function claimPlatform(uint32[] calldata firstMerchants, bool cash) external returns (uint64 units) {
        if (treasury == address(0)) revert NoTreasury();
        Aged memory sum;
        for (uint256 i = 0; i < firstMerchants.length; ++i) {
            uint256 key = _merchantKey(firstMerchants[i], cash);
            uint256 word = _creditsOf(key, cash);
            Aged memory its = _agedAt(word, PLATFORMS);
            uint256 found = its.current + its.previous;
            if (found == 0) continue;
            sum.current += its.current;
            sum.previous += its.previous;
            _credits[key] = _without(word, PLATFORMS);
            emit PlatformClaimed(firstMerchants[i], treasury, cash, uint64(found));
        }
        if (sum.current + sum.previous == 0) revert NothingToClaim();
        _clear(cash, sum);
        _setOff(_subject(PLATFORM, 0, cash), cash, sum);
        units = uint64(sum.current + sum.previous);
        _payOut(treasury, cash, sum);
    }

    // --- views ----------------------------------------------------------------------------------------------------

    /// @inheritdoc IIncentivePools
    function useOf(uint96 use) external view returns (Use memory) {
        return _uses[use];
    }

    /// @inheritdoc IIncentivePools
    function creditOf(uint32 merchant, bool cash) external view returns (uint64 units, uint64 platform) {
        uint256 word = _creditsOf(_merchantKey(merchant, cash), cash);
        (Aged memory own, Aged memory its) = (_agedAt(word, OWN), _agedAt(word, PLATFORMS));
        return (uint64(own.current + own.previous), uint64(its.current + its.previous));
    }

    /// @inheritdoc IIncentivePools
    function campaignMoney(uint32 campaign) external view returns (CampaignMoney memory) {
        return _campaigns[campaign];
    }

    /// @inheritdoc IIncentivePools
    function merchantMoney(uint32 merchant, bool cash) external view returns (MerchantMoney memory) {
        return _merchants[_merchantKey(merchant, cash)];
    }

    /// @inheritdoc IIncentivePools
    function subjectOf(uint8 kind, uint64 id, bool cash) external pure returns (uint256) {
        return _subject(kind, id, cash);
    }

    // --- inside ---------------------------------------------------------------------------------------------------

    /// @dev Adds a member's parts of a coupon's uses to what it gets.
    function _claimOf(uint64 coupon, uint64 member, Aged[2] memory all) private {
        ICoupons source = _coupons();
        ICoupons.Sharing memory sharing = _sharingOf(coupon);
        uint256 place = _placeOf(source, coupon, member);
        Aged memory found = _claimUses(source.usesOf(coupon), sharing, place, _epochOf(sharing.cash));
        uint256 units = found.current + found.previous;
        if (units == 0) return;
        _campaigns[sharing.campaign].paid += uint56(units);
        emit IncentiveClaimed(coupon, member, sharing.cash, uint64(units));
        Aged memory sum = all[sharing.cash ? 1 : 0];
        sum.current += found.current;
        sum.previous += found.previous;
    }

    /// @dev Marks a member's parts of these uses as claimed, and sums up those that did not expire.
    function _claimUses(uint96[] memory uses, ICoupons.Sharing memory sharing, uint256 place, uint16 epoch)
        private
        returns (Aged memory sum)
    {
        for (uint256 i = 0; i < uses.length; ++i) {
            Use memory it = _uses[uses[i]];
            uint256 units = Incentives.unclaimed(sharing, it, place);
            (bool current, bool previous) = Incentives.ageOf(it.epoch, epoch);
            if (units == 0 || !(current || previous)) continue;
            _uses[uses[i]].claimed = it.claimed | uint16(1 << place);
            if (current) sum.current += units;
            else sum.previous += units;
        }
    }

    function _placeOf(ICoupons source, uint64 coupon, uint64 member) private view returns (uint256) {
        (uint64[] memory trail, uint8 merchants) = source.trailOf(coupon);
        for (uint256 place = merchants; place < trail.length; ++place) {
            if (trail[place] == member) return place;
        }
        revert NotInTrail(coupon, member);
    }

    /// @dev What a merchant can pay incentive from. Of a payable only what it does not owe the guarantee fund: that is
    /// repaid before anything leaves, and a write-off is never declined for it.
    function _heldBy(uint32 merchant, bool cash) private view returns (uint256 held, bool active) {
        IRewardToken.Merchant memory it = ledger.merchant(merchant);
        held = cash ? Math.saturatingSub(it.payable_, ledger.guaranteed(merchant)) : it.prepaid;
        return (held, it.flags & ACTIVE != 0);
    }

    /// @dev The merchant has it and may pay it: _heldBy was asked.
    function _take(uint32 merchant, bool cash, uint64 units) private {
        if (units == 0) return;
        if (cash) ledger.takePayable(merchant, units, address(this));
        else ledger.issue(merchant, address(this), units);
    }
}
