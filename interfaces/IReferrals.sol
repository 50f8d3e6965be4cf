// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILedgerDoors} from "./ILedgerDoors.sol";
import {ILineClaims} from "./ILineClaims.sol";
import {IMemberSigned} from "./IMemberSigned.sol";

/// @title Points back from a friend's spending
/// @notice A member names its referrer once. A merchant sponsors a programme: the referrer gets so many points on what
/// the referred member pays from outside, net of refunds, some days later. Anybody brings the proofs; the sponsor's
/// prepaid points pay, as far as they, the budget and the caps reach; the rest stays claimable.
/// @dev What a merged member (ILedgerDoors.survivorOf) would get or owe, the other does. Net new value only: external lines count, and no others. Coins and stored value may have come from rewards,
/// rebates and referrals themselves, and the chain cannot tell them apart. One level: nobody gets points on what a
/// friend's friend spends. There are no cycles, since a member that referred somebody may no longer get a referrer,
/// in the same scope or over a merchant's and scope 0 (of two merchants' records no programme uses both).
/// A refund after the claim makes a debt of the referrer to the programme, which its next points are set off against.
/// Trust: what a merchant records counts in its own programmes alone; what the member or the operator names counts in
/// all where the merchant recorded none.
interface IReferrals is ILineClaims, IMemberSigned {
    /// @notice `rate` in units for 10,000 minor units; days as in IPendingRewards; caps in units, 0 = none: for all that
    /// one referred member brings, and for what a referrer gets in an epoch. `everywhere`: lines of all merchants count,
    /// and not the sponsor's alone.
    struct Programme {
        uint32 sponsor;
        uint40 rate;
        uint16 fromDay;
        uint16 untilDay;
        uint16 window;
        bool everywhere;
        uint56 budget;
        uint56 perReferred;
        uint56 perReferrer;
    }

    /// @notice Who referred a member, and from which block on its spending counts; `refers` if it referred somebody in this
    /// scope. `refersBeside`, in scope 0: if it did in some merchant's.
    struct Referral {
        uint64 referrer;
        uint64 since;
        bool refers;
        bool refersBeside;
    }

    /// @notice A referrer in a programme: what it got in an epoch, and what it owes since lines were refunded.
    struct Earnings {
        uint16 epoch;
        uint56 units;
        uint56 debt;
    }

    /// @notice What a line gave in a programme, units, and to whom.
    struct Given {
        uint56 units;
        uint64 referrer;
    }

    event ReferrerNamed(uint32 indexed scope, uint64 indexed member, uint64 indexed referrer);
    event ProgrammeSet(uint32 indexed programme, uint32 indexed sponsor, Programme terms);
    event ProgrammeEnded(uint32 indexed programme, uint16 untilDay);
    event ProgrammeBudgetRaised(uint32 indexed programme, uint56 units, uint56 budget);
    /// @notice A line gave its referrer `units`, of which `setOff` paid its debt.
    event ReferralClaimed(
        uint32 indexed programme,
        bytes32 indexed leaf,
        uint64 indexed referrer,
        uint64 member,
        uint56 units,
        uint56 setOff
    );
    /// @notice A line was refunded after it had given points: the referrer owes them.
    event ReferralUnwound(uint32 indexed programme, bytes32 indexed leaf, uint64 indexed referrer, uint56 units);
    /// @notice What a referrer owed a programme is owed by the member that it became.
    event DebtCarried(uint32 indexed programme, uint64 indexed from, uint64 indexed into, uint56 units);

    /// @notice Nobody refers itself.
    error SelfReferral(uint64 member);
    /// @notice A member names its referrer once.
    error AlreadyReferred(uint32 scope, uint64 member, uint64 referrer);
    /// @notice Who referred somebody may no longer name a referrer.
    error ReferrerAlready(uint32 scope, uint64 member);
    /// @notice The member is not registered.
    error NoSuchMember(uint64 member);
    /// @notice The member that paid has no referrer, or got it later.
    error NotReferred(bytes32 leaf, uint64 member);
    /// @notice No such programme.
    error UnknownProgramme(uint32 programme);
    /// @notice A budget is more than 0 and fits 56 bits.
    error BadBudget(uint256 budget);

    /// @notice Names a member's referrer for all programmes. The member's key or its signature of
    /// Refer(uint64 member,uint64 referrer,uint256 nonce,uint256 deadline).
    function nameReferrer(uint64 member, uint64 referrer, uint256 deadline, bytes calldata signature) external;
    /// @notice The same at enrolment by the operator.
    function enrolReferred(uint64 member, uint64 referrer) external;
    /// @notice Records a member's referrer for a merchant's own programmes. The merchant's consume group.
    function recordReferrer(uint32 merchant, uint64 member, uint64 referrer) external;

    /// @notice Opens a programme. The sponsor's offers group.
    function open(Programme calldata terms) external returns (uint32 programme);
    /// @notice Ends a programme on a day, tomorrow at the earliest. The sponsor's offers group.
    function end(uint32 programme, uint16 untilDay) external;
    /// @notice Adds to a budget. The sponsor's offers group.
    function raiseBudget(uint32 programme, uint56 units) external;
    /// @notice Gives referrers what these lines are due, or books what was given too much. Anybody. In a pause it books,
    /// and gives nothing.
    /// @return given Units in all, set off included
    /// @return unwound Units that lines no longer give
    function claim(uint32 programme, ILedgerDoors.ProvenLeaf[] calldata leaves)
        external
        returns (uint256 given, uint256 unwound);

    /// @notice Moves what a referrer owes to the member that it became. Anybody.
    function carryDebt(uint32 programme, uint64 from) external;

    /// @notice A programme; its budget is what is left.
    function programmeOf(uint32 programme) external view returns (Programme memory);
    /// @notice Programmes are numbered 1 to this.
    function programmeCount() external view returns (uint32);
    /// @notice What is known of a member's referrer; scope 0, or a merchant's.
    function referralOf(uint32 scope, uint64 member) external view returns (Referral memory);
    /// @notice What a line gave in a programme.
    function givenFor(uint32 programme, bytes32 leaf) external view returns (Given memory);
    /// @notice What all lines of a referred member gave in a programme, units.
    function broughtBy(uint32 programme, uint64 member) external view returns (uint56);
    /// @notice What a referrer got in a programme in the epoch in which it last got something, and what it owes.
    function earningsOf(uint32 programme, uint64 referrer) external view returns (Earnings memory);
}
