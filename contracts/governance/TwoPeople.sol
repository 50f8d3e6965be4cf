// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ITwoPeople} from "../../interfaces/ITwoPeople.sol";

/// @title What one person proposes and another approves
/// @dev Who may propose and approve, what a proposal says and under which key it lies is the contract's own matter: a
/// number with a state for corrections, two members for a merge, the hash of a change for mandates.
abstract contract TwoPeople is AccessManaged, ITwoPeople {
    /// @inheritdoc ITwoPeople
    uint40 public immutable patience;

    constructor(uint40 patience_) {
        patience = patience_;
    }

    /// @dev The sender proposes: until when that can be approved.
    function _untilWhen() internal view returns (uint40) {
        _requireInPerson();
        return uint40(block.timestamp) + patience;
    }

    /// @dev The sender is the second person, in time. A proposal that is not there has expired at 0.
    function _requireSecond(address proposer, uint40 expires) internal view {
        _requireInPerson();
        if (block.timestamp >= expires) revert NotProposed(expires);
        if (proposer == msg.sender) revert SamePerson(msg.sender);
    }

    /// @dev AccessManager.execute calls on behalf of whoever may: one account would be two people by it.
    function _requireInPerson() private view {
        if (msg.sender == authority()) revert NotInPerson(msg.sender);
    }
}
