// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

// solhint does not see what assembly uses.
/* solhint-disable no-unused-import, function-max-lines */
import {
    LEAF,
    LEAF_BODY,
    LEAF_ITEMS,
    LEAF_AUTHORISATION,
    HEAD,
    STREAM_ID,
    FIRST_SEQUENCE,
    EPOCH_NOW,
    SOUND,
    DAY,
    PAR,
    MAX_AMOUNT,
    TOLERANCE,
    PAUSED,
    STREAM_LEFT,
    WINDOW_BITS,
    RESERVE_GAS,
    END,
    LEAVES,
    LAST_MERCHANT,
    RULE_VERSION,
    RULE_WORD,
    RULE_SHAPE,
    RULE_HEAD,
    SOLD,
    TAKEN,
    EXPIRED,
    PAYMENT,
    ACCOUNT,
    COIN,
    STORED,
    PREVIOUS,
    LEAVES_END,
    PROCESSED,
    SKIPPED_COUNT,
    MINTED,
    BURNT_PREVIOUS,
    BURNT_CURRENT,
    VALUE,
    COINS,
    SETTLED,
    LOG,
    LOG_1,
    LOG_2,
    LOG_3,
    OTHER,
    OTHER_1,
    OTHER_2,
    ACT_AT,
    WINDOW
} from "./BatchFrame.sol";
import {CAP, ISSUED, MEMBER, MEMBER_PREFIX, MERCHANT, OWED, RULE, TERMINALS, TIERS, VETO} from "./Slots.sol";

/// @title The inner loop of postBatch
/// @notice Walks the bytes of a batch (docs/batch.md), and for each payment either changes storage, memory and logs as
/// the page says, or logs why not. Everything that is written once a batch (sequences, supply, totals, stream, root)
/// is left in the frame for the caller.
/// @dev In Yul because a line's budget is some 1,000 gas beside its one cold word and its event. Property-tested word
/// for word against the Python mirror in node/domain/rewards.py. What keeps it safe: a payment is validated wholly
/// before its first effect, and fields cannot overflow since all points and all money fit 56 bits (LedgerBase).
library BatchPosting {
    /// @dev Gas that a payment takes at most apart from its lines, and each line: rule, tier table, cap, debt, logs.
    uint256 internal constant PAYMENT_GAS = 60_000;
    uint256 internal constant LINE_GAS = 37_000;
    /// @dev Gas of the call in which an act runs (ActDoors gives 900,000 of it to the target), and what must be left for
    /// that and for what the loop does around it. The call always gets the same, so its outcome is not the poster's to
    /// choose by a gas limit.
    uint256 private constant FRAME_GAS = 1_020_000;
    uint256 private constant ACT_GAS = 1_060_000;

    /// @dev Of a payment's first word: flags but 1, lines, version and tender of the first line.
    uint256 private constant SHAPE = 0x0000feff0000000000000000000000000000000000000000ffffff0000000000;

    // What a target may give as a reason: 11 to 15, 31 to 63 (docs/batch.md).
    uint256 private constant ACT_REASONS = 0xffffffff8000f800;

    // Topics and selectors; tests/contracts compares them with the interface.
    uint256 private constant TRANSFER = 0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef;
    uint256 private constant SKIPPED = 0xccc5bbfe12eab1db31b687a340630b46d92e63373facb01be24dbbef6dc60dd4;
    uint256 private constant DEBITED = 0xb9644230bfcc0c09ec8f400c674a9c9b5ca84937726fd849f3fa65a0c684ef37;
    uint256 private constant CLAMPED = 0x9ffe786b5e55c7c87b41b91040acbee3c25309482a25769f2ab88ed08d308947;
    uint256 private constant OWED_LOGGED = 0xcf5a2974646a4972dd905d3cbc082376820d3c3bd150f538b97b3cc37b98f044;
    uint256 private constant ENROLLED = 0xca905d72ae68c636f503a2ce3cc344a953b91b7039e9e0515115dad51f6c2612;
    uint256 private constant BAD_LENGTH = 0x1b697901;
    uint256 private constant OUT_OF_ORDER = 0xcf4b3956;
    uint256 private constant EMPTY_BATCH = 0xc2e5347d;
    uint256 private constant RUN_ACT = 0xb3339d01;
    uint256 private constant ACT_REFUSED = 0x1a8b0e6a;

    /// @notice Looks at every payment of a batch. The caller has checked the header and filled the frame.
    function post(bytes calldata batch) internal {
        assembly ("memory-safe") {
            function fail(selector, argument, size) {
                mstore(0, selector)
                mstore(0x20, argument)
                revert(0x1c, size)
            }

            function skip(offset, reason) {
                mstore(SKIPPED_COUNT, add(mload(SKIPPED_COUNT), 1))
                mstore(LOG, reason)
                log3(LOG, 0x20, SKIPPED, mload(STREAM_ID), add(mload(FIRST_SEQUENCE), offset))
            }

            /// The bits of 256 terminals of the merchant on the stream; none while it takes no payments.
            function terminalsOf(page) -> bits {
                let merchant := mload(LAST_MERCHANT)
                if or(mload(PAUSED), iszero(and(sload(or(MERCHANT, merchant)), 1))) { leave }
                bits := sload(or(TERMINALS, or(shl(40, merchant), or(shl(8, mload(STREAM_ID)), page))))
            }

            /// Brings a rule of the merchant into the frame. A rule without window, veto, table, cap and budget has a
            /// shape and a head for the short way.
            function loadRule(version) {
                let merchant := mload(LAST_MERCHANT)
                let rule := sload(or(RULE, or(shl(16, merchant), version)))
                mstore(RULE_VERSION, version)
                mstore(RULE_WORD, rule)
                mstore(RULE_SHAPE, not(0))
                if eq(and(rule, or(shl(112, 0xffffffffffffffff), 0xff)), 1) {
                    mstore(RULE_SHAPE, or(shl(224, 1), shl(48, version)))
                    let head := or(or(mload(HEAD), shl(88, merchant)), or(shl(72, version), shl(56, 10000)))
                    mstore(RULE_HEAD, or(head, shr(216, rule)))
                }
            }

            /// Why a payment whose place and member are not all sound is skipped, if it is; else the account to go on
            /// with, which is another epoch's or not registered yet. What undoes an act only is stopped by no pause and
            /// no merchant, terminal or member that was closed.
            function examined(payment, terminals, account) -> reason, next {
                let offset := shr(240, payment)
                let flags := byte(2, payment)
                next := account
                let undoes := 0
                if and(flags, 8) {
                    let act := calldataload(mload(ACT_AT))
                    // an act of no or too many bytes counts as a flag that is not known
                    if gt(sub(shr(240, act), 1), 1023) { flags := 16 }
                    undoes := and(iszero(byte(3, payment)), shr(7, byte(2, act)))
                    terminals := terminalsOf(byte(4, payment))
                }
                if iszero(lt(offset, mload(WINDOW_BITS))) {
                    reason := 2
                    leave
                }
                if and(mload(add(WINDOW, shl(5, shr(8, offset)))), shl(and(offset, 0xff), 1)) {
                    reason := 1
                    leave
                }
                if gt(flags, 15) {
                    reason := 2
                    leave
                }
                if iszero(undoes) {
                    if mload(PAUSED) {
                        reason := 3
                        leave
                    }
                    if iszero(and(sload(or(MERCHANT, mload(LAST_MERCHANT))), 1)) {
                        reason := 4
                        leave
                    }
                    if iszero(and(shr(byte(5, payment), terminals), 1)) {
                        reason := 5
                        leave
                    }
                }
                if iszero(and(account, 1)) {
                    if or(iszero(and(flags, 4)), iszero(and(payment, shl(144, 0xffffffffffffffff)))) {
                        reason := 6
                        leave
                    }
                }
                if and(account, 4) {
                    if iszero(undoes) {
                        reason := 7
                        leave
                    }
                }
                let epoch := and(shr(24, account), 0xffff)
                if xor(epoch, mload(EPOCH_NOW)) {
                    let expired := and(shr(88, account), 0xffffffffffffff)
                    let kept := and(shr(144, account), 0xffffffffffffff)
                    if xor(add(epoch, 1), mload(EPOCH_NOW)) {
                        expired := add(expired, kept)
                        kept := 0
                    }
                    next := and(account, or(shl(200, 0xffffffffffffff), 0xffffff))
                    next := or(next, or(shl(88, kept), shl(24, mload(EPOCH_NOW))))
                    mstore(EXPIRED, expired)
                }
            }

            /// Looks at all lines of a payment before the first has an effect.
            function validated(lines, tail) -> reason {
                let coin := 0
                let value := 0
                for { let at := lines } lt(at, tail) { at := add(at, 9) } {
                    // amount 48 | version 16 | tender 8 | ..
                    let line := calldataload(at)
                    if iszero(lt(sub(shr(208, line), 1), mload(MAX_AMOUNT))) {
                        reason := 8
                        leave
                    }
                    if byte(8, line) {
                        if gt(byte(8, line), 2) {
                            reason := 9
                            leave
                        }
                        if eq(byte(8, line), 1) {
                            coin := add(coin, shr(208, line))
                            continue
                        }
                        value := add(value, shr(208, line))
                    }
                    line := and(shr(192, line), 0xffff)
                    if xor(line, mload(RULE_VERSION)) { loadRule(line) }
                    if iszero(and(mload(RULE_WORD), 1)) {
                        reason := 10
                        leave
                    }
                }
                mstore(COIN, coin)
                mstore(STORED, value)
            }

            /// The authorisation of a payment, 0 if it has none.
            function authorisationOf(payment, tail) -> hash {
                let flags := byte(2, payment)
                hash := mul(calldataload(add(tail, shl(5, and(flags, 1)))), and(shr(1, flags), 1))
            }

            /// Why the coins and the value that a payment debits cannot be taken, if they cannot.
            function unaffordable(authorised) -> reason {
                let account := mload(ACCOUNT)
                let coin := mload(COIN)
                let value := mload(STORED)
                let all := add(and(shr(88, account), 0xffffffffffffff), and(shr(144, account), 0xffffffffffffff))
                if gt(mul(coin, mload(PAR)), all) { reason := 15 }
                if gt(value, shr(200, account)) { reason := 14 }
                if gt(add(coin, value), mload(STREAM_LEFT)) { reason := 13 }
                if iszero(authorised) { reason := 12 }
                if and(account, 2) { reason := 11 }
            }

            /// Takes them.
            function debit() {
                let account := mload(ACCOUNT)
                let coin := mload(COIN)
                let value := mload(STORED)
                let previous := and(shr(88, account), 0xffffffffffffff)
                let units := mul(coin, mload(PAR))
                let fromPrevious := units
                if gt(units, previous) { fromPrevious := previous }
                mstore(PREVIOUS, fromPrevious)
                let fromCurrent := sub(units, fromPrevious)
                account := sub(account, add(shl(200, value), add(shl(144, fromCurrent), shl(88, fromPrevious))))
                mstore(ACCOUNT, account)
                mstore(STREAM_LEFT, sub(mload(STREAM_LEFT), add(coin, value)))
                mstore(BURNT_PREVIOUS, add(mload(BURNT_PREVIOUS), fromPrevious))
                mstore(BURNT_CURRENT, add(mload(BURNT_CURRENT), fromCurrent))
                mstore(VALUE, add(mload(VALUE), value))
                mstore(COINS, add(mload(COINS), coin))
                // for the log, written after the transfers
                mstore(LOG_1, value)
                mstore(LOG_2, fromPrevious)
                mstore(LOG_3, fromCurrent)
            }

            /// What a line is due by a rule with a window, a veto, a tier table, a cap or a budget.
            /// `plain` is what it would be without cap and budget.
            function dueBy(rule, key, amount) -> rate, bps, due, plain {
                let time := and(shr(112, mload(PAYMENT)), 0xffffffff)
                let tolerance := mload(TOLERANCE)
                if gt(sub(add(time, tolerance), timestamp()), shl(1, tolerance)) { time := timestamp() }
                bps := 10000
                let tier := and(shr(16, mload(ACCOUNT)), 0xff)
                if and(rule, 8) { if tier { bps := and(shr(shl(4, tier), sload(or(TIERS, key))), 0xffff) } }
                let weight := mul(amount, bps)
                let base := div(mul(weight, and(shr(176, rule), 0xffffffffff)), 100000000)
                let until := and(shr(112, rule), 0xffffffff)
                let out := or(lt(time, and(shr(144, rule), 0xffffffff)), mul(until, iszero(lt(time, until))))
                if and(rule, 16) { out := or(out, gt(number(), sload(or(VETO, key)))) }
                if out {
                    rate := and(shr(176, rule), 0xffffffffff)
                    due := base
                    plain := base
                    leave
                }
                rate := shr(216, rule)
                plain := div(mul(weight, rate), 100000000)
                due := plain
                if and(rule, 6) {
                    if gt(plain, base) {
                        due := add(base, clamped(rule, key, sub(plain, base)))
                    }
                }
            }

            /// A bonus within what is left of the member's day and of the budget; uses both up.
            function clamped(rule, key, wanted) -> bonus {
                bonus := wanted
                let slot := or(CAP, or(shl(64, key), and(shr(144, mload(PAYMENT)), 0xffffffffffffffff)))
                let used := 0
                if and(rule, 4) {
                    let word := sload(slot)
                    if eq(shr(240, word), mload(DAY)) { used := and(word, 0xffffffffffffff) }
                    let cap := and(shr(8, rule), 0xffffffffffff)
                    let left := mul(sub(cap, used), gt(cap, used))
                    if gt(bonus, left) { bonus := left }
                }
                if and(rule, 2) {
                    let left := and(shr(56, rule), 0xffffffffffffff)
                    if gt(bonus, left) { bonus := left }
                }
                if iszero(bonus) { leave }
                if and(rule, 2) {
                    // in the frame and in storage alike, so that leaving the rule costs nothing
                    rule := sub(rule, shl(56, bonus))
                    mstore(RULE_WORD, rule)
                    sstore(or(RULE, key), rule)
                }
                if and(rule, 4) { sstore(slot, or(shl(240, mload(DAY)), add(used, bonus))) }
            }

            /// Points of a line that earns. Its leaf gains basis points and rate, points and what is owed.
            function earnedBy(line, prepaid) -> points {
                let version := and(shr(192, line), 0xffff)
                line := shr(208, line) // its amount
                if xor(version, mload(RULE_VERSION)) { loadRule(version) }
                let rate := shr(216, mload(RULE_WORD))
                let bps := 10000
                points := div(mul(line, rate), 10000)
                let due := points
                let plain := points
                if eq(mload(RULE_SHAPE), not(0)) {
                    let key := or(shl(16, mload(LAST_MERCHANT)), version)
                    rate, bps, due, plain := dueBy(mload(RULE_WORD), key, line)
                    points := due
                }
                mstore(LEAF, or(mload(LEAF), or(shl(56, bps), rate)))
                if gt(due, prepaid) {
                    points := prepaid
                    owe(sub(due, points))
                }
                mstore(LEAF_BODY, or(mload(LEAF_BODY), or(shl(56, points), sub(due, points))))
                if xor(points, plain) { logClamped(points, due) }
            }

            /// Books what the merchant's prepaid points did not reach for.
            function owe(units) {
                let member := and(shr(144, mload(PAYMENT)), 0xffffffffffffffff)
                let slot := or(OWED, or(shl(64, mload(LAST_MERCHANT)), member))
                sstore(slot, add(sload(slot), units))
                mstore(OTHER, units)
                log3(OTHER, 0x20, OWED_LOGGED, mload(LAST_MERCHANT), member)
            }

            function logClamped(points, due) {
                mstore(OTHER, and(shr(144, mload(LEAF)), 0xff))
                mstore(OTHER_1, points)
                mstore(OTHER_2, due)
                log3(OTHER, 0x60, CLAMPED, mload(STREAM_ID), add(mload(FIRST_SEQUENCE), shr(240, mload(PAYMENT))))
            }

            /// Lets the act of a payment run, in a call of the ledger to itself (runAct) that leaves nothing if it is
            /// refused. The payment's own debit was found possible. `free` is memory that is not in use.
            function acted(payment, lines, tail, prepaid, free) -> reason {
                let money := add(mload(COIN), mload(STORED))
                mstore(free, shl(224, RUN_ACT))
                let to := add(free, 4)
                mstore(to, mload(STREAM_ID))
                mstore(add(to, 0x20), add(mload(FIRST_SEQUENCE), shr(240, payment)))
                mstore(add(to, 0x40), mload(LAST_MERCHANT))
                mstore(add(to, 0x60), and(shr(208, payment), 0xffff))
                mstore(add(to, 0x80), and(shr(144, payment), 0xffffffffffffffff))
                mstore(add(to, 0xa0), and(shr(112, payment), 0xffffffff))
                let amount := 0
                for {} lt(lines, tail) { lines := add(lines, 9) } {
                    amount := add(amount, shr(208, calldataload(lines)))
                }
                mstore(add(to, 0xc0), amount)
                mstore(add(to, 0xe0), mload(COIN))
                mstore(add(to, 0x100), sub(mload(STREAM_LEFT), money))
                mstore(add(to, 0x120), authorisationOf(payment, tail))
                mstore(add(to, 0x140), prepaid)
                mstore(add(to, 0x160), mload(SOLD))
                mstore(add(to, 0x180), mload(TAKEN))
                mcopy(add(to, 0x1a0), MINTED, 0xa0)
                mstore(add(to, 0x240), 0x260)
                let size := shr(240, calldataload(mload(ACT_AT)))
                mstore(add(to, 0x260), size)
                calldatacopy(add(to, 0x280), add(mload(ACT_AT), 2), size)
                mstore(add(add(to, 0x280), size), 0)
                // to the next word
                size := and(add(size, 0x1f), not(0x1f))
                if call(FRAME_GAS, address(), 0, free, add(size, 0x284), 0, 0x20) {
                    let taken := mload(0)
                    mstore(STREAM_LEFT, sub(mload(STREAM_LEFT), taken))
                    // what was not booked is now
                    mstore(SETTLED, add(add(mload(SETTLED), taken), add(mload(VALUE), mload(COINS))))
                    mstore(SOLD, 0)
                    mstore(TAKEN, 0)
                    calldatacopy(MINTED, calldatasize(), 0xa0)
                    // any rule may be another now
                    mstore(RULE_VERSION, 0x10000)
                    mstore(RULE_SHAPE, not(0))
                    leave
                }
                reason := 30
                if eq(returndatasize(), 0x24) {
                    returndatacopy(0, 0, 0x24)
                    if eq(shr(224, mload(0)), ACT_REFUSED) {
                        if and(shr(mload(4), ACT_REASONS), 1) { reason := mload(4) }
                    }
                }
            }

            /// The long way of a payment: any lines, tenders and rules, enrolment, acts. Skips it or books it.
            function book(payment, lines, account, reason, prepaid, leaf) -> prepaidLeft, leafNext {
                mstore(PAYMENT, payment)
                mstore(ACCOUNT, account)
                prepaidLeft := prepaid
                leafNext := leaf
                let tail := add(lines, mul(byte(3, payment), 9))
                if iszero(reason) { reason := validated(lines, tail) }
                let debits := 0
                if iszero(reason) {
                    debits := or(mload(COIN), mload(STORED))
                    if debits { reason := unaffordable(authorisationOf(payment, tail)) }
                }
                // posted before, malformed and paused consume no sequence
                if or(iszero(reason), gt(reason, 3)) {
                    let bits := add(WINDOW, and(shr(243, payment), 0x1fe0))
                    mstore(bits, or(mload(bits), shl(byte(1, payment), 1)))
                }
                if reason {
                    mstore(EXPIRED, 0)
                    skip(shr(240, payment), reason)
                    leave
                }
                if and(byte(2, payment), 10) {
                    if and(byte(2, payment), 8) {
                        reason := acted(payment, lines, tail, prepaid, leaf)
                        if reason {
                            mstore(EXPIRED, 0)
                            skip(shr(240, payment), reason)
                            leave
                        }
                        prepaid := shr(192, sload(or(MERCHANT, mload(LAST_MERCHANT))))
                        prepaidLeft := prepaid
                        if iszero(byte(3, payment)) {
                            mstore(EXPIRED, 0)
                            leave
                        }
                        if iszero(and(account, 1)) {
                            // enrolled before the act, in this epoch
                            mstore(ACCOUNT, sload(or(MEMBER, and(shr(144, payment), 0xffffffffffffffff))))
                            mstore(EXPIRED, 0)
                        }
                    }
                    mstore(LEAF_AUTHORISATION, authorisationOf(payment, tail))
                }
                if debits { debit() }
                mstore(LEAF_ITEMS, mul(calldataload(tail), and(byte(2, payment), 1)))
                prepaidLeft, leafNext := bookLines(payment, lines, tail, prepaid, leaf)
                mstore(LEAF_AUTHORISATION, 0)
                storeMember(sub(prepaid, prepaidLeft))
            }

            /// Gives each line its points and its leaf.
            function bookLines(payment, at, tail, prepaid, leaf) -> prepaidLeft, leafNext {
                prepaidLeft := prepaid
                leafNext := leaf
                let head := or(shl(152, shr(240, payment)), and(shr(88, payment), shl(120, 0xffff)))
                head := add(or(mload(HEAD), shl(88, mload(LAST_MERCHANT))), head)
                payment := or(and(shl(48, payment), shl(192, 0xffffffffffffffff)), and(payment, shl(112, 0xffffffff)))
                for {} lt(at, tail) { at := add(at, 9) } {
                    let line := calldataload(at)
                    // tender to bit 136, version to bit 72
                    mstore(LEAF, or(or(head, shl(136, byte(8, line))), and(shr(120, line), shl(72, 0xffff))))
                    mstore(LEAF_BODY, or(payment, shl(144, shr(208, line))))
                    mstore(SOLD, add(mload(SOLD), shr(208, line)))
                    switch eq(byte(8, line), 1)
                    case 1 {
                        let units := mul(shr(208, line), mload(PAR))
                        if gt(units, mload(PREVIOUS)) { units := mload(PREVIOUS) }
                        mstore(PREVIOUS, sub(mload(PREVIOUS), units))
                        mstore(LEAF_BODY, or(mload(LEAF_BODY), units))
                    }
                    default { prepaidLeft := sub(prepaidLeft, earnedBy(line, prepaidLeft)) }
                    mstore(leafNext, keccak256(LEAF, 0x80))
                    leafNext := add(leafNext, 0x20)
                    head := add(head, shl(144, 1))
                }
            }

            /// Stores a member after a payment that went the long way, and writes its logs.
            function storeMember(minted) {
                let account := mload(ACCOUNT)
                let member := and(shr(144, mload(PAYMENT)), 0xffffffffffffffff)
                let holder := or(MEMBER_PREFIX, member)
                let earned := add(and(shr(40, account), 0xffffffffffff), minted)
                if gt(earned, 0xffffffffffff) { earned := 0xffffffffffff }
                account := and(account, not(shl(40, 0xffffffffffff)))
                account := or(add(account, shl(144, minted)), shl(40, earned))
                if iszero(and(account, 1)) {
                    account := or(account, 1)
                    log2(0, 0, ENROLLED, member)
                }
                sstore(or(MEMBER, member), account)
                if mload(EXPIRED) {
                    log3(EXPIRED, 0x20, TRANSFER, holder, 0)
                    mstore(EXPIRED, 0)
                }
                if minted {
                    mstore(LOG, minted)
                    log3(LOG, 0x20, TRANSFER, 0, holder)
                }
                let coin := mload(COIN)
                if iszero(or(coin, mload(STORED))) { leave }
                mstore(TAKEN, add(mload(TAKEN), add(coin, mload(STORED))))
                if coin {
                    mstore(LOG, mul(coin, mload(PAR)))
                    log3(LOG, 0x20, TRANSFER, holder, 0)
                }
                mstore(LOG, mload(LAST_MERCHANT))
                log4(LOG, 0x80, DEBITED, member, mload(STREAM_ID), add(mload(FIRST_SEQUENCE), shr(240, mload(PAYMENT))))
            }

            /// Writes the merchant's word after its section.
            function closeMerchant(prepaid, sold) {
                let slot := or(MERCHANT, mload(LAST_MERCHANT))
                let word := sload(slot)
                let epoch := mload(EPOCH_NOW)
                let points := sub(shr(192, word), prepaid)
                let issued := and(shr(24, word), 0xffffffffffffff)
                let epochBefore := and(shr(8, word), 0xffff)
                if xor(epochBefore, epoch) {
                    if issued { sstore(or(ISSUED, or(shl(16, mload(LAST_MERCHANT)), epochBefore)), issued) }
                    issued := 0
                }
                issued := add(issued, points)
                if gt(issued, 0xffffffffffffff) { issued := 0xffffffffffffff }
                let turnover := add(and(shr(80, word), 0xffffffffffff), sold)
                if gt(turnover, 0xffffffffffff) { turnover := 0xffffffffffff }
                let owing := add(and(shr(128, word), 0xffffffffffffffff), mload(TAKEN))
                mstore(MINTED, add(mload(MINTED), points))
                word := or(or(shl(192, prepaid), shl(128, owing)), or(shl(80, turnover), and(word, 0xff)))
                sstore(slot, or(word, or(shl(24, issued), shl(8, epoch))))
            }

            /// Of a payment that is not lines alone: where it ends, and the gas that must be left for it. All ones, and the
            /// end of its head, when its line count is out of range; it is skipped then, and the batch ends.
            /// `next` is where a payment of its lines and hashes ends.
            function measured(payment, next) -> end, reserve {
                let lines := byte(3, payment)
                end := next
                // without lines there must be an act
                if or(gt(lines, 16), iszero(or(lines, and(byte(2, payment), 8)))) {
                    end := sub(
                        sub(next, mul(lines, 9)),
                        add(and(shr(227, payment), 0x20), and(shr(228, payment), 0x20))
                    )
                    reserve := not(0)
                    skip(shr(240, payment), 2)
                    leave
                }
                reserve := add(mload(RESERVE_GAS), mul(lines, LINE_GAS))
                if and(byte(2, payment), 8) {
                    mstore(ACT_AT, next)
                    end := add(add(next, 2), shr(240, calldataload(next)))
                    reserve := add(reserve, ACT_GAS)
                }
            }

            let p := add(batch.offset, 16)
            let leaf := mload(LEAVES)
            for { let sections := shr(240, calldataload(add(batch.offset, 14))) } sections {} {
                let left := calldataload(p)
                p := add(p, 6)
                let merchant := shr(224, left)
                left := and(shr(208, left), 0xffff)
                if gt(p, mload(END)) { fail(BAD_LENGTH, batch.length, 0x24) }
                if iszero(gt(merchant, mload(LAST_MERCHANT))) { fail(OUT_OF_ORDER, merchant, 0x24) }
                if iszero(left) { fail(EMPTY_BATCH, 0, 4) }
                mstore(PROCESSED, add(mload(PROCESSED), left))
                mstore(LAST_MERCHANT, merchant)
                mstore(SOLD, 0)
                mstore(TAKEN, 0)
                mstore(RULE_VERSION, 0x10000)
                mstore(RULE_SHAPE, not(0))
                {
                    // the rule of the first line, so that even the first payment may go the short way
                    let line := calldataload(add(p, 18))
                    if iszero(byte(8, line)) { loadRule(and(shr(192, line), 0xffff)) }
                }
                let prepaid := shr(192, sload(or(MERCHANT, merchant)))
                let sold := 0 // minor units of the short way
                let page := 0x100 // of the word in `terminals`; none yet
                let terminals := 0

                for {} left { left := sub(left, 1) } {
                    // offset 16 | flags 8 | lines 8 | page 8 | terminal 8 | member 64 | time 32 | first line 72 | ..
                    let payment := calldataload(p)
                    let next := add(and(shr(227, payment), 0x20), and(shr(228, payment), 0x20))
                    next := add(add(add(p, 18), mul(byte(3, payment), 9)), next)
                    if xor(byte(4, payment), page) {
                        page := byte(4, payment)
                        terminals := terminalsOf(page)
                    }
                    // an act, unknown flags, a line count out of range; or the end, of the bytes or of the gas
                    if or(
                        or(gt(sub(and(shr(224, payment), 0xf8ff), 1), 15), gt(next, mload(END))),
                        lt(gas(), add(mload(RESERVE_GAS), mul(byte(3, payment), LINE_GAS)))
                    ) {
                        let reserve
                        next, reserve := measured(payment, next)
                        if gt(next, mload(END)) { fail(BAD_LENGTH, batch.length, 0x24) }
                        if lt(gas(), reserve) {
                            // The batch ends here: where the next payment starts is not known, or for want of gas.
                            mstore(PROCESSED, sub(mload(PROCESSED), sub(left, eq(reserve, not(0)))))
                            sections := 0
                            break
                        }
                        mstore(SOLD, add(mload(SOLD), sold))
                        sold := 0
                        // it is to be examined, and terminals to be read again after an act
                        page := 0x100
                        terminals := 0
                    }
                    let bits := add(WINDOW, and(shr(243, payment), 0x1fe0))
                    let account := sload(or(MEMBER, and(shr(144, payment), 0xffffffffffffffff)))
                    let reason := 0
                    if iszero(
                        and(
                            and(
                                lt(shr(240, payment), mload(WINDOW_BITS)),
                                iszero(and(shr(byte(1, payment), mload(bits)), 1))
                            ),
                            and(shr(byte(5, payment), terminals), eq(and(account, 0xffff000005), mload(SOUND)))
                        )
                    ) { reason, account := examined(payment, terminals, account) }

                    // The short way: one external line by a plain rule, no authorisation, nobody new, nothing expired,
                    // points enough. All others take the long way, with the same effects.
                    let amount := and(shr(64, payment), 0xffffffffffff)
                    let due := div(mul(amount, and(mload(RULE_HEAD), 0xffffffffff)), 10000)
                    if iszero(
                        and(
                            and(eq(and(payment, SHAPE), mload(RULE_SHAPE)), lt(sub(amount, 1), mload(MAX_AMOUNT))),
                            iszero(or(or(reason, mload(EXPIRED)), gt(due, prepaid)))
                        )
                    ) {
                        prepaid, leaf := book(payment, add(p, 18), account, reason, prepaid, leaf)
                        p := next
                        continue
                    }
                    mstore(bits, or(mload(bits), shl(byte(1, payment), 1)))
                    sold := add(sold, amount)
                    prepaid := sub(prepaid, due)
                    mstore(
                        LEAF,
                        add(mload(RULE_HEAD), or(shl(152, shr(240, payment)), and(shr(88, payment), shl(120, 0xffff))))
                    )
                    mstore(
                        LEAF_BODY,
                        or(
                            or(and(shl(48, payment), shl(192, 0xffffffffffffffff)), shl(144, amount)),
                            or(and(payment, shl(112, 0xffffffff)), shl(56, due))
                        )
                    )
                    mstore(LEAF_ITEMS, mul(calldataload(add(p, 27)), and(byte(2, payment), 1)))
                    mstore(leaf, keccak256(LEAF, 0x80))
                    leaf := add(leaf, 0x20)
                    // earnedInWindow saturates
                    amount := add(and(shr(40, account), 0xffffffffffff), due)
                    if shr(48, amount) { amount := 0xffffffffffff }
                    account := or(and(account, not(shl(40, 0xffffffffffff))), shl(40, amount))
                    payment := and(shr(144, payment), 0xffffffffffffffff)
                    sstore(or(MEMBER, payment), add(account, shl(144, due)))
                    if due {
                        mstore(LOG, due)
                        log3(LOG, 0x20, TRANSFER, 0, or(MEMBER_PREFIX, payment))
                    }
                    p := next
                }
                sold := add(sold, mload(SOLD))
                if sold { closeMerchant(prepaid, sold) }
                if sections {
                    sections := sub(sections, 1)
                    if iszero(sections) { if xor(p, mload(END)) { fail(BAD_LENGTH, batch.length, 0x24) } }
                }
            }
            mstore(LEAVES_END, leaf)
            mstore(0x40, leaf)
        }
    }
}
