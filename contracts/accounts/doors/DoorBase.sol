// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ILedgerDoors} from "../../../interfaces/ILedgerDoors.sol";
import {IRewardToken} from "../../../interfaces/IRewardToken.sol";
import {
    ACCOUNT,
    ARREARS,
    DOORS,
    FLAG_FROZEN,
    FLAG_LOCKED,
    IN_ACT,
    MEMBER,
    load,
    store,
    peek
} from "../../libraries/Slots.sol";
import {LedgerBase} from "../LedgerBase.sol";

/// @title What the doors share: who may, and whom they may touch
/// @dev `restricted` reads slot 0, which is the ledger's while the ledger runs this code (AuthoritySlot). The code itself
/// is made without an authority: called at its own address it refuses what is restricted, to everybody.
abstract contract DoorBase is AccessManaged, LedgerBase {
    constructor() AccessManaged(address(0)) {}

    function _requireDoor(uint256 door) internal view {
        if (load(DOORS | uint160(msg.sender)) & door == 0) revert ILedgerDoors.NoDoor(msg.sender, door);
    }

    /// @dev The slot of a member that may be debited.
    function _openMember(uint64 member) internal view returns (uint256 slot) {
        slot = _memberSlot(member);
        _requireFree(slot);
        if (load(slot) & (FLAG_LOCKED | FLAG_FROZEN) != 0) revert IRewardToken.AccountLocked(address(uint160(slot)));
    }

    /// @dev The posting loop holds the account of a member whose payment carries an act; nothing else may write it.
    function _requireFree(uint256 slot) internal view {
        if (peek(IN_ACT) == slot) revert ILedgerDoors.InAct(uint64(slot));
    }

    function _requireReceiver(address to) internal view {
        if (to == address(0) || to == address(this)) revert ILedgerDoors.BadReceiver(to);
    }

    /// @dev The slot of an address that coins may go to; of a merged member's it is the survivor's.
    function _receiverSlot(address to) internal view returns (uint256 slot) {
        _requireReceiver(to);
        slot = ACCOUNT | uint160(to);
        if (slot >> 64 == MEMBER >> 64) slot = MEMBER | _survivor(uint64(slot));
        _requireFree(slot);
    }

    function _addArrears(uint32 merchantId, uint64 member, uint256 units) internal {
        uint256 place = ARREARS | _pair(merchantId, member);
        store(place, load(place) + units);
        store(ARREARS | member, load(ARREARS | member) + units);
    }
}
