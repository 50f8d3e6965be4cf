// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";

/// @title The network's roles
/// @notice OpenZeppelin's AccessManager, which knows Tillnet's contracts: one call gives every restricted function its
/// role. People's roles: 0 admin, 1 operator, 2 finance, 6 auditor, 7 reporter, 8 bridge, 9 keeper. Contracts' roles:
/// 3 the Registry, 4 RewardRules, 5 members (the Registry and StoredValue: enrol, lock, tier).
/// @dev Trust: the admin decides which role each function has and which contracts have doors; keep its key apart, and
/// its acts behind a delay (docs/trust.md, delays). The keeper gives and takes people's roles but its own.
interface INetworkAccess is IAccessManager {
    /// @notice Every restricted function of these contracts has its role.
    event Connected(address indexed ledger, address indexed cash, address indexed registry, address rules);

    /// @notice Gives every restricted function its role, and the Registry and RewardRules their doors. Admin only.
    function connect(address ledger, address cash, address registry, address rules) external;
    /// @notice Role that runs the network: streams, merchants, terminals, vetoes, pause.
    function OPERATOR() external view returns (uint64);
    /// @notice Role that mints cash and recharges members.
    function FINANCE() external view returns (uint64);
    /// @notice Role that checks: cancels what others have scheduled, and is asked a second time where two are needed.
    function AUDITOR() external view returns (uint64);
    /// @notice Role that reports prices.
    function REPORTER() external view returns (uint64);
    /// @notice Role of the keys that may post streams.
    function BRIDGE() external view returns (uint64);
    /// @notice Role that gives and takes the roles of people: operator, finance, auditor, reporter, bridge.
    function KEEPER() external view returns (uint64);
}
