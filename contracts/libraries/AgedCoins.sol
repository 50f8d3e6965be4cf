// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRewardToken} from "../../interfaces/IRewardToken.sol";

/// @dev Coins that a contract holds for somebody, by age: they expire there as they would have with their owner.
/// One storage slot.
struct AgedCoins {
    uint56 current;
    uint56 previous;
    uint16 epoch;
}

using AgedCoinsLib for AgedCoins global;

/// @title Coins held by a contract keep their age
/// @dev The contract's own account in the ledger holds the sum of all its positions, by age, as long as each move in
/// and out is made with these buckets (takeCoins, moveCoins, redeem, returnPoints).
library AgedCoinsLib {
    /// @notice The position in this epoch; what expired is gone from it, as from the contract's account.
    function rolled(AgedCoins memory coins, uint16 epoch) internal pure returns (AgedCoins memory) {
        if (coins.epoch == epoch) return coins;
        uint56 previous = coins.epoch + 1 == epoch ? coins.current : 0;
        return AgedCoins(0, previous, epoch);
    }

    /// @notice All units of a position, rolled before.
    function total(AgedCoins memory coins) internal pure returns (uint256) {
        return uint256(coins.current) + coins.previous;
    }

    /// @notice Adds a position of the same epoch.
    function plus(AgedCoins memory coins, AgedCoins memory other) internal pure returns (AgedCoins memory) {
        return AgedCoins(coins.current + other.current, coins.previous + other.previous, coins.epoch);
    }

    /// @notice Takes off a position of the same epoch that is a part of this one.
    function minus(AgedCoins memory coins, AgedCoins memory other) internal pure returns (AgedCoins memory) {
        return AgedCoins(coins.current - other.current, coins.previous - other.previous, coins.epoch);
    }

    /// @notice Takes units, those that expire first; the caller has checked the total.
    /// @return left What stays
    /// @return taken What was taken, by age
    function split(AgedCoins memory coins, uint256 units)
        internal
        pure
        returns (AgedCoins memory left, AgedCoins memory taken)
    {
        uint56 previous = units < coins.previous ? uint56(units) : coins.previous;
        uint56 current = uint56(units - previous);
        taken = AgedCoins(current, previous, coins.epoch);
        left = AgedCoins(coins.current - current, coins.previous - previous, coins.epoch);
    }

    /// @notice Pulls coins of an account that approved this contract (ERC-20), and tells their age.
    function pull(IRewardToken ledger, address from, uint256 units) internal returns (AgedCoins memory) {
        IRewardToken.Account memory before = ledger.accountOf(address(this));
        // the ledger's own coin: it reverts or moves
        // slither-disable-next-line unchecked-transfer,arbitrary-send-erc20
        ledger.transferFrom(from, address(this), units);
        IRewardToken.Account memory then = ledger.accountOf(address(this));
        return AgedCoins(then.current - before.current, then.previous - before.previous, then.epoch);
    }
}
