// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Who may send transactions, and who may create contracts with them
/// @notice A genesis contract, as the ValidatorRegistry is. A rule of consensus: a block with a transaction of a sender
/// that may not send in the state of the block before is no valid proposal. Permissions are bits: 1 send, 2 deploy (a
/// transaction that creates a contract; it needs both). A permitted account's contracts may create others.
/// @dev Trust: the admin decides who may send. It cannot keep validators from voting: their accounts may always send.
/// More than two thirds of the validators' power replace the admin through the ValidatorRegistry.
interface IAccountRegistry {
    /// @notice This account has these permissions now. Those of block 0 have no event.
    event PermissionsSet(address indexed account, uint8 permissions);
    /// @notice Accounts that were never listed have these permissions now.
    event DefaultSet(uint8 permissions);
    /// @notice Somebody else is the admin, nobody if 0.
    event AdminChanged(address indexed before, address indexed admin);

    /// @notice Only the admin does this.
    error NotAdmin(address account);
    /// @notice Only the admin or the ValidatorRegistry does this.
    error NotAdminOrValidators(address account);
    /// @notice Permissions are 0 to 3.
    error BadPermissions(uint8 permissions);
    /// @notice At most `most` accounts at a time.
    error TooManyAccounts(uint256 count, uint256 most);

    /// @notice Gives accounts these permissions, in the place of what they had. Admin only, 500 at a time.
    function setPermissions(address[] calldata accounts, uint8 permissions) external;
    /// @notice What accounts may that were never listed. Admin only.
    function setDefault(uint8 permissions) external;
    /// @notice Names another admin, or none (0). The admin, or the validators by a vote.
    function setAdmin(address account) external;

    /// @notice Who gives permissions; 0 for nobody.
    function admin() external view returns (address);
    /// @notice What an account may that was never listed.
    function defaultPermissions() external view returns (uint8);
    /// @notice What an account may: bits 1 send, 2 deploy. Validators' accounts may always send.
    function permissionsOf(address account) external view returns (uint8);
    /// @notice The same for many, in their order.
    function permissionsOfAll(address[] calldata accounts) external view returns (uint8[] memory);
    /// @notice How many accounts are listed.
    function listedCount() external view returns (uint256);
    /// @notice Listed accounts from `start` on, `count` at most, in the order in which they were listed.
    function listed(uint256 start, uint256 count) external view returns (address[] memory);
}
