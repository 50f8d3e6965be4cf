// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title Foreign tokens come in and go out
/// @dev What comes in is measured; what cannot be sent waits for its owner, so that nobody who refuses a payment stops
/// somebody else's.
abstract contract AssetCustody {
    using SafeERC20 for IERC20;

    mapping(address asset => mapping(address owner => uint256)) internal _claims;
    /// @dev The sum of all claims
    mapping(address asset => uint256) internal _allClaims;

    function _onUnsent(address asset, address owner, uint256 amount) internal virtual;
    function _notReceived(address asset, uint256 expected, uint256 received) internal pure virtual;

    /// @dev Takes exactly this much from an account that approved this contract, or reverts.
    function _pullExactly(address asset, address from, uint256 amount) internal {
        uint256 before = IERC20(asset).balanceOf(address(this));
        IERC20(asset).safeTransferFrom(from, address(this), amount);
        uint256 then = IERC20(asset).balanceOf(address(this));
        if (then < before || then - before != amount) _notReceived(asset, amount, then < before ? 0 : then - before);
    }

    /// @dev Sends, or keeps it for the owner to claim.
    function _sendOrKeep(address asset, address owner, uint256 amount) internal {
        if (amount == 0) return;
        if (IERC20(asset).trySafeTransfer(owner, amount)) return;
        _claims[asset][owner] += amount;
        _allClaims[asset] += amount;
        _onUnsent(asset, owner, amount);
    }

    /// @dev What waits for its owner, who gets it now.
    function _clearClaim(address asset, address owner) internal returns (uint256 amount) {
        amount = _claims[asset][owner];
        _claims[asset][owner] = 0;
        _allClaims[asset] -= amount;
    }
}
