// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IAssetGateway} from "../../interfaces/IAssetGateway.sol";
import {IAssetHolder} from "../../interfaces/IAssetHolder.sol";
import {ICashHolder} from "../../interfaces/ICashHolder.sol";
import {AssetMath} from "../libraries/AssetMath.sol";
import {SuitePart} from "../suite/SuitePart.sol";
import {AssetCustody} from "./AssetCustody.sol";

/// @title What the gateway holds: cash for merchants, assets from payers, and the limits of each asset
abstract contract GatewayVault is
    SuitePart,
    AssetCustody,
    ReentrancyGuardTransient,
    ICashHolder,
    IAssetHolder,
    IAssetGateway
{
    using SafeERC20 for IERC20;

    /// @dev One slot: cash that is free, cash that is reserved by locks, and a counter of sales.
    struct Inventory {
        uint64 free;
        uint64 reserved;
        uint64 sales;
    }

    uint256 internal immutable _refundWindow;
    Inventory internal _inventory;
    mapping(address asset => Listing) internal _listings;
    mapping(address asset => Vault) internal _vaults;
    /// @inheritdoc IAssetGateway
    mapping(address asset => mapping(uint16 day => uint128)) public heldOfDay;

    constructor(uint32 refundWindow) {
        _refundWindow = refundWindow;
    }

    /// @inheritdoc IAssetGateway
    function setAsset(address asset, uint8 decimals, uint64 paymentLimit, uint64 dayLimit) external restricted {
        if (asset == address(_cash) || asset == address(ledger)) revert OwnToken(asset);
        if (asset.code.length == 0) revert NotListed(asset);
        uint256 found = IERC20Metadata(asset).decimals();
        if (found != decimals || found > AssetMath.MOST_DECIMALS) revert WrongDecimals(asset, decimals, found);
        Listing storage its = _listings[asset];
        its.decimals = decimals;
        its.listed = true;
        its.paymentLimit = _requireFits(paymentLimit);
        its.dayLimit = _requireFits(dayLimit);
        emit AssetListed(asset, decimals, its.paymentLimit, its.dayLimit);
    }

    /// @inheritdoc IAssetGateway
    function fund(uint64 amount) external nonReentrant {
        if (amount == 0) revert NothingToDo();
        // all of it may be free at once
        uint256 held = uint256(_inventory.free) + _inventory.reserved;
        if (amount > type(uint64).max - held) revert AmountTooLarge(amount);
        _inventory.free += amount;
        emit InventoryFunded(msg.sender, amount);
        _takeCash(msg.sender, amount);
    }

    /// @inheritdoc IAssetGateway
    function takeInventory(uint64 amount, address to) external restricted nonReentrant {
        if (amount == 0) revert NothingToDo();
        if (amount > _inventory.free) revert InventoryShort(amount, _inventory.free);
        _inventory.free -= amount;
        emit InventoryTaken(to, amount);
        _payCash(to, amount);
    }

    /// @inheritdoc IAssetGateway
    function addAsset(address asset, uint128 amount) external nonReentrant {
        _requireListed(asset);
        if (amount == 0) revert NothingToDo();
        _vaults[asset].free += amount;
        emit AssetAdded(asset, msg.sender, amount);
        _pullExactly(asset, msg.sender, amount);
    }

    /// @inheritdoc IAssetGateway
    function takeAsset(address asset, uint128 amount, address to) external restricted nonReentrant {
        if (amount == 0) revert NothingToDo();
        _takeFree(asset, amount);
        emit AssetTaken(asset, to, amount);
        IERC20(asset).safeTransfer(to, amount);
    }

    /// @inheritdoc IAssetGateway
    function releaseDay(address asset, uint16 day) external {
        uint256 until = (uint256(day) + 1) * 1 days + _refundWindow;
        if (block.timestamp < until) revert RefundWindowOpen(asset, day, until);
        uint128 amount = heldOfDay[asset][day];
        if (amount == 0) revert NothingToDo();
        heldOfDay[asset][day] = 0;
        _vaults[asset].held -= amount;
        _vaults[asset].free += amount;
        emit DayReleased(asset, day, amount);
    }

    /// @inheritdoc IAssetGateway
    function claim(address asset, address to) external nonReentrant {
        uint256 amount = _clearClaim(asset, msg.sender);
        if (amount == 0) revert NothingToDo();
        emit Claimed(asset, msg.sender, to, amount);
        IERC20(asset).safeTransfer(to, amount);
    }

    /// @inheritdoc IAssetGateway
    function listing(address asset) external view returns (Listing memory) {
        return _listings[asset];
    }

    /// @inheritdoc IAssetGateway
    function vault(address asset) external view returns (Vault memory) {
        return _vaults[asset];
    }

    /// @inheritdoc IAssetGateway
    function inventory() external view returns (uint64 free, uint64 reserved, uint64 sales) {
        return (_inventory.free, _inventory.reserved, _inventory.sales);
    }

    /// @inheritdoc ICashHolder
    function cashOwed() external view returns (uint256) {
        return uint256(_inventory.free) + _inventory.reserved;
    }

    /// @inheritdoc IAssetHolder
    function assetOwed(address asset) external view returns (uint256) {
        return uint256(_vaults[asset].free) + _vaults[asset].held + _allClaims[asset];
    }

    /// @inheritdoc IAssetGateway
    function claimable(address asset, address owner) external view returns (uint256) {
        return _claims[asset][owner];
    }

    // --- inside ---------------------------------------------------------------------------------------------------

    /// @dev Money of a sale fits 48 bits.
    function _requireFits(uint64 amount) internal pure returns (uint48) {
        if (amount > type(uint48).max) revert AmountTooLarge(amount);
        return uint48(amount);
    }

    function _requireListed(address asset) internal view {
        if (!_listings[asset].listed) revert NotListed(asset);
    }

    /// @dev Counts a payment against the asset's limits.
    function _useLimits(address asset, uint48 amount) internal {
        Listing memory its = _listings[asset];
        if (amount > its.paymentLimit) revert OverPaymentLimit(asset, amount, its.paymentLimit);
        uint16 today = uint16(block.timestamp / 1 days);
        if (its.day != today) (its.day, its.used) = (today, 0);
        // a limit that was lowered may lie below what was used
        uint256 left = its.dayLimit > its.used ? its.dayLimit - its.used : 0;
        if (amount > left) revert OverDayLimit(asset, amount, left);
        its.used += amount;
        _listings[asset] = its;
    }

    function _takeFree(address asset, uint128 amount) internal {
        uint128 free = _vaults[asset].free;
        if (amount > free) revert VaultShort(asset, amount, free);
        _vaults[asset].free = free - amount;
    }

    function _onUnsent(address asset, address owner, uint256 amount) internal override {
        emit Unsent(asset, owner, amount);
    }

    function _notReceived(address asset, uint256 expected, uint256 received) internal pure override {
        revert NotReceived(asset, expected, received);
    }
}
