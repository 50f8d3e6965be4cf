// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AgedCoins} from "../contracts/libraries/AgedCoins.sol";
import {IActTarget} from "./IActTarget.sol";
import {IMemberSigned} from "./IMemberSigned.sol";

/// @title Gifts that members take for their coins
/// @notice A merchant publishes gifts with a stock. A member reserves one (stock and coins are held for a time), and
/// the merchant hands it over (the coins are redeemed at par into its payable), or the reservation ends and the coins
/// go back with their age. At a till both come at once, as act 6 of a batch. What was handed over and comes back is
/// paid by the merchant.
///
/// Act 6, big-endian:
///     kind 0x06 | mode 0 | gift 8            take a gift: reserve and hand over at once
///     kind 0x06 | mode 1 | reservation 16    hand over what was reserved
///     kind 0x86 | sequence 8                 undo mode 0 of the same stream, merchant, member and day
/// A payment with this act has no lines. Mode 0 debits price and cash part and asks for an authorisation; the others
/// debit nothing.
/// @dev Gift ids are `merchant 32 | number 32`. Reservation ids are a counter, or of a gift taken at a till
/// `1 << 96 | stream 32 | sequence 64`. Prices are in minor units, so that coins redeem without a remainder.
/// Trust: the offers group publishes, the consume group hands over and releases, the cancel group takes back. A
/// reservation ends before any of its coins expires, so what is handed over is always paid in full. Cash held =
/// the sum of the cash parts reserved; coins held = the sum of the coins reserved.
interface IGifts is IActTarget, IMemberSigned {
    /// @notice What a merchant publishes. `price` in minor units is paid in coins at par, `cashPart` from stored value;
    /// `until` 0 = no end; `perMember` 0 = no limit; `hold` is how long a reservation stands, seconds.
    struct Terms {
        uint64 price;
        uint64 cashPart;
        uint32 stock;
        uint32 starts;
        uint32 until;
        uint16 perMember;
        uint24 hold;
    }

    /// @notice A gift; `stock` is what is left.
    struct Gift {
        uint48 price;
        uint48 cashPart;
        uint32 stock;
        uint32 starts;
        uint32 until;
        uint16 perMember;
        uint24 hold;
        bool open;
    }

    /// @notice Where a reservation stands.
    enum State {
        None,
        Reserved,
        HandedOver,
        Released,
        TakenBack
    }

    /// @notice A reservation, or a gift taken at a till. `coins` are those paid, by their age; `day` is the network's
    /// day of the hand-over.
    struct Reservation {
        uint64 gift;
        uint64 member;
        uint32 expires;
        uint16 day;
        State state;
        AgedCoins coins;
    }

    event GiftPublished(uint64 indexed gift, uint32 indexed merchant, bytes32 name, Terms terms);
    event StockAdded(uint64 indexed gift, uint32 units, uint32 stock);
    event GiftWithdrawn(uint64 indexed gift);
    /// @notice Coins (by age) and cash of a member are held for a gift.
    event GiftReserved(
        uint128 indexed reservation,
        uint64 indexed gift,
        uint64 indexed member,
        uint56 current,
        uint56 previous,
        uint48 cashPart,
        uint32 expires
    );
    /// @notice The gift is the member's; `amount` minor units are the merchant's.
    event GiftHandedOver(uint128 indexed reservation, uint64 indexed gift, uint64 indexed member, uint64 amount);
    /// @notice The reservation ended; what is left of the coins and the cash went back.
    event GiftReleased(
        uint128 indexed reservation,
        uint64 indexed gift,
        uint64 indexed member,
        uint56 current,
        uint56 previous,
        uint48 cashPart
    );
    /// @notice The merchant took the gift back and paid for it.
    event GiftTakenBack(
        uint128 indexed reservation,
        uint64 indexed gift,
        uint64 indexed member,
        uint56 current,
        uint56 previous,
        uint48 cashPart
    );

    /// @notice A gift costs something, and no more than 2^48 - 1 minor units and 2^56 - 1 units.
    error BadPrice(uint256 price, uint256 cashPart);
    /// @notice A window ends after it starts and after now; a hold is a minute or more.
    error BadWindow(uint32 starts, uint32 until, uint24 hold);
    /// @notice A gift's stock counts up to 2^32 - 1.
    error BadStock(uint64 gift, uint32 stock, uint32 units);
    /// @notice No such gift.
    error UnknownGift(uint64 gift);
    /// @notice The merchant withdrew the gift, or the operator closed the merchant.
    error GiftClosed(uint64 gift);
    /// @notice The gift is not offered now.
    error NotOffered(uint64 gift, uint32 starts, uint32 until);
    /// @notice None is left.
    error OutOfStock(uint64 gift);
    /// @notice The member has as many as one member may have.
    error LimitReached(uint64 gift, uint64 member, uint16 perMember);
    /// @notice No such reservation, or it is not in the state that this needs.
    error WrongState(uint128 reservation, State state);
    /// @notice The reservation is over, and is to be released.
    error ReservationOver(uint128 reservation, uint32 expires);

    /// @notice Publishes a gift. The merchant's offers group.
    function publish(uint32 merchant, bytes32 name, Terms calldata terms) external returns (uint64 gift);
    /// @notice Adds to a gift's stock. The merchant's offers group.
    function addStock(uint64 gift, uint32 units) external;
    /// @notice Ends a gift; reservations stand. The merchant's offers group.
    function withdraw(uint64 gift) external;
    /// @notice Holds one of the stock, and the member's coins and cash part, until it is handed over or released. The
    /// member's key or its signature of Reserve(uint64 member,uint64 gift,uint256 nonce,uint256 deadline).
    function reserve(uint64 gift, uint64 member, uint256 deadline, bytes calldata signature)
        external
        returns (uint128 reservation);
    /// @notice Hands a reserved gift over and is paid for it. The merchant's consume group, before the hold is over.
    function confirm(uint128 reservation) external;
    /// @notice Ends a reservation: what is left of the coins goes back with its age, the cash part in full. The member's
    /// key or its signature of Cancel(uint64 member,uint128 reservation,uint256 nonce,uint256 deadline).
    function cancel(uint128 reservation, uint256 deadline, bytes calldata signature) external;
    /// @notice Ends a reservation. The merchant's consume group, or anybody when the hold is over.
    function release(uint128 reservation) external;
    /// @notice Takes back a gift that was handed over: the merchant pays price and cash part from its payable, then
    /// its deposit, never from the guarantee fund nor from what it owes that (InsufficientFunds). Coins come back in the
    /// age that they have now; those of a closed epoch as current. The merchant's cancel group.
    function takeBack(uint128 reservation) external;

    /// @notice A gift.
    function gift(uint64 id) external view returns (Gift memory);
    /// @notice A reservation.
    function reservation(uint128 id) external view returns (Reservation memory);
    /// @notice How many of a gift a member has taken or reserved.
    function takenBy(uint64 gift, uint64 member) external view returns (uint256);
    /// @notice Gifts of a merchant are numbered 1 to this.
    function giftCount(uint32 merchant) external view returns (uint32);
}
