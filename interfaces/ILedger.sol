// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {IERC3009} from "./IERC3009.sol";
import {IRewardToken} from "./IRewardToken.sol";
import {ISuccession} from "./ISuccession.sol";

/// @title All that answers at the ledger's address
/// @notice The ledger's code lies in several contracts (RewardToken, Doors, Refunds, Succession), so no compiled contract
/// has the ABI of the whole; this has, and whoever talks to the ledger takes it from here. A test compares it with what
/// the contracts answer.
interface ILedger is IRewardToken, ISuccession, IERC20Permit, IERC3009, IERC5267, IERC20Errors, IAccessManaged {
    /// @notice A permit is out of time.
    error ERC2612ExpiredSignature(uint256 deadline);
    /// @notice A permit is not signed by its giver.
    error ERC2612InvalidSigner(address signer, address owner);
    /// @notice A signature that nobody can have made.
    error ECDSAInvalidSignature();
    /// @notice A signature whose `s` is in the upper half.
    error ECDSAInvalidSignatureS(bytes32 s);
    /// @notice The cash did not move.
    error SafeERC20FailedOperation(address token);

    /// @notice An act is refused for this reason (docs/batch.md); the ledger turns it into Skipped.
    error ActRefused(uint8 reason);

    /// @notice The part of the ledger's code that undoes payments.
    function refunds() external view returns (address);
    /// @notice The part of the ledger's code that sets, gives, takes and tells.
    function doors() external view returns (address);
    /// @notice The part of the ledger's code that leads to the next ledger.
    function succession() external view returns (address);
}
