// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRegistry} from "./IRegistry.sol";
import {IRewardToken} from "./IRewardToken.sol";

/// @title What all contracts beside the ledger have in common
interface ISuitePart {
    /// @notice Only the ledger may call this.
    error NotLedger(address sender);
    /// @notice The network is paused; what undoes and pays back still works.
    error NetworkPaused();
    /// @notice The operator closed the merchant: nothing new is sold there. What undoes, gives back or completes what was
    /// agreed on before still works.
    error MerchantClosed(uint32 merchant);

    /// @notice The ledger whose doors this contract uses.
    function ledger() external view returns (IRewardToken);
    /// @notice Merchants, their groups, and members' keys.
    function registry() external view returns (IRegistry);
}
