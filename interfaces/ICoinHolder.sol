// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title A contract that holds coins for others
/// @notice `ledger.balanceOf(holder) >= holder.coinsOwed()` at every moment. Coins age and expire with their holder as
/// with anybody: what has expired is neither held nor owed any more.
interface ICoinHolder {
    /// @notice All coins that this contract owes to anybody in this epoch; units.
    function coinsOwed() external view returns (uint256);
}
