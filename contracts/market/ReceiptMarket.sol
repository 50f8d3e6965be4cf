// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {ICashHolder} from "../../interfaces/ICashHolder.sol";
import {ILedgerDoors} from "../../interfaces/ILedgerDoors.sol";
import {IReceiptMarket} from "../../interfaces/IReceiptMarket.sol";
import {CANCEL} from "../libraries/Groups.sol";
import {Receipts} from "../libraries/Receipts.sol";
import {MemberSigned} from "../suite/MemberSigned.sol";
import {SuitePart} from "../suite/SuitePart.sol";

/// @title Purchased goods, sold on with their receipt
/// @dev The cash of all listings that are paid or disputed lies here, and nothing else.
contract ReceiptMarket is MemberSigned, ERC721, ICashHolder, IReceiptMarket {
    uint8 private constant OFFERED = 1;
    uint8 private constant PAID = 2;
    uint8 private constant DISPUTED = 3;
    uint8 private constant SOLD = 4;
    uint16 private constant LOCKED_OR_FROZEN = 6;

    bytes1 private constant ITEM_DOMAIN = 0x02;
    bytes32 private constant OFFER_RECEIPT = keccak256(
        "OfferReceipt(uint64 member,uint256 token,bytes32 leaf,uint64 price,uint32 until,uint256 nonce,uint256 deadline)"
    );

    /// @inheritdoc IReceiptMarket
    uint32 public immutable disputeWindow;
    /// @inheritdoc ICashHolder
    uint256 public cashOwed;
    mapping(uint256 token => Listing) private _listings;
    /// @inheritdoc IReceiptMarket
    mapping(uint256 token => bool) public returned;

    constructor(address authority_, address ledger_, address registry_, uint32 disputeWindow_)
        SuitePart(authority_, ledger_, registry_)
        MemberSigned("ReceiptMarket")
        ERC721("Till Receipt", "RECEIPT")
    {
        if (disputeWindow_ < 1 hours || disputeWindow_ > 90 days) revert BadWindow(disputeWindow_);
        disputeWindow = disputeWindow_;
    }

    /// @inheritdoc IReceiptMarket
    function offer(
        uint64 member,
        ILedgerDoors.ProvenLeaf calldata leaf,
        Item calldata item,
        uint64 price,
        uint32 until,
        uint256 deadline,
        bytes calldata signature
    ) external whenRunning returns (uint256 token) {
        (Receipts.Line memory line, uint256 number) = _proven(leaf, item);
        token = number;
        if (ledger.survivorOf(line.member) != member) revert NotOfMember(line.leaf, member);
        bytes32 signed =
            keccak256(abi.encode(OFFER_RECEIPT, member, token, line.leaf, price, until, nonceOf[member], deadline));
        _requireMember(member, signed, deadline, signature);
        _requireFree(member);
        if (price > type(uint48).max) revert AmountTooLarge(price);
        if (price == 0 || item.amount == 0 || until <= block.timestamp) revert BadOffer(price, item.amount, until);
        if (_listings[token].status != 0) revert WrongStatus(token, _listings[token].status);
        if (returned[token]) revert Returned(token);
        _requireLeft(line.leaf, line.amount, item.amount);
        address seller = registry.memberKey(member);
        _listings[token] =
            Listing(line.leaf, member, uint48(price), item.amount, line.amount, until, OFFERED, address(0));
        emit ReceiptOffered(token, member, line.merchant, line.stream, line.sequence, uint48(price), item.amount, until);
        _mint(seller, token);
    }

    /// @inheritdoc IReceiptMarket
    function withdraw(uint256 token) external {
        Listing storage its = _listings[token];
        _requireStatus(token, OFFERED);
        if (!_isSeller(its)) revert NotSeller(token, msg.sender);
        _forget(token);
        emit ReceiptWithdrawn(token);
    }

    /// @inheritdoc IReceiptMarket
    function buy(uint256 token, uint64 mostPrice) external whenRunning {
        Listing storage its = _listings[token];
        _requireStatus(token, OFFERED);
        if (block.timestamp >= its.until) revert OfferOver(token, its.until);
        if (its.price > mostPrice) revert PriceAbove(its.price, mostPrice);
        if (_isSeller(its)) revert OwnReceipt(token);
        if (ownerOf(token) != registry.memberKey(its.member)) revert SellerChanged(token, its.member);
        _requireFree(its.member);
        if (returned[token]) revert Returned(token);
        its.buyer = msg.sender;
        its.status = PAID;
        its.until = uint32(block.timestamp + disputeWindow);
        cashOwed += its.price;
        emit ReceiptPaid(token, msg.sender, its.price, its.until);
        _takeCash(msg.sender, its.price);
    }

    /// @inheritdoc IReceiptMarket
    function handOver(uint256 token, ILedgerDoors.ProvenLeaf calldata leaf) external {
        Listing storage its = _listings[token];
        _requireStatus(token, PAID);
        if (block.timestamp <= its.until && msg.sender != its.buyer) revert WindowOpen(token, its.until);
        _complete(token, leaf);
    }

    /// @inheritdoc IReceiptMarket
    function dispute(uint256 token, string calldata reason) external {
        Listing storage its = _listings[token];
        _requireStatus(token, PAID);
        if (msg.sender != its.buyer) revert NotBuyer(token, msg.sender);
        if (block.timestamp > its.until) revert WindowOver(token, its.until);
        if (bytes(reason).length == 0) revert NoReason();
        its.status = DISPUTED;
        emit ReceiptDisputed(token, msg.sender, reason);
    }

    /// @inheritdoc IReceiptMarket
    function unwind(uint256 token) external {
        Listing storage its = _listings[token];
        if (its.status != PAID && its.status != DISPUTED) revert WrongStatus(token, its.status);
        bool good = !returned[token] && _left(its.leaf, its.lineAmount) >= its.amount;
        if (good && !_isSeller(its)) revert StillGood(token);
        _unwind(token);
    }

    /// @inheritdoc IReceiptMarket
    function resolve(uint256 token, bool sold, ILedgerDoors.ProvenLeaf calldata leaf, string calldata reason)
        external
        restricted
    {
        _requireStatus(token, DISPUTED);
        if (bytes(reason).length == 0) revert NoReason();
        emit DisputeResolved(token, sold, reason);
        if (sold) _complete(token, leaf);
        else _unwind(token);
    }

    /// @inheritdoc IReceiptMarket
    function markReturned(ILedgerDoors.ProvenLeaf calldata leaf, Item calldata item) external {
        (Receipts.Line memory line, uint256 token) = _proven(leaf, item);
        _requireGroup(line.merchant, msg.sender, CANCEL);
        if (_listings[token].status == SOLD) revert WrongStatus(token, SOLD);
        returned[token] = true;
        emit ItemReturned(token, line.merchant);
    }

    /// @inheritdoc IReceiptMarket
    function listing(uint256 token) external view returns (Listing memory) {
        return _listings[token];
    }

    /// @inheritdoc IReceiptMarket
    function tokenOf(Item calldata item, uint32 stream, uint64 sequence) external pure returns (uint256) {
        return _tokenOf(_leafOf(item), stream, sequence);
    }

    // --- inside ---------------------------------------------------------------------------------------------------

    /// @dev The seller's points for the item go back, its amount is settled, the seller is paid, the token is the buyer's.
    function _complete(uint256 token, ILedgerDoors.ProvenLeaf calldata leaf) private {
        Listing memory its = _listings[token];
        bytes32 hash = keccak256(abi.encode(leaf.head, leaf.body, leaf.itemsRoot, leaf.authorisation));
        if (hash != its.leaf) revert OtherLine(token, hash);
        if (returned[token]) revert Returned(token);
        _requireLeft(hash, its.lineAmount, its.amount);
        _listings[token].status = SOLD;
        cashOwed -= its.price;
        _transfer(ownerOf(token), its.buyer, token);
        (uint64 clawedBack, uint64 arrears) = ILedgerDoors(address(ledger)).settleLine(leaf, its.amount);
        emit ReceiptSold(token, its.member, its.buyer, its.price, clawedBack, arrears);
        address seller = _keyOf(its.member);
        if (seller != address(0)) _payCash(seller, its.price);
        else ledger.creditValue(its.member, its.price);
    }

    function _unwind(uint256 token) private {
        (address buyer, uint48 price) = (_listings[token].buyer, _listings[token].price);
        _forget(token);
        cashOwed -= price;
        emit ReceiptUnwound(token, buyer, price);
        _payCash(buyer, price);
    }

    function _forget(uint256 token) private {
        delete _listings[token];
        _burn(token);
    }

    /// @dev A token that is for sale only appears and goes; once sold it is the buyer's to keep or give away.
    function _update(address to, uint256 token, address auth) internal override returns (address from) {
        from = super._update(to, token, auth);
        if (from != address(0) && to != address(0) && _listings[token].status != SOLD) revert ForSale(token);
    }

    /// @dev Anybody may post a payment with the items root of another's, so the item's leaf alone names no purchase.
    function _tokenOf(bytes32 item, uint32 stream, uint64 sequence) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(item, stream, sequence)));
    }

    function _leafOf(Item calldata item) private pure returns (bytes32) {
        return keccak256(
            abi.encodePacked(
                ITEM_DOMAIN, item.salt, item.index, item.amount, item.quantity, uint8(item.product.length), item.product
            )
        );
    }

    /// @dev The line, if the ledger accepted it, and the item's token, if it stands under the line's items root.
    function _proven(ILedgerDoors.ProvenLeaf calldata leaf, Item calldata item)
        private
        view
        returns (Receipts.Line memory line, uint256 token)
    {
        // a longer one could be an inner node of the tree
        if (item.product.length == 0 || item.product.length > 32) revert BadItem(item.product.length);
        line = Receipts.read(ledger, leaf);
        bytes32 hash = _leafOf(item);
        if (MerkleProof.processProofCalldata(item.proof, hash) != line.itemsRoot) {
            revert ItemNotProven(hash, line.itemsRoot);
        }
        token = _tokenOf(hash, line.stream, line.sequence);
    }

    function _requireStatus(uint256 token, uint8 status) private view {
        if (_listings[token].status != status) revert WrongStatus(token, _listings[token].status);
    }

    function _isSeller(Listing storage its) private view returns (bool) {
        return msg.sender == _keyOf(its.member);
    }

    /// @dev A sale takes points back: it is a debit, and a locked or frozen member has none.
    function _requireFree(uint64 member) private view {
        if (ledger.account(member).flags & LOCKED_OR_FROZEN != 0) revert MemberLocked(member);
    }

    /// @dev The key of who the member is now, which may be another than the one that offered.
    function _keyOf(uint64 member) private view returns (address) {
        return registry.memberKey(ledger.survivorOf(member));
    }

    function _requireLeft(bytes32 leaf, uint256 lineAmount, uint256 amount) private view {
        uint256 left = _left(leaf, lineAmount);
        if (left < amount) revert LineUndone(leaf, left, amount);
    }

    function _left(bytes32 leaf, uint256 lineAmount) private view returns (uint256) {
        (uint256 undone,) = ledger.refunded(leaf);
        return lineAmount - undone;
    }
}
