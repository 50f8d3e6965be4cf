// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILedgerDoors} from "../../interfaces/ILedgerDoors.sol";
import {IPaymentProcessor} from "../../interfaces/IPaymentProcessor.sol";
import {LedgerBase} from "../accounts/LedgerBase.sol";
import "../libraries/BatchFrame.sol" as B;
import {BatchPosting} from "../libraries/BatchPosting.sol";
import {FLAG_REGISTERED, IN_ACT, STREAM, SUPPLY_PAUSED, load, peek, rootSlot, store} from "../libraries/Slots.sol";
import {Words} from "../libraries/Words.sol";

/// @title The bridge's door: payments
/// @notice Opens a batch, runs the inner loop over it, and writes what changes once a batch.
abstract contract PaymentProcessor is LedgerBase {
    using Words for uint256;

    /// @dev Gas kept back to close a batch: for itself, each word of the window, each byte (a leaf has 9 or more).
    uint256 private constant CLOSING_GAS = 100_000;
    uint256 private constant WINDOW_GAS = 22_200;
    uint256 private constant BYTE_GAS = 14;
    uint256 private constant HEADER = 16;
    uint256 private constant MAX_WINDOW_WORDS = 32;

    /// @notice IPaymentProcessor.postBatch
    function postBatch(bytes calldata batch) external {
        B.clearFrame();
        (uint32 streamId, uint64 first, uint256 words) = _readHeader(batch);
        _open(batch, streamId, first, words);
        BatchPosting.post(batch);
        _storeWindow(_postedSlot(streamId, first), words);
        _closeStream(streamId);
        _bookSupply(B.get(B.MINTED), B.get(B.BURNT_PREVIOUS), B.get(B.BURNT_CURRENT));
        _closeTree(streamId, first);
    }

    function _readHeader(bytes calldata batch) private view returns (uint32 streamId, uint64 first, uint256 words) {
        if (batch.length < HEADER) revert IPaymentProcessor.BadLength(batch.length);
        uint256 header = uint128(bytes16(batch[:HEADER]));
        if (header >> 120 != 1) revert IPaymentProcessor.UnknownVersion(header >> 120);
        streamId = uint32(header >> 88);
        first = uint64(header >> 24);
        words = uint8(header >> 16);
        if (uint16(header) == 0) revert IPaymentProcessor.EmptyBatch();
        unchecked {
            // the last sequence of the window fits 64 bits too
            if (uint8(first) != 0 || words - 1 >= MAX_WINDOW_WORDS || first + (words << 8) - 1 > type(uint64).max) {
                revert IPaymentProcessor.BadWindow(first, words);
            }
        }
        if (load(STREAM | streamId) >> 96 != uint160(msg.sender)) {
            revert IPaymentProcessor.NotPoster(streamId, msg.sender);
        }
        // an act that posted would change sequences which the loop around it holds
        if (peek(IN_ACT) != 0) revert ILedgerDoors.ActRunning();
    }

    /// @dev Fills the frame.
    function _open(bytes calldata batch, uint32 streamId, uint64 first, uint256 words) private {
        unchecked {
            uint256 day = _day();
            uint256 all = _touchSupply();
            uint256 epoch = all.supplyEpoch();
            uint256 end;
            assembly ("memory-safe") {
                end := add(batch.offset, batch.length)
            }
            B.set(B.HEAD, (1 << 248) | (uint256(streamId) << 216) | (uint256(first) << 152) | (epoch << 40));
            B.set(B.STREAM_ID, streamId);
            B.set(B.FIRST_SEQUENCE, first);
            B.set(B.EPOCH_NOW, epoch);
            B.set(B.SOUND, (epoch << 24) | FLAG_REGISTERED);
            B.set(B.DAY, day);
            B.set(B.PAR, _par);
            B.set(B.MAX_AMOUNT, _maxLineAmount);
            B.set(B.TOLERANCE, _clockTolerance);
            B.set(B.PAUSED, all.supplyFlags() & SUPPLY_PAUSED);
            B.set(B.STREAM_LEFT, _leftOfDay(load(STREAM | streamId), day));
            B.set(B.WINDOW_BITS, words << 8);
            B.set(B.RESERVE_GAS, CLOSING_GAS + BatchPosting.PAYMENT_GAS + words * WINDOW_GAS + batch.length * BYTE_GAS);
            B.set(B.END, end);
            B.set(B.LEAVES, _loadWindow(_postedSlot(streamId, first), words));
        }
    }

    /// @dev The bitmap lies after the frame, and the leaves after it.
    function _loadWindow(uint256 slot, uint256 words) private view returns (uint256 leaves) {
        unchecked {
            for (uint256 i = 0; i < words; ++i) {
                B.set(B.WINDOW + (i << 5), load(slot + i));
            }
            leaves = B.WINDOW + (words << 5);
        }
    }

    function _storeWindow(uint256 slot, uint256 words) private {
        unchecked {
            for (uint256 i = 0; i < words; ++i) {
                uint256 word = B.get(B.WINDOW + (i << 5));
                if (word != load(slot + i)) store(slot + i, word);
            }
        }
    }

    function _closeStream(uint32 streamId) private {
        unchecked {
            uint256 value = B.get(B.VALUE);
            uint256 coins = B.get(B.COINS);
            uint256 debited = value + coins + B.get(B.SETTLED);
            if (debited == 0) return;
            uint256 day = B.get(B.DAY);
            uint256 word = load(STREAM | streamId);
            // what was debited before and now is within the limit that the batch began with
            if (uint16(word >> 40) == day) debited += uint40(word);
            store(STREAM | streamId, ((word >> 56) << 56) | (day << 40) | debited);
            _bookTotals(value, coins);
        }
    }

    function _closeTree(uint32 streamId, uint64 first) private {
        unchecked {
            uint256 leaves = (B.get(B.LEAVES_END) - B.get(B.LEAVES)) >> 5;
            bytes32 root = B.foldLeaves();
            if (leaves != 0) store(rootSlot(root), (B.get(B.DAY) << 64) | block.number);
            emit IPaymentProcessor.BatchPosted(
                streamId, root, first, uint32(B.get(B.PROCESSED)), uint32(B.get(B.SKIPPED_COUNT)), uint32(leaves)
            );
        }
    }
}
