// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAccountRegistry} from "../../interfaces/IAccountRegistry.sol";
import {IValidatorRegistry} from "../../interfaces/IValidatorRegistry.sol";
import {ValidatorRoll} from "./ValidatorRoll.sol";

/// @title Who validates: proposals, votes and evidence
/// @dev Stands in block 0 at a fixed address, so it has no constructor; node/network/registries.py writes its storage.
contract ValidatorRegistry is ValidatorRoll {
    address private constant ACCOUNTS = 0x0000000000000000000000000000000000007112;
    uint256 private constant OPEN_EACH = 4;
    uint64 private constant OPEN_BLOCKS = 259_200; // three days
    uint8 private constant FOR = 1;
    uint8 private constant AGAINST = 2;

    /// @inheritdoc IValidatorRegistry
    uint256 public proposalCount;
    mapping(uint256 id => Proposal) private _proposals;
    /// @inheritdoc IValidatorRegistry
    mapping(uint256 id => mapping(address account => uint8)) public voteOf;
    /// @dev By proposer; those that were closed or expired stay until it proposes again.
    mapping(address proposer => uint256[]) private _proposed;
    /// @inheritdoc IValidatorRegistry
    mapping(bytes20 culprit => mapping(address account => bool)) public hasReported;

    modifier onlyValidator() {
        if (!isValidator(msg.sender)) revert NotValidator(msg.sender);
        _;
    }

    /// @inheritdoc IValidatorRegistry
    function propose(Action calldata action, bool drastic) external onlyValidator returns (uint256 id) {
        (uint256 changed, uint256 total) = (_moved(action), totalPower());
        if (!drastic && changed * 3 > total) revert Drastic(changed, total);
        uint256[] storage own = _proposed[msg.sender];
        _forgetClosed(own);
        if (own.length == OPEN_EACH) revert TooMany(OPEN_EACH);
        id = ++proposalCount;
        own.push(id);
        uint64 expires = uint64(block.number) + OPEN_BLOCKS;
        _proposals[id] = Proposal({proposer: msg.sender, expires: expires, drastic: drastic, action: action});
        emit Proposed(id, msg.sender, action, drastic, expires);
        _vote(id, true);
    }

    /// @inheritdoc IValidatorRegistry
    function vote(uint256 id, bool approves) external onlyValidator {
        if (!_isOpen(id)) revert ProposalClosed(id);
        if (voteOf[id][msg.sender] != 0) revert AlreadyVoted(id, msg.sender);
        _vote(id, approves);
    }

    /// @inheritdoc IValidatorRegistry
    function leave() external onlyValidator {
        // alone it may be more than a third: nobody can be made to stay
        _spend(_validator(msg.sender).power, true);
        _remove(msg.sender, Reason.Left);
    }

    /// @inheritdoc IValidatorRegistry
    function reportEvidence(bytes20 culprit, uint64 height, uint8 kind) external onlyValidator {
        address owner = ownerOfKey[culprit];
        if (owner == address(0)) revert UnknownCulprit(culprit);
        if (isBanned[culprit] || hasReported[culprit][msg.sender]) return;
        hasReported[culprit][msg.sender] = true;
        emit EvidenceReported(culprit, msg.sender, height, kind);
        // nothing is proved here, so as much is needed as for a vote: with less, those who can only stop the chain would
        // accuse the others one by one until it is theirs
        if (_reporting(culprit) * 3 > totalPower() * 2) _accept(culprit, owner, height, kind);
    }

    /// @inheritdoc IValidatorRegistry
    function openProposals() external view returns (uint256[] memory ids) {
        ids = new uint256[](_validators.length * OPEN_EACH);
        uint256 count = 0;
        for (uint256 i = 0; i < _validators.length; ++i) {
            uint256[] storage own = _proposed[_validators[i].account];
            for (uint256 j = 0; j < own.length; ++j) {
                if (_isOpen(own[j])) ids[count++] = own[j];
            }
        }
        assembly ("memory-safe") {
            mstore(ids, count)
        }
    }

    /// @inheritdoc IValidatorRegistry
    function proposal(uint256 id) external view returns (Proposal memory) {
        return _proposals[id];
    }

    /// @inheritdoc IValidatorRegistry
    function tally(uint256 id) public view returns (uint256 approving, uint256 refusing) {
        for (uint256 i = 0; i < _validators.length; ++i) {
            uint8 choice = voteOf[id][_validators[i].account];
            if (choice == FOR) approving += _validators[i].power;
            if (choice == AGAINST) refusing += _validators[i].power;
        }
    }

    function _vote(uint256 id, bool approves) private {
        voteOf[id][msg.sender] = approves ? FOR : AGAINST;
        emit Voted(id, msg.sender, approves, _validator(msg.sender).power);
        (uint256 approving, uint256 refusing) = tally(id);
        uint256 total = totalPower();
        if (approving * 3 > total * 2) {
            _proposals[id].expires = 0;
            emit Passed(id);
            _do(_proposals[id].action, _proposals[id].drastic);
        } else if (refusing * 3 >= total) {
            _proposals[id].expires = 0;
            emit Rejected(id);
        }
    }

    function _do(Action memory action, bool drastic) private {
        _spend(_moved(action), drastic);
        if (action.kind == Kind.AddValidator) {
            _add(Validator(action.account, action.power, action.key, action.nodeId, action.name));
        } else if (action.kind == Kind.RemoveValidator) {
            _remove(action.account, Reason.Voted);
        } else if (action.kind == Kind.ChangePower) {
            _changePower(action.account, action.power);
        } else if (action.kind == Kind.RotateKey) {
            _rotate(action.account, action.key, action.nodeId);
        } else if (action.kind == Kind.AddObserver) {
            _addObserver(action.nodeId, action.name);
        } else if (action.kind == Kind.RemoveObserver) {
            _removeObserver(action.nodeId, false);
        } else {
            IAccountRegistry(ACCOUNTS).setAdmin(action.account);
        }
    }

    function _accept(bytes20 culprit, address owner, uint64 height, uint8 kind) private {
        isBanned[culprit] = true;
        // a key that was rotated away by a vote is banned, and who had it stays
        bool removed = isValidator(owner) && consensusAddress(_validator(owner).key) == culprit;
        emit EvidenceAccepted(culprit, owner, height, kind, removed);
        if (!removed) return;
        // never refused for what else moved in this block
        _count(_validator(owner).power);
        _remove(owner, Reason.DoubleSigned);
    }

    function _forgetClosed(uint256[] storage own) private {
        for (uint256 i = own.length; i > 0; --i) {
            if (_isOpen(own[i - 1])) continue;
            own[i - 1] = own[own.length - 1];
            own.pop();
        }
    }

    function _reporting(bytes20 culprit) private view returns (uint256 power) {
        for (uint256 i = 0; i < _validators.length; ++i) {
            if (hasReported[culprit][_validators[i].account]) power += _validators[i].power;
        }
    }

    function _isOpen(uint256 id) private view returns (bool) {
        Proposal storage it = _proposals[id];
        return it.expires != 0 && block.number <= it.expires && isValidator(it.proposer);
    }
}
