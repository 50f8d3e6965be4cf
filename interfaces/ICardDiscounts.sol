// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Published discounts, by merchant, product set and kind of card
/// @notice What a till takes off before the member pays: terms that everybody can look up at any time. A discount moves
/// no money on the chain: the payment's lines carry what is left to pay, and points are earned on that.
/// @dev Terms are numbered from 1 inside a merchant and never change; a merchant ends them and publishes others. Of all
/// that apply to an item the largest counts, they do not add up. Trust: a merchant's own tills apply its own terms.
interface ICardDiscounts {
    /// @notice Terms. `productSet` 0 = all products, `kind` 0 = all members; `bps` off the price; in force from `starts`
    /// until `until` (0 = until ended).
    struct Terms {
        bytes32 productSet;
        uint16 bps;
        uint8 kind;
        bool ended;
        uint40 starts;
        uint40 until;
    }

    /// @notice Terms were published. `catalogue` says where the product set's list is.
    event DiscountPublished(
        uint32 indexed merchant,
        uint32 indexed number,
        bytes32 indexed productSet,
        uint8 kind,
        uint16 bps,
        uint40 starts,
        uint40 until,
        string catalogue
    );
    /// @notice Terms ended, by the merchant or by the operator.
    event DiscountEnded(uint32 indexed merchant, uint32 indexed number, address indexed by);

    /// @notice A discount is 1 to 10,000 basis points.
    error BadDiscount(uint256 bps);
    /// @notice The window ends before it starts, or is over.
    error BadWindow(uint40 starts, uint40 until);
    /// @notice A merchant has at most so many terms in force or to come.
    error TooManyTerms(uint32 merchant, uint256 limit);
    /// @notice No such terms, or they ended.
    error UnknownTerms(uint32 merchant, uint32 number);
    /// @notice No such kind of card.
    error UnknownKind(uint8 kind);

    /// @notice Publishes terms. The merchant's offers group.
    function publish(
        uint32 merchant,
        bytes32 productSet,
        uint8 kind,
        uint16 bps,
        uint40 starts,
        uint40 until,
        string calldata catalogue
    ) external returns (uint32 number);
    /// @notice Ends terms with this block. The merchant's offers group.
    function end(uint32 merchant, uint32 number) external;
    /// @notice The same by the operator.
    function veto(uint32 merchant, uint32 number) external;

    /// @notice Terms by their number.
    function termsOf(uint32 merchant, uint32 number) external view returns (Terms memory);
    /// @notice Numbers of the terms that did not end, in no order; the time of some may be over.
    function standing(uint32 merchant) external view returns (uint32[] memory numbers);
    /// @notice The largest discount on items of a product set (0: on all products only) for a kind of card, at a time.
    function discountFor(uint32 merchant, bytes32 productSet, uint8 kind, uint40 time)
        external
        view
        returns (uint16 bps, uint32 number);
    /// @notice The same for a card, now: 0 when the card may not be used.
    function discountForCard(uint32 merchant, bytes32 productSet, uint64 card)
        external
        view
        returns (uint16 bps, uint32 number);
    /// @notice What is left to pay, minor units; what the member saves is rounded down.
    function priceUp(uint64 amount, uint16 bps) external pure returns (uint64);
    /// @notice Terms of a merchant are numbered 1 to this.
    function termsCount(uint32 merchant) external view returns (uint32);
}
