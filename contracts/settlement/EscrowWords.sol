// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IEscrowPayment} from "../../interfaces/IEscrowPayment.sol";
import {AgedCoins} from "../libraries/AgedCoins.sol";

/// @title The escrow's packed words
/// @dev Unpacked into memory, changed there, and written back as one word. Unchecked shifts: what is packed was checked
/// to fit (amounts 48 bits, points 56).
library EscrowWords {
    /// @notice capturable 48 | captured 48 | refunded 48 | reward 56 | capturedAt 32 | rewardEpoch 16 | flags 8
    function payment(uint256 word) internal pure returns (IEscrowPayment.Payment memory) {
        return IEscrowPayment.Payment(
            uint48(word >> 208),
            uint48(word >> 160),
            uint48(word >> 112),
            uint56(word >> 56),
            uint32(word >> 24),
            uint16(word >> 8),
            uint8(word)
        );
    }

    function pack(IEscrowPayment.Payment memory it) internal pure returns (uint256) {
        return (uint256(it.capturable) << 208) | (uint256(it.captured) << 160) | (uint256(it.refunded) << 112)
            | (uint256(it.reward) << 56) | (uint256(it.capturedAt) << 24) | (uint256(it.rewardEpoch) << 8) | it.flags;
    }

    /// @notice heldCurrent 56 | heldPrevious 56 | spentCurrent 56 | spentPrevious 56 | epoch 16 | zero 16, in `epoch`.
    /// Held coins age and expire; spent ones come back as a refund of the ledger gives them: those of a closed epoch as
    /// current, those that have aged one epoch as previous.
    function coins(uint256 word, uint16 epoch) internal pure returns (AgedCoins memory held, AgedCoins memory spent) {
        uint16 from = uint16(word >> 16);
        held = AgedCoins(uint56(word >> 200), uint56(word >> 144), from).rolled(epoch);
        (uint56 current, uint56 previous) = (uint56(word >> 88), uint56(word >> 32));
        if (from == epoch) spent = AgedCoins(current, previous, epoch);
        else if (from + 1 == epoch) spent = AgedCoins(previous, current, epoch);
        else spent = AgedCoins(current + previous, 0, epoch);
    }

    function packCoins(AgedCoins memory held, AgedCoins memory spent) internal pure returns (uint256) {
        return (uint256(held.current) << 200) | (uint256(held.previous) << 144) | (uint256(spent.current) << 88)
            | (uint256(spent.previous) << 32) | (uint256(held.epoch) << 16);
    }

    /// @notice A merchant's open period: money in minor units, the network day of the last settlement, what was agreed.
    struct Book {
        uint256 gross;
        uint256 fees;
        uint256 refunds;
        uint256 paid;
        uint256 day;
        uint256 feeBps;
        bool atOnce;
        bool admitted;
    }

    /// @notice gross 56 | fees 56 | refunds 56 | paid 56 | day 16 | admitted 1 | atOnce 1 | feeBps 14
    function book(uint256 word) internal pure returns (Book memory) {
        return Book(
            word >> 200,
            uint56(word >> 144),
            uint56(word >> 88),
            uint56(word >> 32),
            uint16(word >> 16),
            word & 0x3fff,
            word & 0x4000 != 0,
            word & 0x8000 != 0
        );
    }

    function pack(Book memory it) internal pure returns (uint256) {
        return (it.gross << 200) | (it.fees << 144) | (it.refunds << 88) | (it.paid << 32) | (it.day << 16)
            | (it.admitted ? 0x8000 : 0) | (it.atOnce ? 0x4000 : 0) | it.feeBps;
    }

    /// @notice What is held for the merchant in this period.
    function heldOf(Book memory it) internal pure returns (uint256) {
        return it.gross - it.fees - it.refunds - it.paid;
    }
}
