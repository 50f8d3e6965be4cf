// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title What follows from proven lines of payments
/// @notice Points that are given later than at the till: some days after a line was posted, for what was not refunded.
interface ILineClaims {
    /// @notice This line gives nothing here: another merchant's, another tender, or not of the days.
    error LineDoesNotCount(bytes32 leaf);
    /// @notice The line was posted on `day` and counts from day `from` on.
    error TooEarly(bytes32 leaf, uint16 day, uint256 from);
    /// @notice None of the lines gives anything now.
    error NothingToGive();
    /// @notice Days: the first lies before the last, and not in the past; a window has 365 at most.
    error BadDays(uint16 from, uint16 until, uint16 window);
    /// @notice Points for 10,000 minor units: more than 0.
    error BadRate(uint40 rate);
}
