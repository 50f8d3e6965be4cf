// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IValidatorRegistry} from "../../interfaces/IValidatorRegistry.sol";

/// @title The roll of validators and observers: what may stand in it, and how much of it may change in a block
/// @dev Its first six slots are written by node/network/registries.py for block 0; their order is fixed there.
abstract contract ValidatorRoll is IValidatorRegistry {
    uint64 private constant MAX_POWER = 1_000_000; // times 64 is far below CometBFT's 2^60
    uint256 private constant MAX_VALIDATORS = 64;
    uint256 private constant MAX_OBSERVERS = 256;

    /// @dev Power that moved in block `number`, of the `total` that there was before.
    struct Moved {
        uint64 number;
        uint64 total;
        uint128 power;
    }

    Validator[] internal _validators;
    Observer[] internal _observers;
    /// @dev Index plus one in _validators.
    mapping(address account => uint256) private _placeOf;
    /// @dev Who has, or had last, the key of a consensus address.
    mapping(bytes20 culprit => address) internal ownerOfKey;
    /// @inheritdoc IValidatorRegistry
    mapping(bytes20 nodeId => NodeStatus) public nodeStatus;
    /// @inheritdoc IValidatorRegistry
    mapping(bytes20 culprit => bool) public isBanned;
    Moved private _lately;

    /// @inheritdoc IValidatorRegistry
    function validators() external view returns (Validator[] memory) {
        return _validators;
    }

    /// @inheritdoc IValidatorRegistry
    function observers() external view returns (Observer[] memory) {
        return _observers;
    }

    /// @inheritdoc IValidatorRegistry
    function isValidator(address account) public view returns (bool) {
        return _placeOf[account] != 0;
    }

    /// @inheritdoc IValidatorRegistry
    function totalPower() public view returns (uint256 total) {
        for (uint256 i = 0; i < _validators.length; ++i) {
            total += _validators[i].power;
        }
    }

    function _add(Validator memory it) internal {
        if (_validators.length == MAX_VALIDATORS) revert TooMany(MAX_VALIDATORS);
        if (nodeStatus[it.nodeId] == NodeStatus.OfObserver) _removeObserver(it.nodeId, true);
        _validators.push(it);
        _placeOf[it.account] = _validators.length;
        ownerOfKey[consensusAddress(it.key)] = it.account;
        nodeStatus[it.nodeId] = NodeStatus.OfValidator;
        emit ValidatorAdded(it.account, it.key, it.nodeId, it.power, it.name);
    }

    function _remove(address account, Reason reason) internal {
        if (_validators.length == 1) revert LastValidator(account);
        Validator memory gone = _validator(account);
        uint256 place = _placeOf[account];
        Validator memory last = _validators[_validators.length - 1];
        _validators[place - 1] = last;
        _placeOf[last.account] = place;
        _validators.pop();
        delete _placeOf[account];
        nodeStatus[gone.nodeId] = NodeStatus.Removed;
        emit ValidatorRemoved(account, gone.key, gone.nodeId, gone.power, reason);
    }

    function _changePower(address account, uint64 power) internal {
        Validator storage it = _validator(account);
        emit PowerChanged(account, it.power, power);
        it.power = power;
    }

    function _rotate(address account, bytes32 key, bytes20 nodeId) internal {
        Validator storage it = _validator(account);
        emit KeyRotated(account, it.key, key, it.nodeId, nodeId);
        nodeStatus[it.nodeId] = NodeStatus.Removed;
        if (nodeStatus[nodeId] == NodeStatus.OfObserver) _removeObserver(nodeId, true);
        nodeStatus[nodeId] = NodeStatus.OfValidator;
        ownerOfKey[consensusAddress(key)] = account;
        (it.key, it.nodeId) = (key, nodeId);
    }

    function _addObserver(bytes20 nodeId, bytes32 name) internal {
        if (_observers.length == MAX_OBSERVERS) revert TooMany(MAX_OBSERVERS);
        _observers.push(Observer(nodeId, name));
        nodeStatus[nodeId] = NodeStatus.OfObserver;
        emit ObserverAdded(nodeId, name);
    }

    function _removeObserver(bytes20 nodeId, bool promoted) internal {
        uint256 i = 0;
        while (_observers[i].nodeId != nodeId) ++i;
        _observers[i] = _observers[_observers.length - 1];
        _observers.pop();
        nodeStatus[nodeId] = NodeStatus.Removed;
        emit ObserverRemoved(nodeId, promoted);
    }

    /// @dev Counts power that moves in this block; refuses more than a third in all, or, if it may, takes more when
    /// nothing moved before. Light clients and people can follow then; CometBFT itself would take any change.
    function _spend(uint256 power, bool mayBeMore) internal {
        if (power == 0) return;
        (uint256 before, uint256 total) = (_count(power), _lately.total);
        bool tooMuch = (before + power) * 3 > total;
        if (tooMuch && !(mayBeMore && before == 0)) revert TooMuchInOneBlock(before + power, total);
    }

    /// @dev What moved in this block before.
    function _count(uint256 power) internal returns (uint256 before) {
        if (_lately.number != block.number) _lately = Moved(uint64(block.number), uint64(totalPower()), 0);
        before = _lately.power;
        _lately.power += uint128(power);
    }

    /// @dev The power that an act moves; refuses an act that cannot be done now.
    function _moved(Action memory action) internal view returns (uint256) {
        Kind kind = action.kind;
        if (kind == Kind.AddValidator) {
            if (isValidator(action.account)) revert AlreadyValidator(action.account);
            if (action.account == address(0)) revert UnknownValidator(action.account);
            _checkPower(action.power);
            _checkKey(action.key);
            _checkNode(action.nodeId);
            return action.power;
        }
        if (kind == Kind.AddObserver) {
            if (action.nodeId == 0 || _isListed(action.nodeId)) revert BadNode(action.nodeId);
            return 0;
        }
        if (kind == Kind.RemoveObserver) {
            if (nodeStatus[action.nodeId] != NodeStatus.OfObserver) revert UnknownObserver(action.nodeId);
            return 0;
        }
        if (kind == Kind.SetAdmin) return 0;
        Validator storage it = _validator(action.account);
        if (kind == Kind.ChangePower) {
            _checkPower(action.power);
            return action.power > it.power ? action.power - it.power : it.power - action.power;
        }
        if (kind == Kind.RotateKey) {
            if (action.nodeId != it.nodeId) _checkNode(action.nodeId);
            if (action.key == it.key) return 0;
            _checkKey(action.key);
        } else if (_validators.length == 1) {
            revert LastValidator(action.account);
        }
        return it.power;
    }

    function _validator(address account) internal view returns (Validator storage) {
        uint256 place = _placeOf[account];
        if (place == 0) revert UnknownValidator(account);
        return _validators[place - 1];
    }

    function _isListed(bytes20 nodeId) private view returns (bool) {
        NodeStatus status = nodeStatus[nodeId];
        return status == NodeStatus.OfValidator || status == NodeStatus.OfObserver;
    }

    function _checkKey(bytes32 key) private view {
        if (key == 0) revert BadKey();
        bytes20 culprit = consensusAddress(key);
        if (isBanned[culprit]) revert KeyBanned(key);
        address owner = ownerOfKey[culprit];
        if (isValidator(owner) && _validator(owner).key == key) revert KeyInUse(key);
    }

    /// @dev An observer may become a validator on the same node.
    function _checkNode(bytes20 nodeId) private view {
        if (nodeId == 0 || nodeStatus[nodeId] == NodeStatus.OfValidator) revert BadNode(nodeId);
    }

    function _checkPower(uint64 power) private pure {
        if (power == 0 || power > MAX_POWER) revert BadPower(power, MAX_POWER);
    }

    /// @dev CometBFT's name of a validator: the first 20 bytes of the SHA-256 of its ed25519 key.
    function consensusAddress(bytes32 key) internal pure returns (bytes20) {
        return bytes20(sha256(abi.encodePacked(key)));
    }
}
