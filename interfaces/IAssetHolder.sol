// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title A contract that holds tokens of others than this network
/// @notice `asset.balanceOf(holder) >= holder.assetOwed(asset)` at every moment, as long as the token keeps its word.
interface IAssetHolder {
    /// @notice All of this token that the contract owes to anybody, in the token's own smallest units; 0 for the coin.
    function assetOwed(address asset) external view returns (uint256);
}
