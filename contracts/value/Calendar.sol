// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Months of the calendar, counted in days since 1970
/// @notice An instalment that starts on the 31st is due on the 28th of February, and on the 31st of March again.
/// @dev Howard Hinnant's civil-date algorithms (http://howardhinnant.github.io/date_algorithms.html), for days from
/// 1970 on: no negative era.
library Calendar {
    uint256 private constant DAYS_TO_1970 = 719_468; // from 0000-03-01
    uint256 private constant DAYS_OF_ERA = 146_097; // 400 years

    /// @notice The date of a day: month 1 to 12, day of the month 1 to 31.
    function dateOf(uint256 day) internal pure returns (uint256 year, uint256 month, uint256 dayOfMonth) {
        day += DAYS_TO_1970;
        uint256 dayOfEra = day % DAYS_OF_ERA;
        uint256 yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365;
        uint256 dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
        uint256 shifted = (5 * dayOfYear + 2) / 153; // 0 is March
        dayOfMonth = dayOfYear - (153 * shifted + 2) / 5 + 1;
        month = shifted < 10 ? shifted + 3 : shifted - 9;
        year = yearOfEra + (day / DAYS_OF_ERA) * 400 + (month <= 2 ? 1 : 0);
    }

    /// @notice The day of a date.
    function dayOf(uint256 year, uint256 month, uint256 dayOfMonth) internal pure returns (uint256) {
        if (month <= 2) --year;
        uint256 yearOfEra = year % 400;
        uint256 dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + dayOfMonth - 1;
        uint256 dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
        return (year / 400) * DAYS_OF_ERA + dayOfEra - DAYS_TO_1970;
    }

    /// @notice The same day of the month so many months later, or the last of that month if it is shorter.
    function monthsLater(uint256 day, uint256 months) internal pure returns (uint256) {
        (uint256 year, uint256 month, uint256 dayOfMonth) = dateOf(day);
        uint256 count = month - 1 + months;
        year += count / 12;
        month = count % 12 + 1;
        uint256 last = lastOf(year, month);
        return dayOf(year, month, dayOfMonth < last ? dayOfMonth : last);
    }

    /// @notice How many months have passed since `from`: the most for which monthsLater is not after `day`.
    function monthsPassed(uint256 from, uint256 day) internal pure returns (uint256 months) {
        if (day <= from) return 0;
        (uint256 year, uint256 month, uint256 dayOfMonth) = dateOf(from);
        (uint256 nowYear, uint256 nowMonth, uint256 nowDay) = dateOf(day);
        months = (nowYear * 12 + nowMonth) - (year * 12 + month);
        uint256 last = lastOf(nowYear, nowMonth);
        if (nowDay < (dayOfMonth < last ? dayOfMonth : last)) --months;
    }

    /// @notice The last day of a month.
    function lastOf(uint256 year, uint256 month) internal pure returns (uint256) {
        if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
        return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
    }
}
