// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILedgerDoors} from "../../interfaces/ILedgerDoors.sol";
import {ILineClaims} from "../../interfaces/ILineClaims.sol";
import {Receipts} from "../libraries/Receipts.sol";
import {SuitePart} from "../suite/SuitePart.sol";

/// @title What follows from proven lines of payments
/// @dev Days are the network's, of the block that stored the line's root: a terminal's clock decides nothing here.
abstract contract LineClaims is SuitePart, ILineClaims {
    uint8 internal constant COIN = 1;
    uint8 internal constant EXTERNAL = 0;
    uint16 internal constant REGISTERED = 1;
    uint16 internal constant FROZEN = 4;
    uint256 private constant RATE_SCALE = 10_000;
    uint16 private constant MAX_WINDOW = 365;

    /// @dev A proven line of one of these days, whose window is over.
    function _ripe(ILedgerDoors.ProvenLeaf calldata leaf, uint16 fromDay, uint16 untilDay, uint16 window)
        internal
        view
        returns (Receipts.Line memory line)
    {
        line = Receipts.read(ledger, leaf);
        uint16 day = ledger.rootDay(leaf.root);
        if (day < fromDay || (untilDay != 0 && day >= untilDay)) revert LineDoesNotCount(line.leaf);
        uint256 first = uint256(day) + window + 1;
        if (ledger.currentDay() < first) revert TooEarly(line.leaf, day, first);
    }

    /// @dev What a line gives for what of it was not undone, units.
    function _entitledDown(Receipts.Line memory line, uint40 rate) internal view returns (uint56) {
        (uint256 undone,) = ledger.refunded(line.leaf);
        return uint56((line.amount - undone) * rate / RATE_SCALE);
    }

    function _requireDays(uint16 fromDay, uint16 untilDay, uint16 window) internal view {
        bool ends = untilDay != 0;
        if (fromDay < ledger.currentDay() || (ends && untilDay <= fromDay) || window > MAX_WINDOW) {
            revert BadDays(fromDay, untilDay, window);
        }
    }

    function _flagsOf(uint64 member) internal view returns (uint16) {
        return ledger.account(member).flags;
    }
}
