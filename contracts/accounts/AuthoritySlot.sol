// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";

/// @title Slot 0 of the ledger: who decides on roles
/// @notice Laid out as OpenZeppelin's AccessManaged has it. What is restricted stands in the ledger's other code
/// (DoorBase), which runs on the ledger's storage and finds its authority here.
/// @dev The ledger inherits this first. It does not inherit AccessManaged: three more functions would make every transfer
/// dearer.
abstract contract AuthoritySlot {
    address private _authority;
    bool private _consumingSchedule;

    constructor(address authority_) {
        _authority = authority_;
        emit IAccessManaged.AuthorityUpdated(authority_);
    }
}
