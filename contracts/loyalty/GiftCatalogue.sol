// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IGifts} from "../../interfaces/IGifts.sol";
import {OFFERS} from "../libraries/Groups.sol";
import {SuitePart} from "../suite/SuitePart.sol";

/// @title The gifts that merchants offer, and their stock
abstract contract GiftCatalogue is SuitePart, IGifts {
    mapping(uint64 id => Gift) internal _gifts;
    /// @inheritdoc IGifts
    mapping(uint32 merchant => uint32) public giftCount;

    /// @inheritdoc IGifts
    function publish(uint32 merchant, bytes32 name, Terms calldata terms)
        external
        onlyGroup(merchant, OFFERS)
        returns (uint64 id)
    {
        (uint64 price, uint64 cashPart) = (terms.price, terms.cashPart);
        bool fits = price <= type(uint48).max && cashPart <= type(uint48).max && price * _par <= type(uint56).max;
        if (!fits || (price == 0 && cashPart == 0)) revert BadPrice(price, cashPart);
        bool ends = terms.until != 0;
        if ((ends && (terms.until <= terms.starts || terms.until <= block.timestamp)) || terms.hold < 1 minutes) {
            revert BadWindow(terms.starts, terms.until, terms.hold);
        }
        id = (uint64(merchant) << 32) | ++giftCount[merchant];
        _gifts[id] = Gift({
            price: uint48(price),
            cashPart: uint48(cashPart),
            stock: terms.stock,
            starts: terms.starts,
            until: terms.until,
            perMember: terms.perMember,
            hold: terms.hold,
            open: true
        });
        emit GiftPublished(id, merchant, name, terms);
    }

    /// @inheritdoc IGifts
    function addStock(uint64 id, uint32 units) external onlyGroup(_merchantOf(id), OFFERS) {
        uint32 stock = _known(id).stock;
        if (units == 0 || units > type(uint32).max - stock) revert BadStock(id, stock, units);
        _gifts[id].stock = stock + units;
        emit StockAdded(id, units, stock + units);
    }

    /// @inheritdoc IGifts
    function withdraw(uint64 id) external onlyGroup(_merchantOf(id), OFFERS) {
        if (!_known(id).open) revert GiftClosed(id);
        _gifts[id].open = false;
        emit GiftWithdrawn(id);
    }

    /// @inheritdoc IGifts
    function gift(uint64 id) external view returns (Gift memory) {
        return _gifts[id];
    }

    function _known(uint64 id) internal view returns (Gift memory it) {
        it = _gifts[id];
        if (it.hold == 0) revert UnknownGift(id);
    }

    function _merchantOf(uint64 id) internal pure returns (uint32) {
        return uint32(id >> 32);
    }
}
