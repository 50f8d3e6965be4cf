// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Calendar} from "../value/Calendar.sol";

/// @title The calendar as a contract, for tests
contract CalendarUser {
    /// @notice Calendar.monthsLater
    function monthsLater(uint256 day, uint256 months) external pure returns (uint256) {
        return Calendar.monthsLater(day, months);
    }

    /// @notice Calendar.monthsPassed
    function monthsPassed(uint256 from, uint256 day) external pure returns (uint256) {
        return Calendar.monthsPassed(from, day);
    }
}
