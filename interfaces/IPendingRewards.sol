// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILedgerDoors} from "./ILedgerDoors.sol";
import {ILineClaims} from "./ILineClaims.sol";

/// @title Points that wait until goods can no longer be returned
/// @notice A merchant publishes terms: so many points on each external or stored-value line posted on these days, once
/// a number of days has passed. Then anybody may bring proofs of lines; each gives
/// `floor((amount - refunded) * rate / 10,000)` units, once, from the merchant's prepaid points. What the prepaid or the
/// budget does not reach stays claimable. Lines that were refunded afterwards may be brought again: what they no longer
/// give is clawed back, and is a debt of the member if it is gone. Points of an epoch that has expired are not.
/// @dev Terms of a day never change once the day has come: new terms begin on a later day and end the ones before.
/// Points come on top of what the merchant's rules give at once. In parts or at once, refunds end at the same points.
/// Trust: the merchant's offers group sets terms for its own lines, and its own points pay.
interface IPendingRewards is ILineClaims {
    /// @notice `rate` in units for 10,000 minor units; days are the network's, `untilDay` 0 = no end; a line counts when
    /// `window` whole days have passed after its own; `budget` in units is what is left.
    struct Terms {
        uint40 rate;
        uint16 fromDay;
        uint16 untilDay;
        uint16 window;
        uint56 budget;
    }

    /// @notice What a line gave so far, and when it gave last.
    struct Given {
        uint56 units;
        uint16 epoch;
    }

    event PendingSet(uint32 indexed merchant, uint16 indexed version, Terms terms);
    event PendingEnded(uint32 indexed merchant, uint16 indexed version, uint16 untilDay);
    event PendingBudgetRaised(uint32 indexed merchant, uint16 indexed version, uint56 units, uint56 budget);
    /// @notice A line gave `units`; `left` of what it is due wait for points or budget.
    event PendingClaimed(
        bytes32 indexed leaf, uint32 indexed merchant, uint64 indexed member, uint56 units, uint56 left
    );
    /// @notice A line was refunded after it had given points.
    event PendingUnwound(
        bytes32 indexed leaf, uint32 indexed merchant, uint64 indexed member, uint56 units, uint64 clawedBack
    );

    /// @notice No such terms.
    error UnknownTerms(uint32 merchant, uint16 version);
    /// @notice A budget is more than 0 and fits 56 bits.
    error BadBudget(uint256 budget);
    /// @notice A merchant sets terms 65,535 times at most.
    error TooManyTerms(uint32 merchant);

    /// @notice Sets terms from a day on; those before end on that day. The merchant's offers group.
    function set(uint32 merchant, Terms calldata terms) external returns (uint16 version);
    /// @notice Ends the newest terms on a day, tomorrow at the earliest. The merchant's offers group.
    function end(uint32 merchant, uint16 untilDay) external;
    /// @notice Adds to a budget. The merchant's offers group.
    function raiseBudget(uint32 merchant, uint16 version, uint56 units) external;
    /// @notice Gives or takes back what these lines of one merchant are due by its terms of their day. Anybody. In a
    /// pause it takes back, and gives nothing.
    /// @return given Units in all
    /// @return unwound Units that lines no longer give
    function claim(uint32 merchant, uint16 version, ILedgerDoors.ProvenLeaf[] calldata leaves)
        external
        returns (uint256 given, uint256 unwound);

    /// @notice A version's terms.
    function termsOf(uint32 merchant, uint16 version) external view returns (Terms memory);
    /// @notice Versions are numbered 1 to this.
    function versionCount(uint32 merchant) external view returns (uint16);
    /// @notice What a line gave.
    function givenFor(bytes32 leaf) external view returns (Given memory);
}
