// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title A contract that holds cash for others
/// @notice What it owes is computed from its books, never from its balance, so that the two can be compared:
/// `cash.balanceOf(holder) >= holder.cashOwed()` at every moment (scripts/check_backing.py). More than it owes is there
/// when somebody sent cash to it without a call.
interface ICashHolder {
    /// @notice All cash that this contract owes to anybody, funds that it may pay from included; minor units.
    function cashOwed() external view returns (uint256);
}
