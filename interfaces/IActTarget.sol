// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title A contract that acts in a batch go to
/// @notice A payment of a batch may carry an act (docs/batch.md, acts): a coupon's write-off, a recharge, a gift. The
/// ledger has checked stream, sequence, merchant, terminal and member when it calls; the act comes before the
/// payment's own lines, and a refused act skips the payment.
/// @dev Trust: only the ledger may call `applyAct`. The target does not change the account of a member whose payment
/// has lines (the ledger refuses it: InAct), says truly what it debited, and debits `debitLeft` at most. It gets 900,000
/// gas, whatever the batch was sent with, and posts nothing itself. What reverts otherwise than with ActRefused is
/// skipped with reason 30; reasons are 11 to 15 and 31 to 63.
/// A kind from 129 on undoes the act of the kind 128 below: `data` is that kind and the sequence of the payment that is
/// undone, 8 bytes; stream, merchant and member are that payment's, which the target checks by what it keeps of it. In a
/// pause, and where merchant, terminal or member are closed, these come all the same. A target that takes them is set
/// for both kinds.
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
