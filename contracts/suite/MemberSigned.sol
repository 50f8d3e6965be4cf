// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IMemberSigned} from "../../interfaces/IMemberSigned.sol";
import {SuitePart} from "./SuitePart.sol";

/// @title Acts that a member signs
/// @dev The domain's name is the contract's, version "1".
abstract contract MemberSigned is SuitePart, EIP712, IMemberSigned {
    /// @inheritdoc IMemberSigned
    mapping(uint64 member => uint256) public nonceOf;

    constructor(string memory name) EIP712(name, "1") {}

    /// @dev The member's key is the sender, or signed `structHash`, whose last two fields are `nonceOf(member)` and
    /// the deadline. An empty signature says that the key itself sends.
    function _requireMember(uint64 member, bytes32 structHash, uint256 deadline, bytes calldata signature) internal {
        address key = registry.memberKey(member);
        if (key == address(0)) revert NotMember(member, key);
        if (signature.length == 0) {
            if (msg.sender != key) revert NotMember(member, key);
            return;
        }
        if (block.timestamp > deadline) revert SignatureExpired(deadline);
        ++nonceOf[member];
        bytes32 digest = _hashTypedDataV4(structHash);
        if (!SignatureChecker.isValidSignatureNow(key, digest, signature)) revert NotMember(member, key);
    }
}
