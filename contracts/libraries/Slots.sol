// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

// Where the ledger's words lie. A slot is a tag in the highest byte and the word's key in the low bits, unhashed: it
// saves a hash per access on the posting path, and whoever reads storage can compute it by hand. OpenZeppelin's own
// variables lie in the first slots and under keccak hashes; a hash that meets a tagged slot would need its 88 or more
// middle bits to be 0.

/// @dev | holder 160: value 56, current 56, previous 56, earnedInWindow 48, epoch 16, tier 8, flags 16
uint256 constant ACCOUNT = 0x0100000000000000000000000000000000000000000000000000000000000000;
/// @dev The same for members: | member 64. Address `bytes12("Tillmember") ++ member`.
uint256 constant MEMBER = 0x01000000000000000000000054696c6c6d656d62657200000000000000000000;
/// @dev The high bytes of a member's address.
uint256 constant MEMBER_PREFIX = 0x0054696c6c6d656d62657200000000000000000000;
/// @dev | merchant 32: prepaid 64, payable 64, turnover 48, issued 56, epoch 16, flags 8
uint256 constant MERCHANT = 0x0200000000000000000000000000000000000000000000000000000000000000;
/// @dev | merchant 32 | version 16: rate 40, baseRate 40, starts 32, until 32, budgetLeft 56, dayCap 48, flags 8
uint256 constant RULE = 0x0300000000000000000000000000000000000000000000000000000000000000;
/// @dev | merchant 32 | version 16: 16 tiers of 16 basis points, tier 0 lowest
uint256 constant TIERS = 0x0400000000000000000000000000000000000000000000000000000000000000;
/// @dev | merchant 32 | version 16: the last block in which a vetoed version is in force
uint256 constant VETO = 0x0500000000000000000000000000000000000000000000000000000000000000;
/// @dev | stream 32: poster 160, dailyLimit 40, day 16, debited 40
uint256 constant STREAM = 0x0600000000000000000000000000000000000000000000000000000000000000;
/// @dev | stream 32: zero 160, refundLimit 40, day 16, refunded 40
uint256 constant STREAM_REFUNDS = 0x0700000000000000000000000000000000000000000000000000000000000000;
/// @dev | stream 32 | sequence / 256 56: a bit for each consumed sequence
uint256 constant POSTED = 0x0800000000000000000000000000000000000000000000000000000000000000;
/// @dev | merchant 32 | stream 32 | page 8: a bit for each active terminal
uint256 constant TERMINALS = 0x0900000000000000000000000000000000000000000000000000000000000000;
/// @dev | merchant 32 | version 16 | member 64: day 16, zero 184, bonus of that day 56
uint256 constant CAP = 0x0a00000000000000000000000000000000000000000000000000000000000000;
/// @dev | merchant 32 | member 64: units that the merchant owes
uint256 constant OWED = 0x0b00000000000000000000000000000000000000000000000000000000000000;
/// @dev | merchant 32 | member 64: units that the member owes; merchant 0: to all merchants together
uint256 constant ARREARS = 0x0c00000000000000000000000000000000000000000000000000000000000000;
/// @dev | merchant 32: minor units; merchant 0: the guarantee fund
uint256 constant DEPOSIT = 0x0d00000000000000000000000000000000000000000000000000000000000000;
/// @dev | merchant 32 | epoch 16: units that a merchant issued in a closed epoch, 0 once claimed
uint256 constant ISSUED = 0x0e00000000000000000000000000000000000000000000000000000000000000;
/// @dev | epoch 16: zero 128, issued by all 64, expired of what was earned in it 64
uint256 constant EPOCH = 0x0f00000000000000000000000000000000000000000000000000000000000000;
/// @dev current 64, previous 64, issued 64, epoch 16, flags 8, zero 40
uint256 constant SUPPLY = 0x1000000000000000000000000000000000000000000000000000000000000000;
/// @dev storedValue 64, payable 64, reserve 64, deposits 64
uint256 constant TOTALS = 0x1100000000000000000000000000000000000000000000000000000000000000;
/// @dev | merchant 32: minor units that the guarantee fund paid for a merchant and has not got back
uint256 constant GUARANTEED = 0x1200000000000000000000000000000000000000000000000000000000000000;

/// @dev The key of a root or a leaf is a hash, so its word lies under a hash: keccak(key, tag).
uint256 constant ROOT = 0x1300000000000000000000000000000000000000000000000000000000000000;
uint256 constant REFUNDED = 0x1400000000000000000000000000000000000000000000000000000000000000;

/// @dev | address 160: the doors that a contract of the suite may use, bits
uint256 constant DOORS = 0x1500000000000000000000000000000000000000000000000000000000000000;
/// @dev | kind 8: the contract that acts of this kind go to
uint256 constant ACT = 0x1600000000000000000000000000000000000000000000000000000000000000;
/// @dev Transient: while a payment's act runs, the slot of the member whom only the posting loop may change; NOBODY when
/// the payment has no lines.
uint256 constant IN_ACT = 0x1700000000000000000000000000000000000000000000000000000000000000;

/// @dev | holder 160: the nonce of the holder's next permit
uint256 constant NONCE = 0x1800000000000000000000000000000000000000000000000000000000000000;

/// @dev | member 64: zero 191, one 1, the member that it was merged into 64
uint256 constant MERGED = 0x1900000000000000000000000000000000000000000000000000000000000000;
uint256 constant MERGED_MARK = 1 << 64;

/// @dev zero 56, since when 40 (seconds), the ledger that takes over 160; 0 until it is named.
uint256 constant SUCCESSOR = 0x1a00000000000000000000000000000000000000000000000000000000000000;
/// @dev The ledger that this one takes over from.
uint256 constant PREDECESSOR = 0x1b00000000000000000000000000000000000000000000000000000000000000;
/// @dev Units of coins and prepaid points that went to the successor.
uint256 constant UNITS_MOVED = 0x1c00000000000000000000000000000000000000000000000000000000000000;

uint256 constant NOBODY = 1;

uint256 constant DOOR_CREDIT_VALUE = 1;
uint256 constant DOOR_TAKE_VALUE = 2;
uint256 constant DOOR_TAKE_COINS = 4;
uint256 constant DOOR_REDEEM = 8;
uint256 constant DOOR_ISSUE = 16;
uint256 constant DOOR_TAKE_PAYABLE = 32;
uint256 constant DOOR_MERGE = 64;
uint256 constant DOOR_SETTLE = 128;

/// @dev Where an account word has its epoch, and the coins of the previous one.
uint256 constant EPOCH_PLACE = 24;
uint256 constant EPOCH_FIELD = 0xffff << EPOCH_PLACE;
uint256 constant PREVIOUS_FIELD = 0xffffffffffffff << 88;

uint256 constant FLAG_REGISTERED = 1;
uint256 constant FLAG_LOCKED = 2;
uint256 constant FLAG_FROZEN = 4;
uint256 constant FLAG_IN_ARREARS = 8;

uint256 constant MERCHANT_ACTIVE = 1;
uint256 constant MERCHANT_KNOWN = 2;

uint256 constant RULE_EXISTS = 1;
uint256 constant RULE_BUDGETED = 2;
uint256 constant RULE_CAPPED = 4;
uint256 constant RULE_TIERED = 8;
uint256 constant RULE_VETOED = 16;

uint256 constant SUPPLY_PAUSED = 1;

/// @dev Every bucket of coins and every sum of money fits 56 bits because their totals do.
uint256 constant MAX_56 = 0xffffffffffffff;
uint256 constant MAX_48 = 0xffffffffffff;
uint256 constant MAX_64 = 0xffffffffffffffff;

/// @dev zero 176, network day 16, number of the block that stored the root of a batch 64
function rootSlot(bytes32 root) pure returns (uint256) {
    return uint256(keccak256(abi.encode(root, ROOT)));
}

/// @dev Where the word of what was undone of a line has the minor units of it that were settled, not refunded.
uint256 constant SETTLED_AT = 104;

/// @dev zero 104, minor units settled 48, points no longer the line's own 56, minor units undone (settled ones too) 48
function refundedSlot(bytes32 leaf) pure returns (uint256) {
    return uint256(keccak256(abi.encode(leaf, REFUNDED)));
}

function load(uint256 slot) view returns (uint256 word) {
    assembly ("memory-safe") {
        word := sload(slot)
    }
}

/// @dev A word of transient storage, which lasts for the transaction.
function peek(uint256 slot) view returns (uint256 word) {
    assembly ("memory-safe") {
        word := tload(slot)
    }
}

/// @dev Sets a word of transient storage.
function keep(uint256 slot, uint256 word) {
    assembly ("memory-safe") {
        tstore(slot, word)
    }
}

function store(uint256 slot, uint256 word) {
    assembly ("memory-safe") {
        sstore(slot, word)
    }
}
