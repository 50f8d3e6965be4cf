// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILimits} from "./ILimits.sol";

/// @title Points for merchants: ahead, with a bonus for large amounts, and on credit
/// @notice A coin redeems at par, so a discount has to be paid by somebody: the operator's bonus fund adds to what a
/// merchant pays, by steps. On credit the operator's credit fund pays, and the merchant owes it: the receivable. What is
/// not settled when it is due is collected from the merchant's payable and deposit. Money in minor units.
/// @dev Cash held = bonusFund + creditFund. Trust: the operator sets steps, lines and limits; finance takes funds back;
/// a merchant's finance group buys. The ledger sells points at par to anybody, so limits bind what the funds pay for,
/// and what a merchant buys here.
interface IPointSale is ILimits {
    /// @notice A step: who buys for `from` or more gets a bonus of `bps` of what it pays.
    struct Step {
        uint56 from;
        uint16 bps;
    }

    /// @notice A merchant's credit. `owed` of at most `limit`; what is owed since the line was last empty is due at `due`
    /// (0: nothing owed), `term` seconds after it began. `coverBps` of what is owed must lie in the merchant's deposit.
    struct Line {
        uint56 limit;
        uint56 owed;
        uint40 due;
        uint32 term;
        uint16 coverBps;
    }

    /// @notice The steps were set anew.
    event StepsSet(Step[] steps);
    /// @notice A merchant's credit was set.
    event LineSet(uint32 indexed merchant, uint56 limit, uint32 term, uint16 coverBps);
    /// @notice Somebody paid into the bonus fund or, `credit`, the credit fund.
    event FundPaid(bool indexed credit, address indexed payer, uint64 amount);
    /// @notice Finance took money out of a fund.
    event FundTaken(bool indexed credit, address indexed to, uint64 amount);
    /// @notice A merchant bought points for `paid` and a bonus of `bonus`.
    event PointsBoughtAhead(uint32 indexed merchant, address indexed by, uint64 paid, uint64 bonus, bool fromPayable);
    /// @notice A merchant bought points on credit.
    event PointsBoughtOnCredit(uint32 indexed merchant, address indexed by, uint64 amount, uint64 owed, uint40 due);
    /// @notice A merchant's debt was paid, or `collected` from its payable and deposit.
    event CreditSettled(uint32 indexed merchant, address indexed by, uint64 amount, uint64 owed, bool collected);

    /// @notice Steps rise, are at most 8, and give at most 100 %.
    error BadSteps(uint256 place);
    /// @notice A line's term is a day or more, its cover at most 100 %.
    error BadLine(uint32 term, uint16 coverBps);
    /// @notice The fund holds less.
    error FundUsedUp(uint256 held, uint256 amount);
    /// @notice The bonus fund covers less than was asked for at the least.
    error BonusTooSmall(uint256 bonus, uint256 atLeast);
    /// @notice More than the merchant's credit leaves.
    error CreditUsedUp(uint32 merchant, uint256 left, uint256 amount);
    /// @notice What is owed is overdue.
    error Overdue(uint32 merchant, uint40 due);
    /// @notice The merchant's deposit covers less than the line asks for.
    error NotCovered(uint32 merchant, uint256 deposit, uint256 needed);
    /// @notice Nothing is owed, or less than this is.
    error NothingOwed(uint32 merchant, uint256 owed, uint256 amount);
    /// @notice It is not due yet.
    error NotDueYet(uint32 merchant, uint40 due);
    /// @notice The merchant's payable and deposit are empty.
    error NothingToCollect(uint32 merchant, uint256 owed);

    /// @notice Sets the steps of the bonus. Operator only.
    function setSteps(Step[] calldata steps) external;
    /// @notice Sets a merchant's credit; what is owed stays owed. Operator only.
    function setLine(uint32 merchant, uint56 limit, uint32 term, uint16 coverBps) external;
    /// @notice Pays cash into the bonus fund or the credit fund. Open to all: the caller pays.
    function payFund(bool credit, uint64 amount) external;
    /// @notice Takes free cash out of a fund. Finance only.
    function takeFund(bool credit, uint64 amount, address to) external;
    /// @notice Buys points ahead. The merchant's finance group; the caller pays cash, or the merchant's payable does.
    /// The bonus is reduced to what the fund and the merchant's limit cover, and refused below `atLeastBonus`.
    function buyAhead(uint32 merchant, uint64 amount, uint64 atLeastBonus, bool fromPayable)
        external
        returns (uint64 bonus);
    /// @notice Buys points on credit: the credit fund pays. The merchant's finance group.
    function buyOnCredit(uint32 merchant, uint64 amount) external;
    /// @notice Pays what a merchant owes. Open to all: the caller pays.
    function settle(uint32 merchant, uint64 amount) external;
    /// @notice The same from the merchant's payable, by its finance group.
    function settleFromPayable(uint32 merchant, uint64 amount) external;
    /// @notice Collects what is overdue from the merchant's payable, then its deposit (never the guarantee fund, nor what
    /// it owes that), as far as they reach. Open to all: the effect is the same whoever asks.
    function collect(uint32 merchant) external returns (uint64 amount);

    /// @notice The steps.
    function stepsOf() external view returns (Step[] memory);
    /// @notice The bonus on an amount, rounded down, before funds and limits.
    function bonusOnDown(uint64 amount) external view returns (uint64);
    /// @notice A merchant's credit.
    function lineOf(uint32 merchant) external view returns (Line memory);
    /// @notice What pays bonuses.
    function bonusFund() external view returns (uint64);
    /// @notice What pays for points on credit.
    function creditFund() external view returns (uint64);
    /// @notice What all merchants owe.
    function receivables() external view returns (uint64);
}
