// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {ILedgerDoors} from "./ILedgerDoors.sol";
import {IPaymentProcessor} from "./IPaymentProcessor.sol";

/// @title The ledger: coins, stored value, merchants' accounts
/// @notice One ERC-20 (6 decimals; points and coin are one thing) that every payment posts into. Money is in minor
/// units, coins are in units of 10^-6. A coin redeems at par: `unitsPerMinorUnit` units for one minor unit.
/// @dev Trust: the operator sets streams and pauses; the Registry and RewardRules write what their doors say and
/// nothing else; nobody moves a member's coins or value but by a posted payment or refund, or the holder's own key.
/// Rounding always favours backing. Backing, at every moment:
/// cash held >= storedValue + payable + reserve + deposits, and
/// reserve * unitsPerMinorUnit >= supply + all prepaid points + expired points that nobody claimed yet.
interface IRewardToken is IERC20Metadata, IPaymentProcessor, ILedgerDoors {
    /// @notice What is fixed when the ledger is deployed (docs/batch.md, constants).
    struct Terms {
        uint64 unitsPerMinorUnit;
        uint48 maxLineAmount;
        uint32 epochStart;
        uint32 epochLength;
        int32 utcOffset;
        uint32 clockTolerance;
    }

    /// @notice An account, its epoch rolled to now. `value` in minor units, coins in units by the epoch they came in.
    struct Account {
        uint56 value;
        uint56 current;
        uint56 previous;
        uint48 earnedInWindow;
        uint16 epoch;
        uint8 tier;
        uint16 flags;
    }

    /// @notice A merchant. `prepaid` and `issued` in units, `payable_` and `turnover` in minor units.
    struct Merchant {
        uint64 prepaid;
        uint64 payable_;
        uint48 turnover;
        uint56 issued;
        uint16 epoch;
        uint8 flags;
    }

    /// @notice A rule version. `rate` and `baseRate` in units for 10,000 minor units; `vetoBlock` 0 = not vetoed.
    struct Rule {
        uint40 rate;
        uint40 baseRate;
        uint32 starts;
        uint32 until;
        uint56 budgetLeft;
        uint48 dayCap;
        uint8 flags;
        uint64 vetoBlock;
        uint256 tierTable;
    }

    /// @notice A stream: who posts it, what it may debit and refund a day, and what it did on `day`; minor units.
    /// @dev `refundedToday` counts against `refundLimit`: all but lines that the stream itself posted on the same day.
    struct Stream {
        address poster;
        uint40 dailyLimit;
        uint16 day;
        uint40 debited;
        uint40 refundedToday;
        uint40 refundLimit;
    }

    /// @notice All coins by age, rolled to now; `issued` is what merchants gave in this epoch.
    struct Supply {
        uint64 current;
        uint64 previous;
        uint64 issued;
        uint16 epoch;
        uint8 flags;
    }

    /// @notice What the cash in this contract is for; minor units.
    struct Totals {
        uint64 storedValue;
        uint64 payable_;
        uint64 reserve;
        uint64 deposits;
    }

    /// @notice The stream's poster or limits were set; a zero poster closes it.
    event StreamSet(uint32 indexed stream, address indexed poster, uint40 dailyLimit, uint40 refundLimit);
    /// @notice 256 terminals of a merchant, from number `256 * page`, are active on this stream where their bit is 1.
    event TerminalsSet(uint32 indexed merchant, uint32 indexed stream, uint8 page, uint256 bits);
    /// @notice A merchant's flags were set.
    event MerchantSet(uint32 indexed merchant, uint8 flags);
    /// @notice A member's flags were set (1 registered, 2 locked, 4 frozen, 8 in arrears).
    event MemberFlagsSet(uint64 indexed member, uint16 flags);
    /// @notice A member's tier was set.
    event TierSet(uint64 indexed member, uint8 tier);
    /// @notice A rule version was written; `word` as in docs/batch.md, `tierTable` 16 basis points a tier.
    event RuleSet(uint32 indexed merchant, uint16 indexed version, uint256 word, uint256 tierTable);
    /// @notice A rule version ends with this block.
    event RuleVetoed(uint32 indexed merchant, uint16 indexed version, uint64 vetoBlock);
    /// @notice A rule version's budget grew by `units`.
    event BudgetRaised(uint32 indexed merchant, uint16 indexed version, uint56 units);
    /// @notice A merchant bought points: `amount` minor units.
    event PointsBought(uint32 indexed merchant, address indexed payer, uint64 amount, uint64 units);
    /// @notice Points owed were paid.
    event OwedSettled(uint32 indexed merchant, uint64 indexed member, uint64 points);
    /// @notice Arrears were paid from the member's points.
    event ArrearsCollected(uint32 indexed merchant, uint64 indexed member, uint64 points);
    /// @notice The operator let a member off points that it owed a merchant.
    event ArrearsForgiven(uint32 indexed merchant, uint64 indexed member, uint256 points);
    /// @notice A merchant took its share of the points that were earned in `epoch` and expired; merchant 0 is the
    /// guarantee fund, which takes those of an epoch in which no merchant issued any.
    event ExpiredClaimed(uint32 indexed merchant, uint16 indexed epoch, uint64 points);
    /// @notice A member's stored value was recharged.
    event Recharged(uint64 indexed member, address indexed payer, uint64 amount);
    /// @notice A deposit was paid; merchant 0 is the guarantee fund. `toFund` of it went back to the fund.
    event DepositAdded(uint32 indexed merchant, address indexed payer, uint64 amount, uint64 toFund);
    /// @notice Earning was stopped.
    event Paused(address indexed by);
    /// @notice Earning goes on.
    event Unpaused(address indexed by);

    /// @notice No such member.
    error UnknownMember(uint64 member);
    /// @notice No such merchant.
    error UnknownMerchant(uint32 merchant);
    /// @notice A stream is posted by a key that has the network's role of bridge.
    error NotBridge(address poster);
    /// @notice No such rule version.
    error UnknownRule(uint32 merchant, uint16 version);
    /// @notice A rule version is written once.
    error RuleExists(uint32 merchant, uint16 version);
    /// @notice The word says what a rule cannot say (no flag 1, vetoed from the start, a table without its flag).
    error BadRule(uint256 word);
    /// @notice The rule has no budget, or the sum does not fit.
    error BadBudget(uint32 merchant, uint16 version);
    /// @notice The flags are none of those that may be set.
    error BadFlags(uint256 flags);
    /// @notice Tiers are 0 to 15.
    error BadTier(uint8 tier);
    /// @notice The member was merged into another, and stays frozen for good.
    error MergedAway(uint64 member, uint64 into);
    /// @notice Nothing to do for an amount of 0.
    error ZeroAmount();
    /// @notice More money or points than the words can hold.
    error TooMuch(uint256 amount);
    /// @notice Earning is paused.
    error EarningPaused();
    /// @notice Another ledger has taken over; ask there.
    error Succeeded(address successor);
    /// @notice Nothing is owed, in arrears or left to claim.
    error NothingDue();
    /// @notice Points of this epoch have not expired yet.
    error NotExpired(uint16 epoch);
    /// @notice The account is locked or frozen.
    error AccountLocked(address account);
    /// @notice The terms of the network contradict themselves.
    error BadTerms(Terms terms);
    /// @notice An ERC-3009 authorisation is too early or too late.
    error AuthorizationOutOfTime(uint256 validAfter, uint256 validBefore);
    /// @notice An ERC-3009 authorisation was used or cancelled before.
    error AuthorizationSpent(address authorizer, bytes32 nonce);
    /// @notice An ERC-3009 authorisation is not signed by its giver.
    error BadSignature(address signer, address authorizer);
    /// @notice An ERC-3009 receiver takes for itself only.
    error NotPayee(address sender, address payee);

    /// @notice Sets who posts a stream and what it may debit and refund a day, minor units. Lines that the stream
    /// itself posted are refunded without bound on the same day. The poster has the role of bridge; 0 closes the
    /// stream.
    function setStream(uint32 stream, address poster, uint40 dailyLimit, uint40 refundLimit) external;
    /// @notice Sets 256 terminals of a merchant on a stream: numbers 256 * page to 256 * page + 255, lowest bit first.
    function setTerminals(uint32 merchant, uint32 stream, uint8 page, uint256 bits) external;
    /// @notice Sets a merchant's flags (1 active). A merchant that was set once is known for ever.
    function setMerchant(uint32 merchant, uint8 flags) external;
    /// @notice Registers members; those that are registered stay as they are.
    function enrol(uint64[] calldata members) external;
    /// @notice Locks (2) and freezes (4) a member, or lifts it: exactly these bits are set. Not of a member that was
    /// merged: what comes to its number goes to the other one because it is frozen.
    function setMemberFlags(uint64 member, uint16 flags) external;
    /// @notice Sets the tier of members, 0 to 15.
    function setTier(uint64[] calldata members, uint8 tier) external;
    /// @notice Writes a rule version, once.
    function setRule(uint32 merchant, uint16 version, uint256 word, uint256 tierTable) external;
    /// @notice Ends a rule version with this block; its lines earn the base from the next. No effect the second time.
    function vetoRule(uint32 merchant, uint16 version) external;
    /// @notice Adds to the budget of a rule version that has one.
    function raiseBudget(uint32 merchant, uint16 version, uint56 units) external;
    /// @notice Buys points at par for a merchant; the sender pays `amount` minor units of cash.
    function buyPoints(uint32 merchant, uint64 amount) external;
    /// @notice Pays points that a merchant owes a member, as far as its prepaid reaches.
    function settleOwed(uint32 merchant, uint64 member) external returns (uint256 points);
    /// @notice Takes points that a member owes a merchant, as far as the member's coins reach.
    function collectArrears(uint32 merchant, uint64 member) external returns (uint256 points);
    /// @notice Lets a member off `units` of what it owes a merchant; all of it at most.
    function forgiveArrears(uint32 merchant, uint64 member, uint256 units) external;
    /// @notice Gives a merchant its share of the expired points of an epoch, pro rata of what it issued in it, rounded
    /// down. Merchant 0, the guarantee fund, gets them as a deposit, in whole minor units, if no merchant issued any.
    function claimExpired(uint32 merchant, uint16 epoch) external returns (uint256 points);
    /// @notice Adds to a member's stored value; the sender pays `amount` minor units of cash.
    function recharge(uint64 member, uint64 amount) external;
    /// @notice Adds to a merchant's deposit; merchant 0 is the guarantee fund. The sender pays. What the fund paid for
    /// the merchant before goes back to the fund first.
    function addDeposit(uint32 merchant, uint64 amount) external;
    /// @notice Stops earning; refunds go on.
    function pause() external;
    /// @notice Earning goes on.
    function unpause() external;

    /// @notice The account of any holder.
    function accountOf(address holder) external view returns (Account memory);
    /// @notice The account of a member.
    function account(uint64 member) external view returns (Account memory);
    /// @notice The address that holds a member's coins; it has no key.
    function memberAccount(uint64 member) external pure returns (address);
    /// @notice A merchant's word, rolled to now.
    function merchant(uint32 id) external view returns (Merchant memory);
    /// @notice A rule version.
    function rule(uint32 merchantId, uint16 version) external view returns (Rule memory);
    /// @notice A stream; what it debited counts for `day` only.
    function stream(uint32 id) external view returns (Stream memory);
    /// @notice All coins.
    function supply() external view returns (Supply memory);
    /// @notice All money.
    function totals() external view returns (Totals memory);
    /// @notice The bits that setTerminals set.
    function terminals(uint32 merchantId, uint32 streamId, uint8 page) external view returns (uint256 bits);
    /// @notice Points that a merchant owes a member, units.
    function owed(uint32 merchantId, uint64 member) external view returns (uint256);
    /// @notice Points that a member owes a merchant, units.
    function arrears(uint32 merchantId, uint64 member) external view returns (uint256);
    /// @notice A merchant's deposit, minor units; merchant 0 is the guarantee fund.
    function deposits(uint32 merchantId) external view returns (uint256);
    /// @notice What the guarantee fund paid for a merchant and has not got back, minor units.
    function guaranteed(uint32 merchantId) external view returns (uint256);
    /// @notice The bonus that a member got today by a capped rule, units.
    function usedOfCap(uint32 merchantId, uint16 version, uint64 member) external view returns (uint256);
    /// @notice What all merchants issued in a closed epoch, and what of the coins earned in it expired; units.
    function expiry(uint16 epoch) external view returns (uint256 issued, uint256 expired);
    /// @notice The network's day on which the root of a batch was stored; 0 for an unknown root.
    function rootDay(bytes32 root) external view returns (uint16);
    /// @notice Whether earning is paused.
    function paused() external view returns (bool);

    /// @notice The operator's e-money that backs everything.
    function cash() external view returns (address);
    /// @notice Units that one minor unit of money buys and redeems.
    function unitsPerMinorUnit() external view returns (uint64);
    /// @notice The largest amount of one line, minor units.
    function maxLineAmount() external view returns (uint48);
    /// @notice Start of epoch 0, Unix seconds.
    function epochStart() external view returns (uint32);
    /// @notice Length of an epoch in seconds; 0 = points never expire.
    function epochLength() external view returns (uint32);
    /// @notice Seconds added to UTC for the network's day.
    function utcOffset() external view returns (int32);
    /// @notice How far a terminal's clock may be from the block's, seconds.
    function clockTolerance() external view returns (uint32);
    /// @notice The epoch of this block.
    function currentEpoch() external view returns (uint16);
    /// @notice The network's day of this block.
    function currentDay() external view returns (uint16);
}
