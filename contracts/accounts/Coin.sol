// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {ACCOUNT, FLAG_FROZEN, FLAG_LOCKED, SUPPLY, load, store} from "../libraries/Slots.sol";
import {Words} from "../libraries/Words.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {LedgerBase} from "./LedgerBase.sol";

/// @title The coin's standard face: ERC-20, ERC-2612, ERC-3009 over the ledger's words
/// @notice OpenZeppelin's ERC20 keeps allowances, checks and events; balances are ours, and know the epoch.
abstract contract Coin is ERC20Permit, LedgerBase, IRewardToken {
    using Words for uint256;

    bytes32 private constant TRANSFER_WITH_AUTHORIZATION = keccak256(
        "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );
    bytes32 private constant RECEIVE_WITH_AUTHORIZATION = keccak256(
        "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );
    bytes32 private constant CANCEL_AUTHORIZATION = keccak256("CancelAuthorization(address authorizer,bytes32 nonce)");

    /// @notice Whether an ERC-3009 authorisation was used or cancelled.
    mapping(address authorizer => mapping(bytes32 nonce => bool used)) public authorizationState;

    /// @notice An ERC-3009 authorisation was used.
    event AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce);
    /// @notice An ERC-3009 authorisation was cancelled.
    event AuthorizationCanceled(address indexed authorizer, bytes32 indexed nonce);

    constructor(string memory name_, string memory symbol_) ERC20(name_, symbol_) ERC20Permit(name_) {}

    /// @inheritdoc IERC20Metadata
    function decimals() public pure override(ERC20, IERC20Metadata) returns (uint8) {
        return 6;
    }

    /// @inheritdoc IERC20
    function balanceOf(address holder) public view override(ERC20, IERC20) returns (uint256) {
        (uint256 word,) = load(ACCOUNT | uint160(holder)).rolled(_epoch());
        return word.balance();
    }

    /// @inheritdoc IERC20
    function totalSupply() public view override(ERC20, IERC20) returns (uint256) {
        (uint256 current, uint256 previous) = _supplyNow();
        return current + previous;
    }

    /// @notice ERC-3009: anyone carries a transfer that `from` signed.
    function transferWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        bytes32 terms = keccak256(
            abi.encode(TRANSFER_WITH_AUTHORIZATION, from, to, value, validAfter, validBefore, nonce)
        );
        _authorized(from, validAfter, validBefore, nonce, terms, v, r, s);
        _transfer(from, to, value);
    }

    /// @notice ERC-3009: the payee itself carries a transfer that `from` signed.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        if (to != msg.sender) revert NotPayee(msg.sender, to);
        bytes32 terms =
            keccak256(abi.encode(RECEIVE_WITH_AUTHORIZATION, from, to, value, validAfter, validBefore, nonce));
        _authorized(from, validAfter, validBefore, nonce, terms, v, r, s);
        _transfer(from, to, value);
    }

    /// @notice ERC-3009: makes an authorisation void.
    function cancelAuthorization(address authorizer, bytes32 nonce, uint8 v, bytes32 r, bytes32 s) external {
        _useNonce(authorizer, nonce, keccak256(abi.encode(CANCEL_AUTHORIZATION, authorizer, nonce)), v, r, s);
        emit AuthorizationCanceled(authorizer, nonce);
    }

    /// @dev Moves coins with their age: those of the previous epoch first, and they arrive as such.
    function _update(address from, address to, uint256 value) internal override {
        uint256 slot = ACCOUNT | uint160(from);
        uint256 word = _touch(slot);
        if (word & (FLAG_LOCKED | FLAG_FROZEN) != 0) revert AccountLocked(from);
        if (word.balance() < value) revert ERC20InsufficientBalance(from, word.balance(), value);
        (uint256 left, uint256 old, uint256 recent) = word.taken(value);
        store(slot, left);
        slot = ACCOUNT | uint160(to);
        word = _touch(slot);
        store(slot, word.withCoins(word.current() + recent, word.previous() + old));
        emit Transfer(from, to, value);
    }

    /// @dev Supply in this epoch; nothing is stored.
    function _supplyNow() internal view returns (uint256 current, uint256 previous) {
        uint256 word = load(SUPPLY);
        uint256 age = _epoch() - word.supplyEpoch();
        if (age == 0) return (word.supplyCurrent(), word.supplyPrevious());
        return (0, age == 1 ? word.supplyCurrent() : 0);
    }

    function _authorized(
        address from,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes32 terms,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) private {
        if (block.timestamp <= validAfter || block.timestamp >= validBefore) {
            revert AuthorizationOutOfTime(validAfter, validBefore);
        }
        _useNonce(from, nonce, terms, v, r, s);
        emit AuthorizationUsed(from, nonce);
    }

    function _useNonce(address authorizer, bytes32 nonce, bytes32 terms, uint8 v, bytes32 r, bytes32 s) private {
        if (authorizationState[authorizer][nonce]) revert AuthorizationSpent(authorizer, nonce);
        address signer = ECDSA.recover(_hashTypedDataV4(terms), v, r, s);
        if (signer != authorizer) revert BadSignature(signer, authorizer);
        authorizationState[authorizer][nonce] = true;
    }
}
