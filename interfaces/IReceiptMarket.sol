// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILedgerDoors} from "./ILedgerDoors.sol";

/// @title Purchased goods, sold on with their receipt
/// @notice A member proves that it bought an item (the payment's line under a root of the ledger, the item under the line's
/// items root) and offers it. Only then the record becomes a token (ERC-721, its number names the item and its payment). The buyer's
/// cash waits here until the buyer confirms that the goods were handed over, or the dispute window has passed; then the
/// points that the item earned are taken back from the seller, the item's amount becomes unrefundable, the seller is
/// paid, and the token is the buyer's. An item is sold once. A seller that has no key any more is paid into its stored
/// value, so that a sale never waits for a key, and nobody who gets that key takes the money with it alone. An offer is as
/// good as the key that made it: once the member has another, or was merged, nobody buys by it, and who the member is now
/// withdraws it or gives the money back. The lines of a merged member are the survivor's to offer.
/// @dev Nothing is settled before hand-over: a sale that fails leaves points and refund as they were.
/// Trust: a refund on chain names a line and an amount, not an item. An item can be offered while at least its amount is
/// left of the line; a merchant that took goods back marks the item (`markReturned`). The seller says which line of the
/// payment the item belongs to (any that has the payment's items root and enough left): of a payment whose lines earned
/// at different rates it may choose the lowest. The operator decides disputes; the cash goes to seller or buyer only.
interface IReceiptMarket {
    /// @notice A line item, with the proof that it stands under the line's items root (docs/batch.md, line items).
    struct Item {
        bytes16 salt;
        uint16 index;
        uint48 amount;
        uint32 quantity;
        bytes product;
        bytes32[] proof;
    }

    /// @notice An offer. `status`: 0 none, 1 offered, 2 paid, 3 disputed, 4 sold. `until`: end of the offer, or of the dispute
    /// window once paid. `leaf` and `lineAmount` are the line's, `amount` the item's; minor units.
    struct Listing {
        bytes32 leaf;
        uint64 member;
        uint48 price;
        uint48 amount;
        uint48 lineAmount;
        uint32 until;
        uint8 status;
        address buyer;
    }

    /// @notice An item of the payment (stream, sequence) is offered.
    event ReceiptOffered(
        uint256 indexed token,
        uint64 indexed member,
        uint32 indexed merchant,
        uint32 stream,
        uint64 sequence,
        uint48 price,
        uint48 amount,
        uint32 until
    );
    event ReceiptWithdrawn(uint256 indexed token);
    event ReceiptPaid(uint256 indexed token, address indexed buyer, uint48 price, uint32 until);
    event ReceiptDisputed(uint256 indexed token, address indexed buyer, string reason);
    /// @notice Handed over: the seller was paid, and what the item earned was taken back.
    event ReceiptSold(
        uint256 indexed token,
        uint64 indexed member,
        address indexed buyer,
        uint48 price,
        uint64 clawedBack,
        uint64 arrears
    );
    /// @notice The buyer got its cash back.
    event ReceiptUnwound(uint256 indexed token, address indexed buyer, uint48 price);
    event DisputeResolved(uint256 indexed token, bool sold, string reason);
    /// @notice The merchant took the goods back.
    event ItemReturned(uint256 indexed token, uint32 indexed merchant);

    /// @notice The item is not under the items root of the line.
    error ItemNotProven(bytes32 item, bytes32 itemsRoot);
    /// @notice A product code has 1 to 32 characters.
    error BadItem(uint256 length);
    /// @notice The member has another key than when it offered, or was merged: the offer is to be withdrawn, and made anew.
    error SellerChanged(uint256 token, uint64 member);
    /// @notice The seller is locked or frozen, so nothing is offered or bought of it.
    error MemberLocked(uint64 member);
    /// @notice The line is another member's.
    error NotOfMember(bytes32 leaf, uint64 member);
    /// @notice The goods went back to the merchant.
    error Returned(uint256 token);
    /// @notice So much of the line was refunded or settled that less than the item is left.
    error LineUndone(bytes32 leaf, uint256 left, uint256 amount);
    /// @notice A price of 0, an item of 0, or an end that is not ahead.
    error BadOffer(uint64 price, uint48 amount, uint32 until);
    /// @notice A price is 2^48 - 1 at most.
    error AmountTooLarge(uint256 amount);
    /// @notice The listing is not in the state that this asks for.
    error WrongStatus(uint256 token, uint8 status);
    /// @notice The offer has ended.
    error OfferOver(uint256 token, uint256 until);
    /// @notice The price is above what the buyer allows.
    error PriceAbove(uint256 price, uint256 allowed);
    /// @notice Only who offered it does this.
    error NotSeller(uint256 token, address sender);
    /// @notice Only who paid for it does this.
    error NotBuyer(uint256 token, address sender);
    /// @notice The seller does not buy its own.
    error OwnReceipt(uint256 token);
    /// @notice The dispute window is still open.
    error WindowOpen(uint256 token, uint256 until);
    /// @notice The dispute window has passed.
    error WindowOver(uint256 token, uint256 until);
    /// @notice Another line than the one that was offered.
    error OtherLine(uint256 token, bytes32 leaf);
    /// @notice The line has enough left: the sale goes on.
    error StillGood(uint256 token);
    /// @notice A token that is for sale does not change hands otherwise.
    error ForSale(uint256 token);
    /// @notice Disputes and decisions say why.
    error NoReason();
    /// @notice The time for disputes is an hour to 90 days.
    error BadWindow(uint32 disputeWindow);

    /// @notice Offers an item: the member's key, or its signature (OfferReceipt).
    function offer(
        uint64 member,
        ILedgerDoors.ProvenLeaf calldata leaf,
        Item calldata item,
        uint64 price,
        uint32 until,
        uint256 deadline,
        bytes calldata signature
    ) external returns (uint256 token);
    /// @notice Ends an offer; the token is gone, and the item may be offered again. The seller.
    function withdraw(uint256 token) external;
    /// @notice Pays for an item with the caller's cash, `mostPrice` at most; it waits here until hand-over.
    function buy(uint256 token, uint64 mostPrice) external;
    /// @notice Completes a sale: the buyer at any time, anybody once the dispute window has passed.
    function handOver(uint256 token, ILedgerDoors.ProvenLeaf calldata leaf) external;
    /// @notice Stops the payment until the operator has decided. The buyer, within the window.
    function dispute(uint256 token, string calldata reason) external;
    /// @notice Gives the buyer its cash back: the seller at any time; anybody when the goods went back to the merchant or
    /// the line was refunded meanwhile.
    function unwind(uint256 token) external;
    /// @notice Decides a dispute: sold, or unwound. Operator only.
    function resolve(uint256 token, bool sold, ILedgerDoors.ProvenLeaf calldata leaf, string calldata reason) external;
    /// @notice Says that an item's goods went back. The merchant's cancel group.
    function markReturned(ILedgerDoors.ProvenLeaf calldata leaf, Item calldata item) external;

    /// @notice The offer of an item.
    function listing(uint256 token) external view returns (Listing memory);
    /// @notice Whether the merchant took an item's goods back.
    function returned(uint256 token) external view returns (bool);
    /// @notice The number of an item's token: keccak-256 of its leaf, and the payment's stream and sequence, 32 bytes each.
    function tokenOf(Item calldata item, uint32 stream, uint64 sequence) external pure returns (uint256);
    /// @notice Seconds in which a buyer may dispute.
    function disputeWindow() external view returns (uint32);
}
