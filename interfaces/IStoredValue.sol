// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IActTarget} from "./IActTarget.sol";
import {ILimits} from "./ILimits.sol";
import {IMemberSigned} from "./IMemberSigned.sol";

/// @title Stored value: recharges, rebates, starting values, pay-outs
/// @notice Money comes onto a member's card from finance, or over a merchant's counter: then the merchant keeps the cash
/// it took and pays the same from its payable, and then its deposit, in the ledger (never from the guarantee fund, nor
/// from what it owes that), within its limit. Money goes back out only when a member gives up its last card, and then only what was not given: rebates
/// and starting values can be spent but not cashed. Money in minor units.
/// @dev An act (kind 2) is `0x02 | op 1 | amount 6 | atLeast 6`, big-endian; op 0 recharges (refused when less than `atLeast`
/// would be promised), op 1 undoes the member's last recharge, whose amount it repeats: a debit. Kind 130 is
/// `0x82 | sequence 8`: a reversal of what the same stream's payment with this sequence recharged. Without lines.
/// Trust: a merchant with a limit pays for what it recharges; what a stolen posting key can recharge is bounded by these
/// limits.
interface IStoredValue is IActTarget, ILimits, IMemberSigned {
    /// @notice A member's last recharge at a merchant's counter, if nothing came after it. `promiseMark`, `storeMark` and
    /// `terminalMark` are numbers + 1, 0 for none; `repaid` went to what the member owed the merchant.
    struct LastRecharge {
        uint32 merchant;
        uint16 day;
        uint48 amount;
        uint48 base;
        uint48 repaid;
        uint16 promiseMark;
        uint24 storeMark;
        uint24 terminalMark;
    }

    /// @notice What the operator may pay out without members' keys: money a day, and what was used on `day`.
    struct CounterLimit {
        uint64 perDay;
        uint64 used;
        uint16 day;
    }

    /// @notice A member's stored value was recharged at a merchant (0: by finance). `repaid` of the amount went to what
    /// the member owed the merchant, `base` of it is net new value.
    event ValueRecharged(
        uint32 indexed merchant, uint64 indexed member, address indexed by, uint64 amount, uint64 repaid, uint64 base
    );
    /// @notice A recharge was undone: `taken` went back to the merchant, the rest the member owes it.
    event RechargeUndone(
        uint32 indexed merchant, uint64 indexed member, uint64 amount, uint64 taken, uint64 owed, uint64 base
    );
    /// @notice A member was let off what it owed a merchant for recharges that were undone.
    event ValueArrearsForgiven(uint32 indexed merchant, uint64 indexed member, uint64 amount);
    /// @notice A card's starting value was paid from the starting fund.
    event StartingValuePaid(uint64 indexed card, uint64 indexed member, uint8 indexed kind, uint64 amount);
    /// @notice Somebody paid into the starting fund.
    event StartingFundPaid(address indexed payer, uint64 amount);
    /// @notice Finance took money out of the starting fund.
    event StartingFundWithdrawn(address indexed to, uint64 amount);
    /// @notice A card was given up, and `amount` paid out: to an address, or to a merchant whose counter hands out the
    /// money. `consent` is the hash of the member's consent on paper, 0 if its key signed. Not the last card: amount 0.
    event CardPaidOut(
        uint64 indexed card, uint64 indexed member, address indexed to, uint32 counter, uint64 amount, bytes32 consent
    );
    /// @notice Finance set what the operator may pay out a day without members' keys.
    event CounterLimitSet(uint64 perDay);

    /// @notice The merchant's payable and deposit together, less what it owes the guarantee fund, hold less.
    error MerchantShort(uint32 merchant, uint256 held, uint256 amount);
    /// @notice The member's last recharge was not at this merchant, was undone, or something came after it.
    error NothingToUndo(uint32 merchant, uint64 member);
    /// @notice The member's last recharge was not made by this payment.
    error UnknownRecharge(uint64 member);
    /// @notice A recharge is undone on its own day of the network or the next.
    error UndoTooLate(uint16 day);
    /// @notice The amount is not that of the recharge.
    error OtherAmount(uint64 amount, uint64 expected);
    /// @notice The card's kind has no starting value, or the member had one of this kind.
    error NoStartingValue(uint64 card);
    /// @notice Money is paid out to an address or to a merchant, not to both and not to none.
    error BadPayout(address to, uint32 counter);
    /// @notice Without the member's key, its consent is hashed.
    error NoConsent();
    /// @notice More than the operator may pay out today without members' keys.
    error CounterLimitUsedUp(uint256 left, uint256 amount);
    /// @notice The member owes a merchant (on merging: one that is not named).
    error OwesValue(uint64 member, uint256 amount);
    /// @notice Only the contract itself may call this.
    error NotSelf(address sender);

    /// @notice Recharges a member; the caller pays cash. Finance only.
    /// @param atLeast Refuse when less rebate than this would be promised
    function recharge(uint64 member, uint64 amount, uint64 atLeast) external;
    /// @notice Recharges a member over a merchant's counter. The merchant's finance or consume group.
    function rechargeAt(uint32 merchant, uint64 member, uint64 amount, uint64 atLeast) external;
    /// @notice Undoes the member's last recharge, if it was at this merchant today or yesterday and nothing came after
    /// it: the rebate promised on it is void, limits are given back. What the member spent of it, and all of it if the
    /// member is locked or frozen, it owes the merchant. The merchant's finance or cancel group.
    function undoRecharge(uint32 merchant, uint64 member, uint64 amount) external;
    /// @notice Lets a member off what it owes a merchant for recharges undone. The merchant's finance group.
    function forgiveValueArrears(uint32 merchant, uint64 member, uint64 amount) external;
    /// @notice The act itself. For the contract itself alone, so that its errors can be told as reasons.
    function applyByLedger(Act calldata act, bytes calldata data) external returns (uint256 debited);
    /// @notice Pays the starting value of an active card, once for a member and kind. Open to all.
    function payStartingValue(uint64 card) external returns (uint64 amount);
    /// @notice Pays cash into the starting fund. Open to all: the caller pays.
    function fundStartingValues(uint64 amount) external;
    /// @notice Takes cash out of the starting fund. Finance only.
    function withdrawStartingFund(uint64 amount, address to) external;
    /// @notice Gives up a card that is good or expired. With the member's last one its stored value is paid out but for
    /// what was given, and all promises are forfeited. The member's key, by itself or by EIP-712
    /// `CloseCard(uint64 card,address to,uint32 counter,uint256 nonce,uint256 deadline)`.
    /// @param counter The merchant whose counter hands out the money, 0 if it goes to an address
    function closeCard(uint64 card, address to, uint32 counter, uint256 deadline, bytes calldata signature) external;
    /// @notice The same by the operator with the hash of the member's consent, to a merchant's counter only, within the
    /// limit a day that finance sets: of one person it takes no more from members than that.
    function closeCardAt(uint64 card, uint32 counter, bytes32 consent) external;
    /// @notice Sets what may be paid out a day by closeCardAt; what was used today still counts for today. Finance only.
    function setCounterLimit(uint64 perDay) external;
    /// @notice Counts value that a correction gave (positive) or took. For the contract that corrects.
    function noteNet(uint64 member, int64 change) external;
    /// @notice Adds up what two members paid in. For the contract that merges members, before the ledger does.
    function merge(uint64 from, uint64 into, uint32[] calldata merchants) external;

    /// @notice A member's last recharge.
    function lastRechargeOf(uint64 member) external view returns (LastRecharge memory);
    /// @notice What a member owes a merchant for recharges that were undone; merchant 0: all merchants.
    function valueArrears(uint32 merchant, uint64 member) external view returns (uint64);
    /// @notice What the operator may still pay out today without members' keys.
    function counterLeft() external view returns (uint256);
    /// @notice What is in the starting fund.
    function startingFund() external view returns (uint64);
    /// @notice Whether a member had the starting value of a kind.
    function hadStartingValue(uint64 member, uint8 kind) external view returns (bool);
}
