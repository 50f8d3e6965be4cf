// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICardDiscounts} from "../../interfaces/ICardDiscounts.sol";
import {IMemberCards} from "../../interfaces/IMemberCards.sol";
import {OFFERS} from "../libraries/Groups.sol";
import {SuitePart} from "../suite/SuitePart.sol";

/// @title Published discounts
contract CardDiscounts is SuitePart, ICardDiscounts {
    uint256 private constant BASIS_POINTS = 10_000;
    uint256 private constant MAX_STANDING = 32;

    IMemberCards private immutable _cards;
    /// @inheritdoc ICardDiscounts
    mapping(uint32 merchant => uint32) public termsCount;
    mapping(uint32 merchant => mapping(uint32 number => Terms)) private _terms;
    mapping(uint32 merchant => uint32[]) private _standing;

    constructor(address authority_, address ledger_, address registry_, address cards_)
        SuitePart(authority_, ledger_, registry_)
    {
        _cards = IMemberCards(cards_);
    }

    /// @inheritdoc ICardDiscounts
    function publish(
        uint32 merchant,
        bytes32 productSet,
        uint8 kind,
        uint16 bps,
        uint40 starts,
        uint40 until,
        string calldata catalogue
    ) external onlyGroup(merchant, OFFERS) returns (uint32 number) {
        if (bps == 0 || bps > BASIS_POINTS) revert BadDiscount(bps);
        if (until != 0 && (until <= starts || until <= block.timestamp)) revert BadWindow(starts, until);
        if (kind != 0 && !_cards.kindOf(kind).exists) revert UnknownKind(kind);
        _clear(merchant);
        if (_standing[merchant].length == MAX_STANDING) revert TooManyTerms(merchant, MAX_STANDING);
        number = ++termsCount[merchant];
        _terms[merchant][number] = Terms(productSet, bps, kind, false, starts, until);
        _standing[merchant].push(number);
        emit DiscountPublished(merchant, number, productSet, kind, bps, starts, until, catalogue);
    }

    /// @inheritdoc ICardDiscounts
    function end(uint32 merchant, uint32 number) external onlyGroup(merchant, OFFERS) {
        _end(merchant, number);
    }

    /// @inheritdoc ICardDiscounts
    function veto(uint32 merchant, uint32 number) external restricted {
        _end(merchant, number);
    }

    /// @inheritdoc ICardDiscounts
    function termsOf(uint32 merchant, uint32 number) external view returns (Terms memory) {
        if (number == 0 || number > termsCount[merchant]) revert UnknownTerms(merchant, number);
        return _terms[merchant][number];
    }

    /// @inheritdoc ICardDiscounts
    function standing(uint32 merchant) external view returns (uint32[] memory numbers) {
        return _standing[merchant];
    }

    /// @inheritdoc ICardDiscounts
    function discountFor(uint32 merchant, bytes32 productSet, uint8 kind, uint40 time)
        public
        view
        returns (uint16 bps, uint32 number)
    {
        uint32[] storage numbers = _standing[merchant];
        for (uint256 i = 0; i < numbers.length; ++i) {
            Terms memory its = _terms[merchant][numbers[i]];
            bool applies = (its.productSet == 0 || its.productSet == productSet) && (its.kind == 0 || its.kind == kind)
                && its.starts <= time && (its.until == 0 || time < its.until);
            if (applies && its.bps > bps) (bps, number) = (its.bps, numbers[i]);
        }
    }

    /// @inheritdoc ICardDiscounts
    function discountForCard(uint32 merchant, bytes32 productSet, uint64 card)
        external
        view
        returns (uint16 bps, uint32 number)
    {
        (bool good,, uint8 kind) = _cards.usable(card);
        return good ? discountFor(merchant, productSet, kind, uint40(block.timestamp)) : (0, 0);
    }

    /// @inheritdoc ICardDiscounts
    function priceUp(uint64 amount, uint16 bps) external pure returns (uint64) {
        if (bps > BASIS_POINTS) revert BadDiscount(bps);
        return amount - uint64(uint256(amount) * bps / BASIS_POINTS);
    }

    function _end(uint32 merchant, uint32 number) private {
        Terms storage its = _terms[merchant][number];
        if (its.bps == 0 || its.ended) revert UnknownTerms(merchant, number);
        its.ended = true;
        emit DiscountEnded(merchant, number, msg.sender);
        _clear(merchant);
    }

    /// @dev Drops what is over from the list; the list is short.
    function _clear(uint32 merchant) private {
        uint32[] storage numbers = _standing[merchant];
        uint256 i = 0;
        while (i < numbers.length) {
            Terms storage its = _terms[merchant][numbers[i]];
            if (its.ended || (its.until != 0 && its.until <= block.timestamp)) {
                numbers[i] = numbers[numbers.length - 1];
                numbers.pop();
            } else {
                ++i;
            }
        }
    }
}
