// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRewardToken} from "../../../interfaces/IRewardToken.sol";
import {handOver} from "../../libraries/HandOver.sol";
import {LedgerBase} from "../LedgerBase.sol";
import {LedgerViews} from "../LedgerViews.sol";
import {ActDoors} from "./ActDoors.sol";
import {ControlDoors} from "./ControlDoors.sol";
import {MoneyDoors} from "./MoneyDoors.sol";
import {PointDoors} from "./PointDoors.sol";

/// @title The ledger's doors
/// @notice All that the ledger does outside of posting, and what it tells. The specification is IRewardToken and
/// ILedgerDoors.
/// @dev Code of the ledger that lies in a contract of its own, since one contract holds 24 KiB: the ledger deploys it
/// and hands its calls over by delegatecall, so all state is the ledger's. It has no variables of its own; called
/// directly it knows no merchant, no member, no door and no authority.
contract Doors is ControlDoors, PointDoors, MoneyDoors, ActDoors, LedgerViews {
    /// @notice ILedger.doors
    address public immutable doors = address(this);
    /// @notice ILedger.succession
    address public immutable succession;

    constructor(address cash_, IRewardToken.Terms memory terms, address succession_) LedgerBase(cash_, terms) {
        succession = succession_;
    }

    /// @dev What is not said here is what a ledger and its successor ask of each other (ISuccession).
    fallback() external {
        handOver(succession);
    }
}
