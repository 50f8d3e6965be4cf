// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILedgerDoors} from "./ILedgerDoors.sol";

/// @title How many coupons the platform may issue
/// @notice Computed on chain from a period that is closed: shops that sold, what was paid to them through the network
/// (lines in coins and from stored value), at most a bound for each, and members that spent stored value for the first
/// time.
/// @dev What is counted is proved: anybody brings accepted lines with their Merkle proofs, each line counts once, for
/// what was not refunded of it. Lines paid outside of the network do not count, so that posting sales which nobody made
/// brings nothing; members count once for ever, whatever they spend later. What is counted in a period is lines of the
/// period before: they are brought while they could have been refunded since their period ended, so that the same money,
/// spent, refunded and spent again, counts nobody but for what is left of it at the end. So the first two periods have
/// the first cap, and what was sold before this contract was made never counts. Money that a merchant was paid out and that comes back as a recharge is new money here; what this can
/// bring is bounded by `saturation` a merchant and by `minimumSpend` a member, whom the operator enrols.
/// Trust: the admin sets the formula, by which the open period is closed; the operator, who issues, cannot.
/// cap = merchants * perMerchant + floor(turnover / turnoverPerCoupon) + members * perMember.
interface IIssuanceCap {
    /// @notice The formula. `saturation` bounds what counts of one merchant in a period, minor units;
    /// `turnoverPerCoupon` minor units, 0 = turnover does not count. `minimumSpend` minor units: what of a merchant has to
    /// count in a period, and what a member's first line from stored value has to have left, for them to be counted.
    struct Formula {
        uint32 perMerchant;
        uint32 perMember;
        uint64 turnoverPerCoupon;
        uint64 saturation;
        uint64 minimumSpend;
    }

    /// @notice The open period: what was counted in it, and what may be issued in it.
    struct Period {
        uint32 number;
        uint32 startedAt;
        uint64 startBlock;
        uint64 previousStartBlock;
        uint32 merchants;
        uint32 members;
        uint64 turnover;
        uint32 cap;
        uint32 issued;
    }

    /// @notice A line was counted.
    event SaleCounted(
        uint32 indexed period, uint32 indexed merchant, uint64 indexed member, bytes32 leaf, uint64 counted, bool first
    );
    /// @notice A period was closed, and bounds what is issued in the next.
    event PeriodClosed(
        uint32 indexed period, uint32 merchants, uint32 members, uint64 turnover, uint32 issued, uint32 cap
    );
    /// @notice The formula by which the open period will be closed.
    event FormulaSet(Formula formula);

    /// @notice The period has not ended.
    error PeriodOpen(uint32 number, uint256 endsAt);
    /// @notice The line was counted before.
    error AlreadyCounted(bytes32 leaf);
    /// @notice Lines paid outside of the network do not count.
    error NotThroughNetwork(bytes32 leaf, uint8 tender);
    /// @notice The line is older than the period before.
    error TooOld(bytes32 leaf, uint64 blockNumber);
    /// @notice The line is of the open period; it counts in the next.
    error TooYoung(bytes32 leaf, uint64 blockNumber);
    /// @notice All of the line was refunded.
    error Undone(bytes32 leaf);
    /// @notice More coupons than may be issued in this period.
    error CapExceeded(uint256 count, uint256 left);
    /// @notice Only the contract that acts of kind 1 go to.
    error NotCoupons(address sender);
    /// @notice A period is at least an hour.
    error BadLength(uint256 length);
    /// @notice The smallest spend that counts somebody is above 0, and no more than what counts of a merchant.
    error BadFormula(uint64 saturation, uint64 minimumSpend);

    /// @notice Counts accepted lines. Open to all.
    function countSales(ILedgerDoors.ProvenLeaf[] calldata lines) external;
    /// @notice Closes the period when it is over, and opens the next. Open to all.
    function close() external returns (uint32 cap);
    /// @notice Uses up the cap. The coupons' contract only.
    function use(uint32 count) external;
    /// @notice Sets the formula. Admin only.
    function setFormula(Formula calldata formula) external;

    /// @notice What may be issued in this period still.
    function left() external view returns (uint32);
    /// @notice The open period.
    function period() external view returns (Period memory);
    /// @notice The formula.
    function formula() external view returns (Formula memory);
    /// @notice Length of a period, seconds.
    function periodLength() external view returns (uint32);
    /// @notice What counts of a merchant in a period so far.
    function countedOf(uint32 number, uint32 merchant) external view returns (uint64);
    /// @notice Whether a member was counted.
    function isMemberCounted(uint64 member) external view returns (bool);
    /// @notice Whether a line was counted.
    function isCounted(uint32 stream, uint64 sequence, uint8 line) external view returns (bool);
}
