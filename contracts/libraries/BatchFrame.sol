// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

// The frame of postBatch's inner loop: words at fixed addresses in memory, so that they are constants in the assembly.
// They lie above whatever the compiler keeps for itself (`clearFrame` checks it), and below the window and the leaves.

/// @dev The leaf that is hashed: four words.
uint256 constant LEAF = 0x800;
uint256 constant LEAF_BODY = 0x820;
uint256 constant LEAF_ITEMS = 0x840;
/// @dev 0 but while a payment that has one is booked.
uint256 constant LEAF_AUTHORISATION = 0x860;
/// @dev What all leaf heads of the batch share: domain, stream, first sequence, epoch.
uint256 constant HEAD = 0x880;
uint256 constant STREAM_ID = 0x8a0;
uint256 constant FIRST_SEQUENCE = 0x8c0;
uint256 constant EPOCH_NOW = 0x8e0;
/// @dev Flags and epoch of a member of whom nothing needs doing.
uint256 constant SOUND = 0x900;
uint256 constant DAY = 0x920;
/// @dev Units for a minor unit.
uint256 constant PAR = 0x940;
uint256 constant MAX_AMOUNT = 0x960;
uint256 constant TOLERANCE = 0x980;
uint256 constant PAUSED = 0x9a0;
/// @dev Minor units that the stream may still debit today; falls.
uint256 constant STREAM_LEFT = 0x9c0;
uint256 constant WINDOW_BITS = 0x9e0;
/// @dev Gas that closing the batch may take.
uint256 constant RESERVE_GAS = 0xa00;
/// @dev Where the batch ends in calldata.
uint256 constant END = 0xa20;
/// @dev Address of the first leaf.
uint256 constant LEAVES = 0xa40;
/// @dev Of the section that is read.
uint256 constant LAST_MERCHANT = 0xa60;
/// @dev Of the rule in RULE_WORD; 65,536 when there is none.
uint256 constant RULE_VERSION = 0xa80;
uint256 constant RULE_WORD = 0xaa0;
/// @dev What a short payment by it looks like (SHAPE); all ones when no payment by it is short.
uint256 constant RULE_SHAPE = 0xac0;
/// @dev What the leaf heads of short payments by it share, rate included.
uint256 constant RULE_HEAD = 0xae0;
/// @dev Minor units of the section that went the long way, all tenders.
uint256 constant SOLD = 0xb00;
/// @dev Minor units of the section that members paid through the ledger.
uint256 constant TAKEN = 0xb20;
/// @dev Coins of the member that expired before this payment.
uint256 constant EXPIRED = 0xb40;
/// @dev The payment that takes the long way, and its member.
uint256 constant PAYMENT = 0xb60;
uint256 constant ACCOUNT = 0xb80;
/// @dev Minor units that it pays in coins.
uint256 constant COIN = 0xba0;
/// @dev Minor units that it pays from stored value.
uint256 constant STORED = 0xbc0;
/// @dev Coins of the epoch before that its coin lines still take.
uint256 constant PREVIOUS = 0xbe0;
/// @dev From here on what comes out; the end of the leaves.
uint256 constant LEAVES_END = 0xc00;
uint256 constant PROCESSED = 0xc20;
uint256 constant SKIPPED_COUNT = 0xc40;
/// @dev Units. From here to COINS: what is not yet in the supply and the totals, as ILedgerDoors.Unbooked has it.
uint256 constant MINTED = 0xc60;
/// @dev Units.
uint256 constant BURNT_PREVIOUS = 0xc80;
/// @dev Units.
uint256 constant BURNT_CURRENT = 0xca0;
/// @dev Minor units from stored value.
uint256 constant VALUE = 0xcc0;
/// @dev Minor units from coins.
uint256 constant COINS = 0xce0;
/// @dev Minor units that acts debited, and those of VALUE and COINS that were booked before an act.
uint256 constant SETTLED = 0xd00;
/// @dev Data of the log that is written.
uint256 constant LOG = 0xd20;
uint256 constant LOG_1 = 0xd40;
uint256 constant LOG_2 = 0xd60;
uint256 constant LOG_3 = 0xd80;
/// @dev The same for a log between, while that of Debited waits.
uint256 constant OTHER = 0xda0;
uint256 constant OTHER_1 = 0xdc0;
uint256 constant OTHER_2 = 0xde0;
/// @dev Where in calldata the act's length stands, of a payment that has one.
uint256 constant ACT_AT = 0xe00;
/// @dev The words of the sequences' bitmap, then the leaves.
uint256 constant WINDOW = 0xe20;

/// @dev Zeroes the frame and allocates its memory, up to the window.
function clearFrame() pure {
    assembly ("memory-safe") {
        // cannot be: the compiler's own words are few
        if gt(mload(0x40), LEAF) { invalid() }
        calldatacopy(LEAF, calldatasize(), sub(WINDOW, LEAF))
        mstore(0x40, WINDOW)
    }
}

function get(uint256 field) pure returns (uint256 word) {
    assembly ("memory-safe") {
        word := mload(field)
    }
}

function set(uint256 field, uint256 word) pure {
    assembly ("memory-safe") {
        mstore(field, word)
    }
}

/// @dev The root over the leaves in the frame: pairs hashed in order (smaller first), an odd last moves up. Folds in
/// place, level by level.
function foldLeaves() pure returns (bytes32 root) {
    assembly ("memory-safe") {
        let first := mload(LEAVES)
        let count := shr(5, sub(mload(LEAVES_END), first))
        for {} gt(count, 1) {} {
            let to := first
            let until := add(first, shl(6, shr(1, count)))
            for { let from := first } lt(from, until) { from := add(from, 0x40) } {
                let left := mload(from)
                let right := mload(add(from, 0x20))
                // the smaller one at 0: its place is 0x20 if left is the larger one
                let place := shl(5, gt(left, right))
                mstore(place, left)
                mstore(xor(place, 0x20), right)
                mstore(to, keccak256(0, 0x40))
                to := add(to, 0x20)
            }
            if and(count, 1) {
                mstore(to, mload(until))
                to := add(to, 0x20)
            }
            count := shr(5, sub(to, first))
        }
        if count { root := mload(first) }
    }
}
