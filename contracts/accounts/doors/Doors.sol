// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRewardToken} from "../../../interfaces/IRewardToken.sol";
import {LedgerBase} from "../LedgerBase.sol";
import {ActDoors} from "./ActDoors.sol";
import {ControlDoors} from "./ControlDoors.sol";
import {MoneyDoors} from "./MoneyDoors.sol";
import {PointDoors} from "./PointDoors.sol";

/// @title The ledger's doors
/// @notice All that the ledger does outside of posting. The specification is IRewardToken and ILedgerDoors.
/// @dev Code of the ledger that lies in a contract of its own, since one contract holds 24 KiB: the ledger deploys it
/// and hands its calls over by delegatecall, so all state is the ledger's. It has no variables of its own; called
/// directly it knows no merchant, no member and no door.
contract Doors is ControlDoors, PointDoors, MoneyDoors, ActDoors {
    constructor(address cash_, IRewardToken.Terms memory terms) LedgerBase(cash_, terms) {}
}
