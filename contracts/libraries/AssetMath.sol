// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Money in another asset
/// @dev A price is millionths of a minor unit for one whole unit (10^decimals base units) of the asset.
library AssetMath {
    uint256 internal constant PRICE_SCALE = 1e6;
    uint256 internal constant MOST_DECIMALS = 18; // 2^48 * 10^6 * 10^18 < 2^128

    /// @notice Base units that are worth `amount` minor units at least: what a payer gives.
    function assetForUp(uint256 amount, uint256 price, uint256 decimals) internal pure returns (uint128) {
        return uint128(Math.ceilDiv(amount * PRICE_SCALE * 10 ** decimals, price));
    }

    /// @notice Base units that are worth `amount` minor units at most: what a payer gets back.
    function assetForDown(uint256 amount, uint256 price, uint256 decimals) internal pure returns (uint128) {
        return uint128(amount * PRICE_SCALE * 10 ** decimals / price);
    }

    /// @notice `part` of `whole` of an amount. Of parts that add up the shares of all so far, less those before, add up.
    function shareDown(uint256 amount, uint256 part, uint256 whole) internal pure returns (uint128) {
        return uint128(Math.mulDiv(amount, part, whole));
    }
}
