// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title The bridge's door into the ledger
/// @notice Takes batches of packed payments and refunds of single lines. docs/batch.md is the format and the rules.
/// @dev Trust: a stream's poster may only post what its terminals took. It cannot debit more than the stream's
/// daily limit, cannot refund what was never accepted, nor more a day than the refund limit (but for lines that its
/// stream posted on the same day), and never chooses where money goes.
/// Rounding: points are rounded down when earned; what a refund leaves of them is rounded down too.
interface IPaymentProcessor {
    /// @notice The four words of an accepted line; its hash stands in the tree of its batch.
    struct Leaf {
        bytes32 head;
        bytes32 body;
        bytes32 itemsRoot;
        bytes32 authorisation;
    }

    /// @notice A part of a line to undo. `amount` in minor units; 0 for a void or a reversal.
    /// @dev `proof` leads from the leaf to `root`, as OpenZeppelin's MerkleProof has it.
    struct LineRefund {
        Leaf leaf;
        uint48 amount;
        bytes32 root;
        bytes32[] proof;
    }

    /// @notice Lines of one payment to undo, under a sequence of its own. `kind`: 1 refund, 2 void, 3 reversal.
    struct Refund {
        uint64 sequence;
        uint8 kind;
        LineRefund[] lines;
    }

    /// @notice A batch was posted. `root` is 0 when no line was accepted.
    /// @param processed Payments looked at; fewer than sent when gas ran short
    event BatchPosted(
        uint32 indexed stream,
        bytes32 indexed root,
        uint64 firstSequence,
        uint32 processed,
        uint32 skipped,
        uint32 leaves
    );
    /// @notice Refunds were looked at; fewer than sent when gas ran short.
    event RefundsPosted(uint32 indexed stream, uint32 processed, uint32 skipped);
    /// @notice A payment or refund had no effect. Reasons in docs/batch.md.
    event Skipped(uint32 indexed stream, uint64 indexed sequence, uint8 reason);
    /// @notice A payment took something from a member: stored value in minor units, coins in units by their age.
    event Debited(
        uint64 indexed member,
        uint32 indexed stream,
        uint64 indexed sequence,
        uint32 merchant,
        uint64 value,
        uint64 coinsPrevious,
        uint64 coinsCurrent
    );
    /// @notice A line gave `points`, and entitles to `due`, where its rule without budget, cap and prepaid says other.
    event Clamped(uint32 indexed stream, uint64 indexed sequence, uint8 line, uint64 points, uint64 due);
    /// @notice A merchant had too few prepaid points, and owes the member the rest.
    event Owed(uint32 indexed merchant, uint64 indexed member, uint64 points);
    /// @notice A member was registered, by a batch or by the Registry.
    event MemberEnrolled(uint64 indexed member);
    /// @notice A part of a line was undone.
    /// @param leaf Hash of the line's leaf
    /// @param clawedBack Points that went from the member back to the merchant
    /// @param setOff Points that the merchant no longer owes to the member
    /// @param arrears Points that the member had spent already, and now owes the merchant
    event Refunded(
        uint32 indexed stream,
        uint64 indexed sequence,
        bytes32 indexed leaf,
        uint8 kind,
        uint48 amount,
        uint64 clawedBack,
        uint64 setOff,
        uint64 arrears
    );

    /// @notice The guarantee fund paid for a merchant, minor units; its next deposit fills the fund up first.
    event Guaranteed(uint32 indexed merchant, uint64 amount);

    /// @notice The sender does not post for this stream.
    error NotPoster(uint32 stream, address sender);
    /// @notice The batch's format is not known.
    error UnknownVersion(uint256 version);
    /// @notice The first sequence is no multiple of 256, or the window is not 1 to 32 words.
    error BadWindow(uint64 firstSequence, uint256 windowWords);
    /// @notice The batch or one of its sections holds nothing.
    error EmptyBatch();
    /// @notice The merchants of a batch rise.
    error MerchantsOutOfOrder(uint32 merchant);
    /// @notice The batch is shorter or longer than its counts say.
    error BadLength(uint256 length);
    /// @notice A refund is refused; postRefunds turns it into Skipped.
    error RefundRefused(uint8 reason);

    /// @notice Posts a batch of payments for the stream named in it.
    /// @dev Reverts only for what makes the batch as a whole unreadable or unauthorised.
    function postBatch(bytes calldata batch) external;

    /// @notice Undoes lines of accepted payments, pause or no pause. Each refund is applied whole or skipped whole.
    function postRefunds(uint32 stream, Refund[] calldata refunds) external;

    /// @notice Number of the block that stored this root; 0 for an unknown root.
    function roots(bytes32 root) external view returns (uint256 blockNumber);

    /// @notice Whether a sequence of a stream is consumed.
    function isPosted(uint32 stream, uint64 sequence) external view returns (bool);

    /// @notice What was undone of the line with this leaf: minor units, refunded or settled (ILedgerDoors.settled), and units of points no longer its own.
    function refunded(bytes32 leaf) external view returns (uint256 amount, uint256 points);
}
