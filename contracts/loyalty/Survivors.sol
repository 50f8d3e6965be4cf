// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMemberCards} from "../../interfaces/IMemberCards.sol";
import {SuitePart} from "../suite/SuitePart.sol";

/// @title What is a merged member's is the other's
/// @dev What a contract keeps under a member's number stays there; who it belongs to is asked when it matters.
abstract contract Survivors is SuitePart {
    IMemberCards private immutable _cards;

    constructor(address cards_) {
        _cards = IMemberCards(cards_);
    }

    /// @dev Who has what this member had: itself, or whom it was merged into.
    function _survivor(uint64 member) internal view returns (uint64) {
        return _cards.survivorOf(member);
    }
}
