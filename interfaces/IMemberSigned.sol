// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Acts that a member signs
/// @notice The member's registered key (Registry) either sends the transaction, or signs EIP-712 terms that anybody
/// may carry, once, until a deadline. A contract account signs by ERC-1271.
interface IMemberSigned {
    /// @notice Neither sent nor signed by the member's key, or the member has none.
    error NotMember(uint64 member, address key);
    /// @notice The signature's time is over.
    error SignatureExpired(uint256 deadline);

    /// @notice The nonce that the member's next signature names; each is used once, in order.
    function nonceOf(uint64 member) external view returns (uint256);
}
