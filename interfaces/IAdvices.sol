// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IActTarget} from "./IActTarget.sol";

/// @title Sales that took place offline and overdraw
/// @notice An advice tells of a sale that cannot be declined any more: the goods are gone. The ledger takes a payment whole
/// or not at all; an advice that it skipped for want of value or coins comes here. The member pays what it has of each
/// tender, the merchant gets that, and the guarantee adds what is missing of the terminal's floor limit: so a
/// merchant gets `max(taken, min(amount, floor limit))`. All that the member did not pay it owes from then on: to the
/// guarantee what that stands for, the rest to the merchant. What is owed in value is collected from value, what is owed
/// in coins from coins at par. Nothing is earned by such a sale. Money in minor units.
/// @dev An act (kind 9) is `0x09 | original 8 | value 6 | coins 6`, big-endian: the sequence on the same stream under which
/// the ledger skipped the sale, and what of it was to be paid in each tender (coins in minor units, at par). Kind 137 is
/// `0x89 | sequence 8`: a reversal of what the act of this sequence did, on its own day of the network or the next. Both
/// without lines.
/// The guarantee pays from a fund of its own, which is cash in this contract. What the fund is too small for is recorded as
/// due to the merchant and paid when there is cash again: it is the operator's debt and never counts as payable.
/// Trust: a stream's poster says which sale overdrew; the contract sees only that the sequence was used up before, and that
/// it books it once. All of the sale counts against the stream's daily limit, what becomes arrears too, so that is what a
/// stolen key can do on a day. Whoever takes cash with a terminal's key can draw on the guarantee up to the floor limit
/// for each sale, within the same daily limit. Rounding: coins are taken in whole minor units, down.
interface IAdvices is IActTarget {
    /// @notice What became of a sale. `value` and the coins by age are what the member paid; `fundValue` and `fundCoins`
    /// what it owes the guarantee, `shopValue` and `shopCoins` what it owes the merchant, by the tender that was short.
    struct Booking {
        uint32 merchant;
        uint64 member;
        uint16 day;
        uint48 value;
        uint48 fundValue;
        uint48 shopValue;
        uint56 current;
        uint56 previous;
        uint16 epoch;
        uint48 fundCoins;
        uint48 shopCoins;
    }

    /// @notice What a member owes somebody, by the tender that was short.
    struct Arrears {
        uint64 value;
        uint64 coins;
    }

    /// @notice A sale that overdrew was booked, under the stream and sequence of the act. `credited` is what the merchant
    /// got in its payable, `due` what the guarantee owes it still.
    event AdviceBooked(
        uint32 indexed stream,
        uint64 indexed sequence,
        uint64 indexed member,
        uint64 original,
        Booking booking,
        uint64 credited,
        uint64 due
    );
    /// @notice It was undone. `returned` is what the merchant paid back, `value` and the coins what the member got back.
    event AdviceUndone(
        uint32 indexed stream,
        uint64 indexed sequence,
        uint64 indexed member,
        uint32 merchant,
        uint64 returned,
        uint64 value,
        uint56 current,
        uint56 previous
    );
    /// @notice What a member owed was taken from its value and its coins (minor units); merchant 0: the guarantee got it.
    event AdviceArrearsCollected(uint32 indexed merchant, uint64 indexed member, uint64 value, uint64 coins);
    /// @notice A member was let off what it owed for the sale that was booked under this sequence; merchant 0: what it owed
    /// the guarantee.
    event AdviceArrearsForgiven(
        uint32 indexed stream,
        uint64 indexed sequence,
        uint64 indexed member,
        uint32 merchant,
        uint64 value,
        uint64 coins
    );
    /// @notice What one member owed is owed by another; merchant 0: to the guarantee.
    event AdviceArrearsMoved(
        uint32 indexed merchant, uint64 indexed from, uint64 indexed into, uint64 value, uint64 coins
    );
    /// @notice Somebody paid into the guarantee's fund.
    event GuaranteePaidIn(address indexed payer, uint64 amount);
    /// @notice Finance took money out of the guarantee's fund.
    event GuaranteeTaken(address indexed to, uint64 amount);
    /// @notice What the guarantee owed a merchant was paid to its payable.
    event GuaranteeDuePaid(uint32 indexed merchant, uint64 amount);

    /// @notice The guarantee's fund holds less, beside what is due to merchants.
    error GuaranteeShort(uint256 held, uint256 amount);
    /// @notice Nothing is due to this merchant, or the fund is empty.
    error NoGuaranteeDue(uint32 merchant);
    /// @notice The member owes less for this sale; nothing and no member (0) if none was booked or it was undone.
    error OwesLess(uint32 merchant, uint64 member, uint64 value, uint64 coins);
    /// @notice The member still owes a merchant that was not named.
    error OwesMore(uint64 member, uint64 left);

    /// @notice Pays cash into the guarantee's fund; the caller pays. Open to all.
    function payIntoGuarantee(uint64 amount) external;
    /// @notice Takes cash out of the fund, but not what is due to merchants. Finance only.
    function takeFromGuarantee(uint64 amount, address to) external;
    /// @notice Pays a merchant what is due to it, as far as the fund reaches. Open to all.
    function payGuaranteeDue(uint32 merchant) external returns (uint64 amount);
    /// @notice Takes what a member owes the guarantee, then what it owes this merchant (0: none), from what it has. Nothing
    /// is taken from a locked or frozen member. Open to all; a recharge at a counter does it by itself.
    /// @return left What the member still owes to all
    function collect(uint32 merchant, uint64 member) external returns (uint64 left);
    /// @notice Lets a member off what it owes the merchant for the sale that was booked under this sequence. What was
    /// forgiven does not come back when the sale is undone. The merchant's finance group.
    function forgive(uint32 stream, uint64 sequence, uint64 value, uint64 coins) external;
    /// @notice The same, of what it owes the guarantee. Finance only.
    function forgiveGuarantee(uint32 stream, uint64 sequence, uint64 value, uint64 coins) external;
    /// @notice What a member owes the guarantee and these merchants is another's; refused while it owes a merchant that is
    /// not named. For the contract that merges members.
    function merge(uint64 from, uint64 into, uint32[] calldata merchants) external;

    /// @notice Cash in the guarantee's fund, what is due to merchants included.
    function guarantee() external view returns (uint64);
    /// @notice What the guarantee owes a merchant; merchant 0: all of them.
    function guaranteeDue(uint32 merchant) external view returns (uint64);
    /// @notice What a member owes a merchant; merchant 0: the guarantee.
    function adviceArrears(uint32 merchant, uint64 member) external view returns (Arrears memory);
    /// @notice What a member owes to all.
    function owing(uint64 member) external view returns (uint64);
    /// @notice What was booked under this sequence; nothing (merchant 0) if it was not or was undone.
    function bookingOf(uint32 stream, uint64 sequence) external view returns (Booking memory);
    /// @notice What was forgiven of the sale booked under this sequence, by its merchant or (0) the guarantee.
    function forgiven(uint32 stream, uint64 sequence, uint32 creditor) external view returns (Arrears memory);
    /// @notice The sequence under which an advice was booked; 0 if it was not. It stays when that is undone.
    function bookedAs(uint32 stream, uint64 original) external view returns (uint64);
}
