// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {
    ACCOUNT,
    EPOCH_FIELD,
    EPOCH_PLACE,
    FLAG_FROZEN,
    FLAG_LOCKED,
    MEMBER,
    NONCE,
    PREVIOUS_FIELD,
    load,
    store
} from "../libraries/Slots.sol";
import {Words} from "../libraries/Words.sol";
import {IERC3009} from "../../interfaces/IERC3009.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {LedgerBase} from "./LedgerBase.sol";

/// @title The coin's standard face: ERC-20, ERC-2612, ERC-3009 over the ledger's words
/// @notice OpenZeppelin's ERC20 keeps allowances and their checks; balances are ours, and know the epoch.
abstract contract Coin is LedgerBase, ERC20Permit, IERC3009 {
    using Words for uint256;

    bytes32 private constant TRANSFER_WITH_AUTHORIZATION = keccak256(
        "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );
    bytes32 private constant RECEIVE_WITH_AUTHORIZATION = keccak256(
        "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );
    bytes32 private constant CANCEL_AUTHORIZATION = keccak256("CancelAuthorization(address authorizer,bytes32 nonce)");

    /// @inheritdoc IERC3009
    mapping(address authorizer => mapping(bytes32 nonce => bool used)) public authorizationState;

    constructor(string memory name_, string memory symbol_) ERC20(name_, symbol_) ERC20Permit(name_) {}

    /// @inheritdoc ERC20
    function decimals() public pure override returns (uint8) {
        return 6;
    }

    /// @inheritdoc ERC20
    function balanceOf(address holder) public view override returns (uint256) {
        (uint256 word,) = load(ACCOUNT | uint160(holder)).rolled(_epoch());
        return word.balance();
    }

    /// @inheritdoc ERC20
    function totalSupply() public view override returns (uint256) {
        (uint256 current, uint256 previous) = _supplyNow();
        return current + previous;
    }

    /// @inheritdoc ERC20
    function transfer(address to, uint256 value) public override returns (bool) {
        // whoever sends is somebody
        if (to == address(0)) revert ERC20InvalidReceiver(to);
        _move(uint160(msg.sender), uint160(to), value);
        return true;
    }

    /// @inheritdoc ERC20Permit
    function nonces(address holder) public view override returns (uint256) {
        return load(NONCE | uint160(holder));
    }

    /// @inheritdoc IERC3009
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

    /// @inheritdoc IERC3009
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
        if (to != msg.sender) revert IRewardToken.NotPayee(msg.sender, to);
        bytes32 terms =
            keccak256(abi.encode(RECEIVE_WITH_AUTHORIZATION, from, to, value, validAfter, validBefore, nonce));
        _authorized(from, validAfter, validBefore, nonce, terms, v, r, s);
        _transfer(from, to, value);
    }

    /// @inheritdoc IERC3009
    function cancelAuthorization(address authorizer, bytes32 nonce, uint8 v, bytes32 r, bytes32 s) external {
        _useNonce(authorizer, nonce, keccak256(abi.encode(CANCEL_AUTHORIZATION, authorizer, nonce)), v, r, s);
        emit AuthorizationCanceled(authorizer, nonce);
    }

    function _update(address from, address to, uint256 value) internal override {
        _move(uint160(from), uint160(to), value);
    }

    /// @dev Moves coins from one holder to another. Unchecked: all coins together fit each field.
    function _move(uint256 giver, uint256 taker, uint256 value) private {
        unchecked {
            uint256 now_ = _epoch() << EPOCH_PLACE;
            uint256 slot = ACCOUNT | giver;
            uint256 word = load(slot);
            if ((word ^ now_) & (EPOCH_FIELD | PREVIOUS_FIELD | FLAG_LOCKED | FLAG_FROZEN) != 0) {
                return _moveAged(giver, taker, value);
            }
            if (word.current() < value) {
                revert ERC20InsufficientBalance(address(uint160(giver)), word.current(), value);
            }
            uint256 moved = Words.coins(value, 0);
            store(slot, word - moved);
            slot = ACCOUNT | taker;
            word = load(slot);
            if ((word ^ now_) & (EPOCH_FIELD | FLAG_FROZEN) != 0) {
                // a new holder has nothing that could have expired
                if (word == 0) word = now_;
                else (taker, slot, word) = _reached(slot);
            }
            store(slot, word + moved);
        }
        bytes32 topic = IERC20.Transfer.selector;
        assembly ("memory-safe") {
            mstore(0, value)
            log3(0, 0x20, topic, giver, taker)
        }
    }

    /// @dev The same with coins of both epochs: those of the previous one go first, and arrive as such.
    function _moveAged(uint256 giver, uint256 taker, uint256 value) private {
        address from = address(uint160(giver));
        uint256 slot = ACCOUNT | giver;
        uint256 word = _touch(slot);
        if (word & (FLAG_LOCKED | FLAG_FROZEN) != 0) revert IRewardToken.AccountLocked(from);
        if (word.balance() < value) revert ERC20InsufficientBalance(from, word.balance(), value);
        uint256 old = word.previous();
        uint256 moved = value < old ? Words.coins(0, value) : Words.coins(value - old, old);
        store(slot, word - moved);
        (taker, slot, word) = _reached(ACCOUNT | taker);
        store(slot, word + moved);
        emit Transfer(from, address(uint160(taker)), value);
    }

    /// @dev Who gets what is sent to an account, with its word, touched: of a merged member it is the survivor.
    function _reached(uint256 slot) private returns (uint256 taker, uint256, uint256) {
        if (slot >> 64 == MEMBER >> 64) slot = MEMBER | _survivor(uint64(slot));
        return (uint160(slot), slot, _touch(slot));
    }

    /// @dev Where the ledger's words lie, which saves a hash.
    function _useNonce(address holder) internal override returns (uint256 nonce) {
        uint256 slot = NONCE | uint160(holder);
        nonce = load(slot);
        unchecked {
            store(slot, nonce + 1);
        }
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
            revert IRewardToken.AuthorizationOutOfTime(validAfter, validBefore);
        }
        _useNonce(from, nonce, terms, v, r, s);
        emit AuthorizationUsed(from, nonce);
    }

    function _useNonce(address authorizer, bytes32 nonce, bytes32 terms, uint8 v, bytes32 r, bytes32 s) private {
        if (authorizationState[authorizer][nonce]) revert IRewardToken.AuthorizationSpent(authorizer, nonce);
        address signer = ECDSA.recover(_hashTypedDataV4(terms), v, r, s);
        if (signer != authorizer) revert IRewardToken.BadSignature(signer, authorizer);
        authorizationState[authorizer][nonce] = true;
    }
}
