// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";

/// @title The network's roles
/// @notice OpenZeppelin's AccessManager, which knows Tillnet's contracts: one call gives every restricted function its
/// role. Roles: 0 admin, 1 operator, 2 finance, 3 the Registry contract, 4 the RewardRules contract.
/// @dev Trust: the admin can give itself any role; keep its key apart from the operator's.
interface INetworkAccess is IAccessManager {
    /// @notice Every restricted function of these contracts has its role.
    event Connected(address indexed ledger, address indexed cash, address indexed registry, address rules);

    /// @notice Gives every restricted function its role, and the Registry and RewardRules their doors. Admin only.
    function connect(address ledger, address cash, address registry, address rules) external;
    /// @notice Role that runs the network: streams, merchants, terminals, vetoes, pause.
    function OPERATOR() external view returns (uint64);
    /// @notice Role that mints cash and recharges members.
    function FINANCE() external view returns (uint64);
}
