// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Rebates in instalments, on net new value
/// @notice 1,000 paid in, 200 back as 40 a month for five months: a programme says what share of net new value comes
/// back, in how many months, and has a fund that somebody paid for it. A promise is set aside from the fund when it is
/// made, and paid to the member's stored value as its months pass. Money in minor units.
/// Net value of a member is what came in as real money less what went out as money; its high-water mark is what has
/// earned a rebate. Only what passes the mark earns, so recharging what was taken out earns nothing. What was given
/// (rebates, starting values) can be spent but not cashed; it is spent last. Value that leaves beyond what is the
/// member's own was a gift, and is remembered: value may come back (an authorisation that was voided, a refund), and what
/// comes back is a gift again as far as gifts had left.
/// @dev Only what is there when something comes in or is paid out can be compared: own money that is spent and gifts that
/// come back between two such moments are taken for each other. It takes as much fresh money as the gifts it cashes.
/// A promise is one slot and a formula: instalment k is due when k months of the network's calendar have passed
/// since it was made (a month's last day where it is shorter), each `totalDown / months`, the last with the remainder.
/// Trust: StoredValue says what came in and went out; the operator defines programmes and says which one a merchant's recharges follow; finance may take back what of
/// a fund is not promised. A promise can only be paid, or fall back to its fund when the member closes its last card or
/// the recharge is undone.
interface IRebates {
    /// @notice A programme. `fund` is free, `promised` is set aside; recharges below `minAmount` promise nothing.
    struct Programme {
        uint64 fund;
        uint64 promised;
        uint48 minAmount;
        uint16 bps;
        uint8 months;
        bool open;
    }

    /// @notice What a member paid in and took out. `net` may be negative: gifts and refunds are not paid in. `gifts` are in
    /// the value of `seen`, as it was after the last time that something came in here; `left` are gifts that are not in it
    /// any more. `closedAt`: promises made until then are forfeited.
    struct Balance {
        int64 net;
        uint64 highWater;
        uint56 gifts;
        uint16 promises;
        uint40 closedAt;
        uint56 seen;
        uint56 left;
    }

    /// @notice A promise to a member. `released` instalments of `months` were paid; void when `months` is 0.
    struct Promise {
        uint56 total;
        uint40 start;
        uint16 programme;
        uint8 months;
        uint8 released;
    }

    /// @notice A programme was defined.
    event ProgrammeDefined(uint16 indexed programme, uint16 bps, uint8 months, uint48 minAmount);
    /// @notice A programme promises, or promises no more; what was promised stays.
    event ProgrammeOpened(uint16 indexed programme, bool open);
    /// @notice A merchant's recharges follow this programme from now on; merchant 0: all others'. Programme 0: none.
    event ProgrammeChosen(uint32 indexed merchant, uint16 indexed programme);
    /// @notice Somebody paid into a programme's fund.
    event ProgrammeFunded(uint16 indexed programme, address indexed payer, uint64 amount);
    /// @notice Finance took free money out of a programme's fund.
    event FundWithdrawn(uint16 indexed programme, address indexed to, uint64 amount);
    /// @notice A rebate was promised on `base` of net new value; `wanted` is what the terms say, `total` what the fund
    /// covered.
    event RebatePromised(
        uint64 indexed member, uint16 indexed index, uint16 indexed programme, uint64 base, uint64 wanted, uint64 total
    );
    /// @notice Instalments of a promise were paid to the member that has what `member` had.
    event RebateReleased(
        uint64 indexed member, uint16 indexed index, uint64 indexed to, uint8 instalments, uint64 amount
    );
    /// @notice What was left of a promise went back to its fund.
    event RebateForfeited(uint64 indexed member, uint16 indexed index, uint64 amount);

    /// @notice Something was given to a member that may be spent but not cashed.
    event GiftCounted(uint64 indexed member, uint64 amount);
    /// @notice Value that came or left by a correction counts for the net value.
    event NetValueNoted(uint64 indexed member, int64 change);
    /// @notice A member gave up its last card: `amount` may be paid out, `kept` was given and stays.
    event BalanceClosed(uint64 indexed member, uint64 amount, uint64 kept);
    /// @notice What `from` paid in, took out and was promised is that of `into`.
    event BalancesMerged(uint64 indexed from, uint64 indexed into);

    /// @notice A programme gives at most 100 % in 1 to 120 months.
    error BadProgramme(uint16 bps, uint8 months);
    /// @notice No such programme.
    error UnknownProgramme(uint16 programme);
    /// @notice The fund holds less that is free.
    error FundTooSmall(uint256 held, uint256 amount);
    /// @notice Less would be promised than was asked for at the least.
    error RebateTooSmall(uint256 promised, uint256 atLeast);
    /// @notice The member has no such promise, or nothing is left of it.
    error NoPromise(uint64 member, uint16 index);
    /// @notice No instalment is due yet.
    error NotDue(uint64 member, uint16 index);
    /// @notice The member closed its last card after this promise; what is left of it goes back to its fund.
    error PromiseForfeited(uint64 member, uint16 index);
    /// @notice The promise stands.
    error PromiseStands(uint64 member, uint16 index);

    /// @notice Defines a programme; its terms never change. Operator only.
    function defineProgramme(uint16 bps, uint8 months, uint48 minAmount) external returns (uint16 programme);
    /// @notice Lets a programme promise or not. Operator only.
    function openProgramme(uint16 programme, bool open) external;
    /// @notice Says which programme the recharges at a merchant follow. Operator only.
    function chooseProgramme(uint32 merchant, uint16 programme) external;
    /// @notice Pays cash into a programme's fund. Open to all: the caller pays.
    function fundProgramme(uint16 programme, uint64 amount) external;
    /// @notice Takes back what of a fund is not promised. Finance only.
    function withdrawFund(uint16 programme, uint64 amount, address to) external;
    /// @notice Pays all instalments of these promises that are due. Open to all. Every one must have some due.
    function releaseRebates(uint64 member, uint16[] calldata indexes) external returns (uint64 amount);
    /// @notice Gives what is left of a forfeited promise back to its fund. Open to all.
    function sweepPromise(uint64 member, uint16 index) external returns (uint64 amount);

    /// @notice Counts real money that comes in, and promises the rebate on what of it is net new value. StoredValue only.
    /// @return base What of it is net new value
    /// @return promiseMark The promise's index + 1, 0 if none was made
    function takeIn(uint32 merchant, uint64 member, uint64 amount, uint64 atLeast)
        external
        returns (uint48 base, uint16 promiseMark);
    /// @notice Undoes the newest takeIn of a member. StoredValue only.
    function takeBack(uint64 member, uint64 amount, uint48 base, uint16 promiseMark) external;
    /// @notice Counts a gift, before it arrives. StoredValue only.
    function give(uint64 member, uint64 amount) external;
    /// @notice Counts a pay-out of all that may be cashed, before it leaves, and forfeits all promises. StoredValue only.
    function payOut(uint64 member) external returns (uint64 amount);
    /// @notice Counts value that a correction gave (positive) or took, before it moves. StoredValue only.
    function noteNet(uint64 member, int64 change) external;
    /// @notice Adds up what two members paid in, before the ledger merges them. StoredValue only.
    function merge(uint64 from, uint64 into) external;

    /// @notice What a member paid in and took out, in its own number.
    function balanceOf(uint64 member) external view returns (Balance memory);
    /// @notice What of a member's value could be paid out now: not what was given, and never more than came in as real
    /// money and did not go out.
    function payoutOf(uint64 member) external view returns (uint64);
    /// @notice Programmes are numbered 1 to this.
    function programmeCount() external view returns (uint16);
    /// @notice A programme.
    function programmeOf(uint16 programme) external view returns (Programme memory);
    /// @notice The programme that recharges at a merchant follow.
    function programmeFor(uint32 merchant) external view returns (uint16);
    /// @notice A promise; a member's are numbered from 0.
    function promiseOf(uint64 member, uint16 index) external view returns (Promise memory);
    /// @notice Instalments due now and not paid, and their sum; nothing of a forfeited promise.
    function dueOf(uint64 member, uint16 index) external view returns (uint8 instalments, uint64 amount);
    /// @notice The network's day (since 1970) on which instalment `number` (from 1) is due.
    function dueDay(uint64 member, uint16 index, uint8 number) external view returns (uint256);
}
