// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICoupons} from "../../interfaces/ICoupons.sol";
import {CouponCirculation} from "./CouponCirculation.sol";

/// @title What is on record of a coupon: its campaign and lot, its trail, its uses, and who shares its incentive
abstract contract CouponRecords is CouponCirculation {
    constructor(address issuanceCap_, address consents_) CouponCirculation(issuanceCap_, consents_) {}

    /// @inheritdoc ICoupons
    function campaignOf(uint32 campaign) external view returns (Terms memory terms, Counts memory counts) {
        if (campaign == 0 || campaign > campaignCount) revert UnknownCampaign(campaign);
        return (_terms[campaign], _counts[campaign]);
    }

    /// @inheritdoc ICoupons
    function lotOf(uint32 campaign, uint16 lot) external view returns (uint32 merchant, uint32 count, uint32 loose) {
        Lot memory it = _lots[_lotKey(campaign, lot)];
        if (it.count == 0) revert UnknownLot(campaign, lot);
        return (it.merchant, it.count, it.loose);
    }

    /// @inheritdoc ICoupons
    function couponOf(uint64 coupon) external view returns (Coupon memory) {
        Word memory word = _read(coupon);
        return Coupon({
            campaign: uint32(coupon >> 32),
            lot: uint16(coupon >> 16),
            firstMerchant: word.firstMerchant,
            holder: word.holder,
            hops: word.hops,
            merchants: word.merchants,
            uses: word.uses,
            live: word.live,
            consented: word.flags & CONSENTED != 0,
            used: word.flags & USED != 0
        });
    }

    /// @inheritdoc ICoupons
    function trailOf(uint64 coupon) external view returns (uint64[] memory trail, uint8 merchants) {
        Word memory word = _read(coupon);
        trail = new uint64[](word.hops);
        for (uint256 i = 0; i < trail.length; ++i) {
            trail[i] = _at(coupon, word, i);
        }
        merchants = word.merchants;
    }

    /// @inheritdoc ICoupons
    function usesOf(uint64 coupon) external view returns (uint96[] memory uses) {
        Word memory word = _read(coupon);
        uses = new uint96[](word.uses);
        for (uint256 i = 0; i < uses.length; ++i) {
            uses[i] = i + 1 == uses.length ? word.lastUse : _earlierUses[_numbered(coupon, i)];
        }
    }

    /// @inheritdoc ICoupons
    function sharingOf(uint64 coupon) external view returns (Sharing memory) {
        return _sharing(coupon, _read(coupon), _termsOf(coupon));
    }

    /// @inheritdoc ICoupons
    function merchantAccount(uint32 merchant) external pure returns (address) {
        return _merchantAccount(merchant);
    }

    /// @inheritdoc ICoupons
    function platformAccount() external pure returns (address) {
        return PLATFORM;
    }

    // --- inside ---------------------------------------------------------------------------------------------------

    function _sharing(uint64 coupon, Word memory word, Terms memory it) internal view returns (Sharing memory sharing) {
        sharing.campaign = uint32(coupon >> 32);
        sharing.cash = it.cash;
        sharing.share = it.share;
        sharing.incentive = it.incentive;
        sharing.firstBps = it.firstBps;
        sharing.distributorsBps = it.distributorsBps;
        sharing.memberBps = it.memberBps;
        // a role that nobody has is the platform's
        sharing.dataOwnerBps = word.flags & CONSENTED != 0 ? it.dataOwnerBps : 0;
        sharing.dataUserBps = it.dataUserBps;
        sharing.dataUser = it.dataUser;
        sharing.hops = word.hops;
        sharing.merchants = new uint32[](word.merchants);
        for (uint256 i = 0; i < word.merchants; ++i) {
            sharing.merchants[i] = uint32(_at(coupon, word, i));
        }
    }

    function _numbered(uint64 coupon, uint256 number) internal pure returns (uint256) {
        return (uint256(coupon) << 8) | number;
    }
}
