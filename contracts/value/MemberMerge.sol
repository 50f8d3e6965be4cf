// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAdvices} from "../../interfaces/IAdvices.sol";
import {IMemberCards} from "../../interfaces/IMemberCards.sol";
import {IMemberMerge} from "../../interfaces/IMemberMerge.sol";
import {IStoredValue} from "../../interfaces/IStoredValue.sol";
import {TwoPeople} from "../governance/TwoPeople.sol";
import {MemberSigned} from "../suite/MemberSigned.sol";
import {SuitePart} from "../suite/SuitePart.sol";

/// @title Two members become one
contract MemberMerge is MemberSigned, TwoPeople, IMemberMerge {
    bytes32 private constant MERGE = keccak256("Merge(uint64 from,uint64 into,uint256 nonce,uint256 deadline)");

    IMemberCards private immutable _cards;
    IStoredValue private immutable _value;
    IAdvices private immutable _advices;
    mapping(uint64 from => mapping(uint64 into => Proposal)) private _proposals;

    constructor(
        address authority_,
        address ledger_,
        address registry_,
        address cards_,
        address value_,
        address advices_,
        uint40 patience_
    ) SuitePart(authority_, ledger_, registry_) MemberSigned("Tillnet members") TwoPeople(patience_) {
        (_cards, _value, _advices) = (IMemberCards(cards_), IStoredValue(value_), IAdvices(advices_));
    }

    /// @inheritdoc IMemberMerge
    function merge(
        uint64 from,
        uint64 into,
        uint32[] calldata merchants,
        uint256 deadline,
        bytes calldata signatureFrom,
        bytes calldata signatureInto
    ) external restricted {
        _requireMember(from, _terms(from, into, from, deadline), deadline, signatureFrom);
        _requireMember(into, _terms(from, into, into, deadline), deadline, signatureInto);
        _merge(from, into, merchants, 0);
    }

    /// @inheritdoc IMemberMerge
    function proposeMerge(uint64 from, uint64 into, bytes32 consent) external restricted {
        if (consent == 0) revert NoConsent();
        uint40 expires = _untilWhen();
        address key = registry.memberKey(into);
        _proposals[from][into] = Proposal(msg.sender, expires, key, consent);
        emit MergeProposed(from, into, consent, key, msg.sender, expires);
    }

    /// @inheritdoc IMemberMerge
    function approveMerge(uint64 from, uint64 into, uint32[] calldata merchants) external restricted {
        Proposal memory its = _proposals[from][into];
        _requireSecond(its.proposer, its.expires);
        address key = registry.memberKey(into);
        if (key != its.key) revert OtherKey(into, its.key, key);
        delete _proposals[from][into];
        _merge(from, into, merchants, its.consent);
    }

    /// @inheritdoc IMemberMerge
    function proposalOf(uint64 from, uint64 into) external view returns (Proposal memory) {
        return _proposals[from][into];
    }

    /// @dev What is known of both is added up before the ledger moves it; a lock follows the cards after it, and the old
    /// number's key is nobody's.
    function _merge(uint64 from, uint64 into, uint32[] calldata merchants, bytes32 consent) private {
        emit Merged(from, into, msg.sender, consent);
        _value.merge(from, into, merchants);
        _advices.merge(from, into, merchants);
        ledger.mergeMembers(from, into, merchants);
        _cards.merge(from, into);
        registry.dropKey(from);
    }

    function _terms(uint64 from, uint64 into, uint64 signer, uint256 deadline) private view returns (bytes32) {
        return keccak256(abi.encode(MERGE, from, into, nonceOf[signer], deadline));
    }
}
