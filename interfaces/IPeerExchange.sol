// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Members trade coin against other assets
/// @notice A maker puts what it sells into an offer and says what it wants for all of it; anybody, or one named
/// counterparty, takes it whole or in parts. Tokens: the coin, the cash, and assets that the operator lists.
/// @dev Nothing but what is left of an offer is stored: who calls brings the offer, as OfferMade told it.
/// Trust: the operator lists plain tokens only; what comes in is measured, and a token that takes a fee is refused.
/// Coins keep their age: those in an offer age and expire as they would have with their maker, and a taker gets them as
/// old as they are (those that expire first go first), so it says how many must be of this epoch.
/// An offer of a member's coins is void once its maker is not the member's key any more (changed, taken away, or the member
/// was merged): nobody takes it, and anybody gives the coins back to the member. While the member is locked or frozen
/// nobody takes it either.
/// Rounding: what a taker pays for a part is rounded up, the fee is rounded down.
/// Pull-payment: what cannot be sent to its receiver waits for it (`claim`), so nobody blocks a trade or a cancellation.
interface IPeerExchange {
    /// @notice An offer: `sellAmount` of `sell` for `buyAmount` of `buy`, in parts at the same rate, until `expiry`.
    /// `member` not 0: the coins came out of this member's account; `maker` was its key then. `counterparty` 0: anybody.
    struct Offer {
        uint64 id;
        address maker;
        uint64 member;
        address sell;
        address buy;
        uint128 sellAmount;
        uint128 buyAmount;
        uint32 expiry;
        address counterparty;
    }

    event TokenListed(address indexed token, bool listed);
    event FeeSet(uint16 feeBps);
    event FeesTaken(address indexed token, address indexed to, uint256 amount);
    event OfferMade(uint64 indexed id, address indexed maker, uint64 indexed member, Offer offer);
    /// @notice `amount` of what was sold went to `receiver` for `paid`, of which `fee` is the operator's.
    event OfferTaken(
        uint64 indexed id,
        address indexed taker,
        address indexed receiver,
        uint256 amount,
        uint256 paid,
        uint256 fee,
        uint256 left
    );
    /// @notice What was left went back.
    event OfferCancelled(uint64 indexed id, uint256 returned);
    event Unsent(address indexed token, address indexed owner, uint256 amount);
    event Claimed(address indexed token, address indexed owner, address to, uint256 amount);

    /// @notice Nothing of this offer is left: it was never made, or is taken, cancelled or expired with its coins.
    error UnknownOffer(uint64 id);
    /// @notice Amounts of 0, the same token on both sides, coins beyond 56 bits, or an end that is not ahead.
    error BadOffer(address sell, address buy, uint128 sellAmount, uint128 buyAmount, uint32 expiry);
    /// @notice This token is not traded here.
    error NotListed(address token);
    /// @notice The cash and the coin are always listed.
    error AlwaysListed(address token);
    /// @notice 0.1 % is the most.
    error FeeTooHigh(uint16 feeBps);
    /// @notice The offer has ended.
    error OfferExpired(uint64 id, uint32 expiry);
    /// @notice The offer is for another account.
    error NotCounterparty(uint64 id, address taker);
    /// @notice The member has another key than when it made the offer, or was merged; the coins can be given back.
    error OfferVoid(uint64 id, uint64 member);
    /// @notice The member whose coins these are is locked or frozen.
    error MemberLocked(uint64 id, uint64 member);
    /// @notice Only who made the offer cancels it before it ends.
    error NotMaker(uint64 id, address sender);
    /// @notice More than is left, or nothing.
    error BadAmount(uint64 id, uint256 amount, uint256 left);
    /// @notice Fewer coins of this epoch are in this part than the taker asks for.
    error CoinsTooOld(uint64 id, uint256 current, uint256 least);
    /// @notice Nothing is sent to nobody, nor to the exchange itself.
    error BadReceiver(address receiver);
    /// @notice A member's account pays in coins only.
    error NotForCoins(uint64 id);
    /// @notice Nothing of this token waits for the account.
    error NothingToClaim(address token, address owner);
    /// @notice Another amount arrived than was sent: the token takes a fee or lies.
    error NotReceived(address token, uint256 expected, uint256 received);

    /// @notice Lists a token, or takes no new offers and trades in it; what is in offers can be cancelled. Operator only.
    function setToken(address token, bool listed) external;
    /// @notice Sets the fee, 10 basis points at most, of what takers pay. Operator only.
    function setFee(uint16 feeBps) external;
    /// @notice Sends the fees in a token. Finance only.
    function takeFees(address token, address to) external;

    /// @notice Makes an offer of the caller's own tokens, which it approved. 0 as counterparty: anybody.
    function make(address sell, address buy, uint128 sellAmount, uint128 buyAmount, uint32 expiry, address counterparty)
        external
        returns (Offer memory);
    /// @notice Makes an offer of coins in a member's account: the member's key, or its signature (MakeOffer).
    function makeForMember(
        uint64 member,
        address buy,
        uint128 sellAmount,
        uint128 buyAmount,
        uint32 expiry,
        address counterparty,
        uint256 deadline,
        bytes calldata signature
    ) external returns (Offer memory);
    /// @notice Takes a part of an offer with the caller's tokens; `receiver` gets it. `leastCurrent`: coins of this
    /// epoch that must be in it.
    function take(Offer calldata offer, uint128 amount, uint56 leastCurrent, address receiver)
        external
        returns (uint256 paid);
    /// @notice Takes a part of an offer that wants coins, with coins of a member's account: the member's key, or its
    /// signature (TakeOffer). The member's key gets it.
    function takeForMember(
        uint64 member,
        Offer calldata offer,
        uint128 amount,
        uint256 deadline,
        bytes calldata signature
    ) external returns (uint256 paid);
    /// @notice Gives back what is left: its maker at any time, anybody once it has expired or is void.
    function cancel(Offer calldata offer) external;
    /// @notice The same by a member's signature (CancelOffer).
    function cancelForMember(Offer calldata offer, uint256 deadline, bytes calldata signature) external;
    /// @notice Sends what could not be sent to the caller before.
    function claim(address token, address to) external;

    /// @notice What is left of an offer; of coins, by age.
    function leftOf(Offer calldata offer) external view returns (uint256 left, uint256 current);
    /// @notice What a part costs, fee included.
    function costOf(Offer calldata offer, uint128 amount) external pure returns (uint256 paid);
    /// @notice The key of an offer.
    function hashOf(Offer calldata offer) external pure returns (bytes32);
    /// @notice Whether a token is traded.
    function isListed(address token) external view returns (bool);
    /// @notice The fee of what takers pay, basis points.
    function feeBps() external view returns (uint16);
    /// @notice Fees in a token that wait; coins among them expire.
    function feesOf(address token) external view returns (uint256);
    /// @notice How many offers were made.
    function offerCount() external view returns (uint64);
    /// @notice What an owner may claim of a token.
    function claimable(address token, address owner) external view returns (uint256);
}
