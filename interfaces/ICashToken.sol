// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

/// @title The operator's e-money
/// @notice ERC-20 with 2 decimals: one token unit is one minor unit of the currency. Minted when money is deposited
/// with the operator, burned when it is withdrawn.
/// @dev Trust: whoever holds the finance role mints, and answers for the bank account behind it.
interface ICashToken is IERC20Metadata {
    /// @notice Money came in; `reference_` is the operator's own (no personal data).
    event Deposited(address indexed to, uint256 amount, bytes32 indexed reference_);
    /// @notice The holder wants money out.
    event Withdrawn(address indexed from, uint256 amount, bytes32 indexed reference_);

    /// @notice Mints for money that came in, minor units. Finance only.
    function deposit(address to, uint256 amount, bytes32 reference_) external;
    /// @notice Burns the sender's tokens; the operator pays out.
    function withdraw(uint256 amount, bytes32 reference_) external;
    /// @notice ISO 4217 code of the currency, for instance "USD".
    function currency() external view returns (string memory);
}
