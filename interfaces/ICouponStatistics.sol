// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICoupons} from "./ICoupons.sol";
import {IIncentivePools} from "./IIncentivePools.sol";

/// @title What became of coupons and of their money
/// @notice Views by coupon, campaign and merchant, computed from what Coupons and IncentivePools keep. Money in units of
/// coin, or in minor units where `cash`.
interface ICouponStatistics {
    /// @notice The pool of a coupon: `paid` has left it for its owners. generated = owed + paid + balance + expired.
    struct Pool {
        bool cash;
        uint64 generated;
        uint64 owed;
        uint64 paid;
        uint64 balance;
        uint64 expired;
    }

    /// @notice A merchant: coupons that it got from the platform and that it holds now, write-offs and money by kind.
    struct OfMerchant {
        uint256 handed;
        uint256 held;
        IIncentivePools.MerchantMoney points;
        IIncentivePools.MerchantMoney cash;
    }

    /// @notice The pool of a coupon now.
    function poolOf(uint64 coupon) external view returns (Pool memory);
    /// @notice What a member can claim of a coupon now, before set-off.
    function claimableOf(uint64 coupon, uint64 member) external view returns (uint64 units);
    /// @notice Counts and money of a campaign.
    function ofCampaign(uint32 campaign)
        external
        view
        returns (ICoupons.Counts memory counts, IIncentivePools.CampaignMoney memory money);
    /// @notice Counts and money of a merchant.
    function ofMerchant(uint32 merchant) external view returns (OfMerchant memory);
}
