// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title What one person proposes and another approves
/// @notice A proposal waits `patience` seconds for its second person, and is nothing after that. Both are seen: neither
/// acts through the network's AccessManager (`execute`), in which everybody has the same address. What was scheduled
/// there is called directly when its time has come.
interface ITwoPeople {
    /// @notice Exactly this was not proposed (`expired` 0), or it waited too long.
    error NotProposed(uint40 expired);
    /// @notice Who proposes does not approve.
    error SamePerson(address approver);
    /// @notice Through the network's AccessManager nobody can tell who acts; call directly.
    error NotInPerson(address manager);

    /// @notice How long a proposal may wait, seconds.
    function patience() external view returns (uint40);
}
