// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IRegistry} from "../../interfaces/IRegistry.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {TwoPeople} from "../governance/TwoPeople.sol";
import {OWNER} from "../libraries/Groups.sol";

/// @title Who acts for a merchant, and by which key a member signs
/// @notice Whoever holds these keys moves all that the merchant or the member owns, so the operator alone only gives a
/// key where nothing can be taken with it, and takes powers away; anything else needs finance to say yes as well.
abstract contract Mandates is AccessManaged, TwoPeople, IRegistry {
    /// @inheritdoc IRegistry
    address public immutable ledger;
    /// @dev Instead of a key that was taken away: the next one is not the first. No account has this address.
    address private constant TAKEN_AWAY = address(1);
    mapping(uint64 member => address) private _keys;
    mapping(uint32 merchantId => mapping(address account => uint8)) private _groups;
    mapping(bytes32 change => Proposal) private _proposals;

    constructor(address ledger_) {
        ledger = ledger_;
    }

    // --- merchants' groups ----------------------------------------------------------------------------------------

    /// @inheritdoc IRegistry
    function setGroups(uint32 merchantId, address account, uint8 groups) external {
        if (!inGroup(merchantId, msg.sender, OWNER)) revert NotInGroup(merchantId, msg.sender, OWNER);
        _setGroups(merchantId, account, groups);
    }

    /// @inheritdoc IRegistry
    function resetGroups(uint32 merchantId, address account, uint8 groups) external restricted {
        _requireMerchant(merchantId);
        if (groups & ~_groups[merchantId][account] != 0) revert NeedsApproval();
        _setGroups(merchantId, account, groups);
    }

    /// @inheritdoc IRegistry
    function proposeGroups(uint32 merchantId, address account, uint8 groups) external restricted {
        _requireMerchant(merchantId);
        emit GroupsProposed(
            merchantId, account, groups, msg.sender, _propose(_groupsChange(merchantId, account, groups))
        );
    }

    /// @inheritdoc IRegistry
    function approveGroups(uint32 merchantId, address account, uint8 groups) external restricted {
        _approve(_groupsChange(merchantId, account, groups));
        _setGroups(merchantId, account, groups);
    }

    // --- members' keys --------------------------------------------------------------------------------------------

    /// @inheritdoc IRegistry
    function setMemberKey(uint64 member, address key) external restricted {
        if (key != address(0) && !_mayHaveFirstKey(member)) revert NeedsApproval();
        _setMemberKey(member, key);
    }

    /// @inheritdoc IRegistry
    function changeMemberKey(uint64 member, address key) external {
        if (memberKey(member) != msg.sender) revert NotMemberKey(member, msg.sender);
        _setMemberKey(member, key);
    }

    /// @inheritdoc IRegistry
    function proposeMemberKey(uint64 member, address key) external restricted {
        emit MemberKeyProposed(member, key, msg.sender, _propose(_keyChange(member, key)));
    }

    /// @inheritdoc IRegistry
    function approveMemberKey(uint64 member, address key) external restricted {
        _approve(_keyChange(member, key));
        _setMemberKey(member, key);
    }

    /// @inheritdoc IRegistry
    function dropKey(uint64 member) external {
        if (IRewardToken(ledger).survivorOf(member) == member) revert NotMerged(member);
        if (memberKey(member) != address(0)) _setMemberKey(member, address(0));
    }

    // --- views ----------------------------------------------------------------------------------------------------

    /// @inheritdoc IRegistry
    function memberKey(uint64 member) public view returns (address key) {
        key = _keys[member];
        if (key == TAKEN_AWAY) key = address(0);
    }

    /// @inheritdoc IRegistry
    function groupsOf(uint32 merchantId, address account) external view returns (uint8) {
        return _groups[merchantId][account];
    }

    /// @inheritdoc IRegistry
    function inGroup(uint32 merchantId, address account, uint8 group) public view returns (bool) {
        return _groups[merchantId][account] & group != 0;
    }

    // --- inside ---------------------------------------------------------------------------------------------------

    function _requireMerchant(uint32 id) internal view virtual;

    function _setGroups(uint32 merchantId, address account, uint8 groups) internal {
        _groups[merchantId][account] = groups;
        emit GroupsSet(merchantId, account, groups, msg.sender);
    }

    function _setMemberKey(uint64 member, address key) private {
        if (key != address(0)) {
            uint64 into = IRewardToken(ledger).survivorOf(member);
            if (into != member) revert MergedAway(member, into);
        }
        _keys[member] = key == address(0) ? TAKEN_AWAY : key;
        emit MemberKeySet(member, key);
    }

    /// @dev What a change is agreed on; a proposal ends with its approval, and by itself when its time is over.
    function _propose(bytes32 change) private returns (uint40 expires) {
        expires = _untilWhen();
        _proposals[change] = Proposal(msg.sender, expires);
    }

    function _approve(bytes32 change) private {
        Proposal memory its = _proposals[change];
        _requireSecond(its.proposer, its.expires);
        delete _proposals[change];
    }

    function _mayHaveFirstKey(uint64 member) private view returns (bool) {
        if (_keys[member] != address(0)) return false;
        IRewardToken.Account memory its = IRewardToken(ledger).account(member);
        return its.value == 0 && its.current == 0 && its.previous == 0;
    }

    /// @dev A change is from what is there to something else: when that changes meanwhile, nothing was proposed.
    function _groupsChange(uint32 merchantId, address account, uint8 groups) private view returns (bytes32) {
        uint8 from = _groups[merchantId][account];
        return keccak256(abi.encode(IRegistry.approveGroups.selector, merchantId, account, from, groups));
    }

    function _keyChange(uint64 member, address key) private view returns (bytes32) {
        return keccak256(abi.encode(IRegistry.approveMemberKey.selector, member, _keys[member], key));
    }
}
