// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Who allows that its data choose what it is offered
/// @notice A member's consent to targeting. It counts for what the member gets from then on, and can be withdrawn.
/// @dev Trust: the operator may say it for members without a key, and answers for having been told so.
interface IConsents {
    /// @notice A member consents, or does not any more.
    event ConsentSet(uint64 indexed member, bool given);

    /// @notice Gives or withdraws consent. The member's key sends, or signs
    /// `Consent(uint64 member,bool given,uint256 nonce,uint256 deadline)`.
    function consent(uint64 member, bool given, uint256 deadline, bytes calldata signature) external;
    /// @notice The same for a member without a key. Operator only.
    function consentFor(uint64 member, bool given) external;
    /// @notice Whether a member consents to targeting.
    function consentOf(uint64 member) external view returns (bool);
}
