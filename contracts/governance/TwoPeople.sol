// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ITwoPeople} from "../../interfaces/ITwoPeople.sol";

/// @title What one person proposes and another approves
/// @dev Who may propose and approve, what a proposal says and under which key it lies is the contract's own matter: a
/// number with a state for corrections, two members for a merge, the hash of a change for mandates.
abstract contract TwoPeople is ITwoPeople {
    /// @inheritdoc ITwoPeople
    uint40 public immutable patience;

    constructor(uint40 patience_) {
        patience = patience_;
    }

    /// @dev Until when what is proposed now can be approved.
    function _untilWhen() internal view returns (uint40) {
        return uint40(block.timestamp) + patience;
    }

    /// @dev The sender is the second person, in time. A proposal that is not there has expired at 0.
    function _requireSecond(address proposer, uint40 expires) internal view {
        if (block.timestamp >= expires) revert NotProposed(expires);
        if (proposer == msg.sender) revert SamePerson(msg.sender);
    }
}
