// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICoupons} from "../../interfaces/ICoupons.sol";
import {IIncentivePools} from "../../interfaces/IIncentivePools.sol";

/// @title How much incentive a write-off generates, and whose it is
/// @dev Each part is rounded down on its own; the platform's is what is left.
library Incentives {
    uint256 private constant BASIS_POINTS = 10_000;

    /// @notice Parts of a use's incentive; `distributor` is that of each one, `lazy` what is the members' together.
    struct Parts {
        uint256 first;
        uint256 distributor;
        uint256 holder;
        uint256 dataOwner;
        uint256 dataUser;
        uint256 lazy;
    }

    /// @notice What a sale of `amount` minor units generates, units of the campaign's money (`par` units of coin for a
    /// minor unit, or minor units themselves). Nothing is left of a sum when nothing is left of the sale.
    function unitsDown(ICoupons.Sharing memory sharing, uint256 amount, uint256 par) internal pure returns (uint256) {
        uint256 unit = sharing.cash ? 1 : par;
        uint256 units = sharing.share
            ? amount * sharing.incentive * unit / BASIS_POINTS
            : (amount == 0 ? 0 : sharing.incentive * unit);
        return units < type(uint48).max ? units : type(uint48).max;
    }

    /// @notice The parts of `units`.
    function partsDown(ICoupons.Sharing memory sharing, uint256 units) internal pure returns (Parts memory parts) {
        uint256 distributors = sharing.hops - 2; // between the first merchant and the member that used it
        uint256 merchants = sharing.merchants.length - 1;
        parts.first = units * sharing.firstBps / BASIS_POINTS;
        parts.holder = units * sharing.memberBps / BASIS_POINTS;
        parts.dataOwner = units * sharing.dataOwnerBps / BASIS_POINTS;
        parts.dataUser = units * sharing.dataUserBps / BASIS_POINTS;
        if (distributors != 0) parts.distributor = units * sharing.distributorsBps / (BASIS_POINTS * distributors);
        parts.lazy = parts.holder + parts.dataOwner + parts.distributor * (distributors - merchants);
    }

    /// @notice The part of the member at a place of the trail: as holder, distributor and data owner.
    function memberPart(ICoupons.Sharing memory sharing, Parts memory parts, uint256 place)
        internal
        pure
        returns (uint256)
    {
        uint256 part = place + 1 == sharing.hops ? parts.holder : parts.distributor;
        // the data owner is the first member
        return place == sharing.merchants.length ? part + parts.dataOwner : part;
    }

    /// @notice Units that a member at a place of the trail did not claim of a use, whether expired or not.
    function unclaimed(ICoupons.Sharing memory sharing, IIncentivePools.Use memory use, uint256 place)
        internal
        pure
        returns (uint256)
    {
        if (!use.funded || use.claimed & (1 << place) != 0) return 0;
        return memberPart(sharing, partsDown(sharing, use.units), place);
    }

    /// @notice Whether money funded in an epoch is of the current or the previous bucket in another, or expired.
    function ageOf(uint16 fundedIn, uint16 epoch) internal pure returns (bool current, bool previous) {
        return (fundedIn == epoch, fundedIn + 1 == epoch);
    }
}
