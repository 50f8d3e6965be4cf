// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IConsents} from "../../interfaces/IConsents.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {MemberSigned} from "../suite/MemberSigned.sol";
import {SuitePart} from "../suite/SuitePart.sol";

/// @title Who allows that its data choose what it is offered
contract Consents is MemberSigned, IConsents {
    bytes32 private constant CONSENT = keccak256("Consent(uint64 member,bool given,uint256 nonce,uint256 deadline)");
    uint16 private constant FLAG_REGISTERED = 1;

    /// @inheritdoc IConsents
    mapping(uint64 member => bool) public consentOf;

    constructor(address authority_, address ledger_, address registry_)
        SuitePart(authority_, ledger_, registry_)
        MemberSigned("Till Consents")
    {}

    /// @inheritdoc IConsents
    function consent(uint64 member, bool given, uint256 deadline, bytes calldata signature) external {
        bytes32 terms = keccak256(abi.encode(CONSENT, member, given, nonceOf[member], deadline));
        _requireMember(member, terms, deadline, signature);
        _set(member, given);
    }

    /// @inheritdoc IConsents
    function consentFor(uint64 member, bool given) external restricted {
        if (ledger.account(member).flags & FLAG_REGISTERED == 0) revert IRewardToken.UnknownMember(member);
        _set(member, given);
    }

    function _set(uint64 member, bool given) private {
        consentOf[member] = given;
        emit ConsentSet(member, given);
    }
}
