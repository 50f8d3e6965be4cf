// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICoupons} from "../../interfaces/ICoupons.sol";
import {ICouponStatistics} from "../../interfaces/ICouponStatistics.sol";
import {IIncentivePools} from "../../interfaces/IIncentivePools.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {ISuitePart} from "../../interfaces/ISuitePart.sol";
import {Incentives} from "../libraries/Incentives.sol";

/// @title What became of coupons and of their money
/// @dev Reads only; whoever wants other figures deploys another one.
contract CouponStatistics is ICouponStatistics {
    ICoupons private immutable _coupons;
    IIncentivePools private immutable _pools;
    IRewardToken private immutable _ledger;

    constructor(address coupons, address pools) {
        (_coupons, _pools) = (ICoupons(coupons), IIncentivePools(pools));
        _ledger = ISuitePart(pools).ledger();
    }

    /// @inheritdoc ICouponStatistics
    function poolOf(uint64 coupon) external view returns (Pool memory pool) {
        ICoupons.Sharing memory sharing = _coupons.sharingOf(coupon);
        uint96[] memory uses = _coupons.usesOf(coupon);
        pool.cash = sharing.cash;
        for (uint256 i = 0; i < uses.length; ++i) {
            IIncentivePools.Use memory it = _pools.useOf(uses[i]);
            pool.generated += it.units;
            if (!it.funded) {
                pool.owed += it.units;
                continue;
            }
            uint64 left;
            for (uint256 place = sharing.merchants.length; place < sharing.hops; ++place) {
                left += uint64(Incentives.unclaimed(sharing, it, place));
            }
            if (_isLive(it.epoch, sharing.cash)) pool.balance += left;
            else pool.expired += left;
            pool.paid += it.units - left;
        }
    }

    /// @inheritdoc ICouponStatistics
    function claimableOf(uint64 coupon, uint64 member) external view returns (uint64 units) {
        ICoupons.Sharing memory sharing = _coupons.sharingOf(coupon);
        (uint64[] memory trail, uint8 merchants) = _coupons.trailOf(coupon);
        uint96[] memory uses = _coupons.usesOf(coupon);
        for (uint256 place = merchants; place < trail.length; ++place) {
            if (trail[place] != member) continue;
            for (uint256 i = 0; i < uses.length; ++i) {
                IIncentivePools.Use memory it = _pools.useOf(uses[i]);
                if (_isLive(it.epoch, sharing.cash)) units += uint64(Incentives.unclaimed(sharing, it, place));
            }
        }
    }

    /// @inheritdoc ICouponStatistics
    function ofCampaign(uint32 campaign)
        external
        view
        returns (ICoupons.Counts memory counts, IIncentivePools.CampaignMoney memory money)
    {
        (, counts) = _coupons.campaignOf(campaign);
        money = _pools.campaignMoney(campaign);
    }

    /// @inheritdoc ICouponStatistics
    function ofMerchant(uint32 merchant) external view returns (OfMerchant memory it) {
        it.handed = _coupons.handedTo(merchant);
        it.held = _coupons.balanceOf(_coupons.merchantAccount(merchant));
        it.points = _pools.merchantMoney(merchant, false);
        it.cash = _pools.merchantMoney(merchant, true);
    }

    function _isLive(uint16 fundedIn, bool cash) private view returns (bool) {
        (bool current, bool previous) = Incentives.ageOf(fundedIn, cash ? 0 : _ledger.currentEpoch());
        return current || previous;
    }
}
