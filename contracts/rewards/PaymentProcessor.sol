// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IPaymentProcessor} from "../../interfaces/IPaymentProcessor.sol";
import {LedgerBase} from "../accounts/LedgerBase.sol";
import {BatchPosting} from "../libraries/BatchPosting.sol";
import {POSTED, STREAM, SUPPLY, SUPPLY_PAUSED, TOTALS, load, rootSlot, store} from "../libraries/Slots.sol";
import {Words} from "../libraries/Words.sol";

/// @title The bridge's door: payments
/// @notice Opens a batch, runs the inner loop over it, and writes what changes once a batch.
abstract contract PaymentProcessor is LedgerBase, IPaymentProcessor {
    using Words for uint256;

    /// @dev Gas kept back to close a batch, apart from 22,200 for each word of the window and 200 for each leaf.
    uint256 private constant CLOSING_GAS = 160_000;
    uint256 private constant HEADER = 16;
    uint256 private constant MAX_WINDOW_WORDS = 32;

    /// @inheritdoc IPaymentProcessor
    function postBatch(bytes calldata batch) external {
        BatchPosting.Run memory run;
        uint256 words = _open(batch, run);
        BatchPosting.post(batch, run);
        _close(run, words);
    }

    /// @inheritdoc IPaymentProcessor
    function roots(bytes32 root) external view returns (uint256) {
        return load(rootSlot(root));
    }

    /// @inheritdoc IPaymentProcessor
    function isPosted(uint32 streamId, uint64 sequence) public view returns (bool) {
        return (load(_postedSlot(streamId, sequence)) >> (sequence & 0xff)) & 1 != 0;
    }

    /// @dev Reads and checks the header, loads the window's words to the end of memory.
    function _open(bytes calldata batch, BatchPosting.Run memory run) private returns (uint256 words) {
        if (batch.length < HEADER) revert BadLength(batch.length);
        uint256 header = uint128(bytes16(batch[:HEADER]));
        if (header >> 120 != 1) revert UnknownVersion(header >> 120);
        uint32 streamId = uint32(header >> 88);
        uint64 first = uint64(header >> 24);
        words = uint8(header >> 16);
        if (uint16(header) == 0) revert EmptyBatch();
        unchecked {
            // the last sequence of the window fits 64 bits too
            if (uint8(first) != 0 || words - 1 >= MAX_WINDOW_WORDS || first + (words << 8) - 1 > type(uint64).max) {
                revert BadWindow(first, words);
            }
            uint256 streamWord = load(STREAM | streamId);
            if (streamWord >> 96 != uint160(msg.sender)) revert NotPoster(streamId, msg.sender);
            run.day = _day();
            run.streamLeft = _leftOfDay(streamWord, run.day);

            uint256 all = _touchSupply();
            run.epoch = all.supplyEpoch();
            run.paused = all.supplyFlags() & SUPPLY_PAUSED;
            run.head = (1 << 248) | (uint256(streamId) << 216) | (uint256(first) << 152) | (run.epoch << 40);
            run.stream = streamId;
            run.firstSequence = first;
            run.par = _par;
            run.maxAmount = _maxLineAmount;
            run.tolerance = _clockTolerance;
            run.windowBits = words << 8;
            run.reserveGas = CLOSING_GAS + BatchPosting.PAYMENT_GAS + words * 22_200 + (batch.length / 27) * 200;
        }
        _loadWindow(run, _postedSlot(streamId, first), words);
    }

    /// @dev The bitmap lies at the end of memory, and the leaves after it.
    function _loadWindow(BatchPosting.Run memory run, uint256 slot, uint256 words) private view {
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore(add(run, 0x1c0), at)
            for { let last := add(slot, words) } lt(slot, last) { slot := add(slot, 1) } {
                mstore(at, sload(slot))
                at := add(at, 0x20)
            }
            mstore(add(run, 0x200), at)
            mstore(0x40, at)
        }
    }

    function _close(BatchPosting.Run memory run, uint256 words) private {
        uint32 streamId = uint32(run.stream);
        _storeWindow(run, _postedSlot(streamId, uint64(run.firstSequence)), words);
        unchecked {
            uint256 paid = run.value + run.coins;
            if (paid != 0) {
                uint256 word = load(STREAM | streamId);
                uint256 debited = uint40(word >> 56) - run.streamLeft;
                store(STREAM | streamId, ((word >> 56) << 56) | (run.day << 40) | debited);
                store(TOTALS, load(TOTALS) - (run.value << 192) + (paid << 128) - (run.coins << 64));
            }
            if (run.minted != 0 || run.coins != 0) {
                uint256 all = load(SUPPLY);
                store(
                    SUPPLY,
                    Words.supplyWord(
                        all.supplyCurrent() + run.minted - run.burntCurrent,
                        all.supplyPrevious() - run.burntPrevious,
                        all.supplyIssued() + run.minted,
                        run.epoch,
                        all.supplyFlags()
                    )
                );
            }
            bytes32 root;
            uint256 leaves = (run.leavesEnd - run.leaves) >> 5;
            if (leaves != 0) {
                root = BatchPosting.fold(run);
                store(rootSlot(root), block.number);
            }
            emit BatchPosted(
                streamId, root, uint64(run.firstSequence), uint32(run.processed), uint32(run.skipped), uint32(leaves)
            );
        }
    }

    function _storeWindow(BatchPosting.Run memory run, uint256 slot, uint256 words) private {
        assembly ("memory-safe") {
            let at := mload(add(run, 0x1c0))
            for { let last := add(slot, words) } lt(slot, last) { slot := add(slot, 1) } {
                let word := mload(at)
                if xor(word, sload(slot)) { sstore(slot, word) }
                at := add(at, 0x20)
            }
        }
    }
}
