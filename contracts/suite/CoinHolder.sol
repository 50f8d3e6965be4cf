// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICoinHolder} from "../../interfaces/ICoinHolder.sol";
import {AgedCoins} from "../libraries/AgedCoins.sol";
import {SuitePart} from "./SuitePart.sol";

/// @title The sum of all coins that a contract holds for others, by age
/// @dev Each position that begins or ends is told to it with its age now; the sum ages as its positions do.
abstract contract CoinHolder is SuitePart, ICoinHolder {
    AgedCoins private _coinsOwed;

    /// @inheritdoc ICoinHolder
    function coinsOwed() external view returns (uint256) {
        return _coinsOwed.rolled(_epoch()).total();
    }

    /// @dev Coins that are held from now on.
    function _oweCoins(AgedCoins memory coins) internal {
        if (coins.total() != 0) _coinsOwed = _coinsOwed.rolled(coins.epoch).plus(coins);
    }

    /// @dev Coins that are somebody's own again, or spent.
    function _clearCoins(AgedCoins memory coins) internal {
        if (coins.total() != 0) _coinsOwed = _coinsOwed.rolled(coins.epoch).minus(coins);
    }
}
