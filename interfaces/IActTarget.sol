// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title A contract that acts in a batch go to
/// @notice A payment of a batch may carry an act (docs/batch.md, acts): a coupon's write-off, a recharge, a gift. The
/// ledger has checked stream, sequence, merchant, terminal and member when it calls; the act comes before the
/// payment's own lines, and a refused act skips the payment.
/// @dev Trust: only the ledger may call `applyAct`. The target does not change the account of a member whose payment
/// has lines (the ledger's doors refuse it: InAct), says truly what it debited, and debits `debitLeft` at most.
interface IActTarget {
    /// @notice The payment that carries the act. `amount` is the sum of its lines in minor units (0 without lines),
    /// `coinAmount` what of it is paid in coins; `debitLeft` what the stream may still debit today after these lines;
    /// `authorisation` the hash of the terminal's signature or MAC with the PIN result, 0 if there is none.
    struct Act {
        uint32 stream;
        uint64 sequence;
        uint32 merchant;
        uint16 terminal;
        uint64 member;
        uint32 time;
        uint64 amount;
        uint64 coinAmount;
        uint40 debitLeft;
        bytes32 authorisation;
    }

    /// @notice The act is refused for this reason (docs/batch.md); the ledger turns it into Skipped.
    error ActRefused(uint8 reason);

    /// @notice Does the act. `data` begins with its kind.
    /// @return debited Minor units taken from the member (coins at par), which count against the stream's daily limit
    function applyAct(Act calldata act, bytes calldata data) external returns (uint256 debited);
}
