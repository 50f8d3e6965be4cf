// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IRegistry} from "../../interfaces/IRegistry.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {ISuitePart} from "../../interfaces/ISuitePart.sol";

/// @title What every contract beside the ledger is built on
/// @notice Knows the ledger, its cash and the Registry; asks for network roles (`restricted`), for a merchant's group,
/// for the ledger as caller, and that the network is not paused.
abstract contract SuitePart is AccessManaged, ISuitePart {
    using SafeERC20 for IERC20;

    /// @inheritdoc ISuitePart
    IRewardToken public immutable ledger;
    /// @inheritdoc ISuitePart
    IRegistry public immutable registry;
    IERC20 internal immutable _cash;
    uint256 internal immutable _par; // units for a minor unit
    uint8 internal constant ACTIVE = 1; // a merchant's flag

    modifier onlyLedger() {
        if (msg.sender != address(ledger)) revert NotLedger(msg.sender);
        _;
    }

    /// @dev Any of the groups' bits will do (libraries/Groups.sol).
    modifier onlyGroup(uint32 merchant, uint8 groups) {
        _requireGroup(merchant, msg.sender, groups);
        _;
    }

    /// @dev For what gives or earns. What undoes or pays back goes on in a pause.
    modifier whenRunning() {
        if (ledger.paused()) revert NetworkPaused();
        _;
    }

    constructor(address authority_, address ledger_, address registry_) AccessManaged(authority_) {
        ledger = IRewardToken(ledger_);
        registry = IRegistry(registry_);
        _cash = IERC20(IRewardToken(ledger_).cash());
        _par = IRewardToken(ledger_).unitsPerMinorUnit();
        // the ledger takes cash for what this contract pays to merchants and members
        _cash.forceApprove(ledger_, type(uint256).max);
    }

    function _requireGroup(uint32 merchant, address account, uint8 groups) internal view {
        if (!registry.inGroup(merchant, account, groups)) revert IRegistry.NotInGroup(merchant, account, groups);
    }

    /// @dev For what a merchant sells anew. Acts in a batch need not ask: the ledger does.
    function _requireActive(uint32 merchant) internal view {
        if (ledger.merchant(merchant).flags & ACTIVE == 0) revert MerchantClosed(merchant);
    }

    /// @dev Takes cash from an account that approved this contract.
    function _takeCash(address from, uint256 amount) internal {
        _cash.safeTransferFrom(from, address(this), amount);
    }

    function _payCash(address to, uint256 amount) internal {
        _cash.safeTransfer(to, amount);
    }

    /// @dev What can be undone at a merchant's till without the guarantee fund, for which drawOn would reach last: a
    /// merchant that was paid out could empty that with a friend. What it owes that fund counts as its own here: the
    /// money of a sale that is undone on its day never was the merchant's, and a till's reversal must not fail for a debt.
    function _fundsOf(uint32 merchant) internal view returns (uint256) {
        return uint256(ledger.merchant(merchant).payable_) + ledger.deposits(merchant);
    }

    /// @dev What a merchant can let go of by an act of its own: what it owes the guarantee fund is set aside first.
    function _ownFundsOf(uint32 merchant) internal view returns (uint256) {
        return Math.saturatingSub(_fundsOf(merchant), ledger.guaranteed(merchant));
    }

    function _epoch() internal view returns (uint16) {
        return ledger.currentEpoch();
    }
}
