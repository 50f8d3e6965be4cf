// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAccountRegistry} from "../../interfaces/IAccountRegistry.sol";
import {IValidatorRegistry} from "../../interfaces/IValidatorRegistry.sol";

/// @title Who may send transactions
/// @dev Stands in block 0 at a fixed address, so it has no constructor; node/network/registries.py writes its storage.
contract AccountRegistry is IAccountRegistry {
    address private constant VALIDATORS = 0x0000000000000000000000000000000000007111;
    uint8 private constant SEND = 1;
    uint8 private constant MOST = 3;
    uint8 private constant LISTED = 128;
    uint256 private constant BATCH = 500;

    /// @inheritdoc IAccountRegistry
    address public admin;
    /// @inheritdoc IAccountRegistry
    uint8 public defaultPermissions;
    /// @dev Permissions, with the bit LISTED.
    mapping(address account => uint8) private _entries;
    address[] private _accounts;

    modifier onlyAdmin() {
        if (msg.sender != admin) revert NotAdmin(msg.sender);
        _;
    }

    /// @inheritdoc IAccountRegistry
    function setPermissions(address[] calldata accounts, uint8 permissions) external onlyAdmin {
        if (permissions > MOST) revert BadPermissions(permissions);
        if (accounts.length > BATCH) revert TooManyAccounts(accounts.length, BATCH);
        for (uint256 i = 0; i < accounts.length; ++i) {
            address account = accounts[i];
            if (_entries[account] == 0) _accounts.push(account);
            _entries[account] = LISTED | permissions;
            emit PermissionsSet(account, permissions);
        }
    }

    /// @inheritdoc IAccountRegistry
    function setDefault(uint8 permissions) external onlyAdmin {
        if (permissions > MOST) revert BadPermissions(permissions);
        defaultPermissions = permissions;
        emit DefaultSet(permissions);
    }

    /// @inheritdoc IAccountRegistry
    function setAdmin(address account) external {
        if (msg.sender != admin && msg.sender != VALIDATORS) revert NotAdminOrValidators(msg.sender);
        emit AdminChanged(admin, account);
        admin = account;
    }

    /// @inheritdoc IAccountRegistry
    function permissionsOfAll(address[] calldata accounts) external view returns (uint8[] memory found) {
        found = new uint8[](accounts.length);
        for (uint256 i = 0; i < accounts.length; ++i) {
            found[i] = permissionsOf(accounts[i]);
        }
    }

    /// @inheritdoc IAccountRegistry
    function listedCount() external view returns (uint256) {
        return _accounts.length;
    }

    /// @inheritdoc IAccountRegistry
    function listed(uint256 start, uint256 count) external view returns (address[] memory found) {
        uint256 left = start < _accounts.length ? _accounts.length - start : 0;
        found = new address[](count < left ? count : left);
        for (uint256 i = 0; i < found.length; ++i) {
            found[i] = _accounts[start + i];
        }
    }

    /// @inheritdoc IAccountRegistry
    function permissionsOf(address account) public view returns (uint8 permissions) {
        uint8 entry = _entries[account];
        permissions = entry == 0 ? defaultPermissions : entry & MOST;
        // else the admin could keep those from voting who may replace it
        if (permissions & SEND == 0 && IValidatorRegistry(VALIDATORS).isValidator(account)) permissions |= SEND;
    }
}
