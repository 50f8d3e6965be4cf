// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MEMBER, MERCHANT, RULE, TIERS, VETO, TERMINALS, CAP, OWED, ISSUED} from "./Slots.sol";

/// @title The inner loop of postBatch
/// @notice Walks the bytes of a batch (docs/batch.md), and for each payment either changes storage, memory and logs as
/// the page says, or logs why not. Everything that is written once a batch (sequences, supply, totals, stream, root)
/// is left in `Run` for the caller.
/// @dev In Yul because a line's budget is some 1,000 gas beside its one cold word and its event. Property-tested word
/// for word against the Python mirror in node/domain/rewards.py. What keeps it safe: a payment is validated wholly
/// before its first effect, and fields cannot overflow since all points and all money fit 56 bits (LedgerBase).
library BatchPosting {
    /// @dev The frame of the loop; offsets in the comments, as the assembly has them. The first four words are the
    /// leaf that is hashed.
    struct Run {
        uint256 leafHead; // 0x00
        uint256 leafBody; // 0x20
        uint256 itemsRoot; // 0x40
        uint256 authorisation; // 0x60
        uint256 head; // 0x80 what all leaf heads of the batch share: domain, stream, first sequence, epoch
        uint256 stream; // 0xa0
        uint256 firstSequence; // 0xc0
        uint256 epoch; // 0xe0
        uint256 day; // 0x100
        uint256 par; // 0x120 units for a minor unit
        uint256 maxAmount; // 0x140
        uint256 tolerance; // 0x160
        uint256 paused; // 0x180
        uint256 streamLeft; // 0x1a0 minor units that the stream may still debit today; falls
        uint256 window; // 0x1c0 address of the bitmap's words
        uint256 windowBits; // 0x1e0
        uint256 leaves; // 0x200 address of the first leaf, at the end of memory
        uint256 reserveGas; // 0x220 gas that closing the batch may take
        uint256 leavesEnd; // 0x240 from here on: what comes out
        uint256 processed; // 0x260
        uint256 skipped; // 0x280
        uint256 minted; // 0x2a0 units
        uint256 burntPrevious; // 0x2c0 units
        uint256 burntCurrent; // 0x2e0 units
        uint256 value; // 0x300 minor units from stored value
        uint256 coins; // 0x320 minor units from coins
        uint256 log0; // 0x340 data of the log being written
        uint256 log1; // 0x360
        uint256 log2; // 0x380
        uint256 log3; // 0x3a0
        uint256 clamped0; // 0x3c0 data of a Clamped log, while that of Debited waits above
        uint256 clamped1; // 0x3e0
        uint256 clamped2; // 0x400
    }

    /// @dev Gas that a payment takes at most apart from its lines, and each line: rule, tier table, cap, debt, logs.
    uint256 internal constant PAYMENT_GAS = 60_000;
    uint256 internal constant LINE_GAS = 60_000;

    // Topics and selectors; tests/contracts compares them with the interface.
    uint256 internal constant TRANSFER = 0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef;
    uint256 internal constant SKIPPED = 0xccc5bbfe12eab1db31b687a340630b46d92e63373facb01be24dbbef6dc60dd4;
    uint256 internal constant DEBITED = 0xb9644230bfcc0c09ec8f400c674a9c9b5ca84937726fd849f3fa65a0c684ef37;
    uint256 internal constant CLAMPED = 0x9ffe786b5e55c7c87b41b91040acbee3c25309482a25769f2ab88ed08d308947;
    uint256 internal constant OWED_LOGGED = 0xcf5a2974646a4972dd905d3cbc082376820d3c3bd150f538b97b3cc37b98f044;
    uint256 internal constant ENROLLED = 0xca905d72ae68c636f503a2ce3cc344a953b91b7039e9e0515115dad51f6c2612;
    uint256 internal constant BAD_LENGTH = 0x1b697901;
    uint256 internal constant OUT_OF_ORDER = 0xcf4b3956;
    uint256 internal constant EMPTY_BATCH = 0xc2e5347d;

    function post(bytes calldata batch, Run memory run) internal {
        assembly ("memory-safe") {
            // --- cold paths -------------------------------------------------------------------------------------

            function fail(selector, argument, size) {
                mstore(0, selector)
                mstore(0x20, argument)
                revert(0x1c, size)
            }

            /// An account in `epoch`, and the coins that expired on the way.
            function rolled(account, epoch) -> next, expired {
                expired := and(shr(88, account), 0xffffffffffffff)
                let kept := and(shr(144, account), 0xffffffffffffff)
                if xor(add(and(shr(24, account), 0xffff), 1), epoch) {
                    expired := add(expired, kept)
                    kept := 0
                }
                next := and(account, 0xffffffffffffff00000000000000000000000000000000000000000000ffffff)
                next := or(next, or(shl(88, kept), shl(24, epoch)))
            }

            /// Takes the coins and the value that a payment debits, or says why not. Nothing can fail afterwards.
            function debited(m, account, authorised, coin, value) -> next, fromPrevious, reason {
                let previous := and(shr(88, account), 0xffffffffffffff)
                let units := mul(coin, mload(add(m, 0x120)))
                let left := mload(add(m, 0x1a0))
                let money := add(coin, value)
                if gt(units, add(previous, and(shr(144, account), 0xffffffffffffff))) { reason := 15 }
                if gt(value, shr(200, account)) { reason := 14 }
                if gt(money, left) { reason := 13 }
                if iszero(authorised) { reason := 12 }
                if and(account, 2) { reason := 11 }
                if iszero(reason) {
                    fromPrevious := units
                    if gt(units, previous) { fromPrevious := previous }
                    let fromCurrent := sub(units, fromPrevious)
                    next := sub(account, add(shl(200, value), add(shl(144, fromCurrent), shl(88, fromPrevious))))
                    mstore(add(m, 0x1a0), sub(left, money))
                    mstore(add(m, 0x2c0), add(mload(add(m, 0x2c0)), fromPrevious))
                    mstore(add(m, 0x2e0), add(mload(add(m, 0x2e0)), fromCurrent))
                    mstore(add(m, 0x300), add(mload(add(m, 0x300)), value))
                    mstore(add(m, 0x320), add(mload(add(m, 0x320)), coin))
                    // for the log, written after the transfers
                    mstore(add(m, 0x360), value)
                    mstore(add(m, 0x380), fromPrevious)
                    mstore(add(m, 0x3a0), fromCurrent)
                }
            }

            /// What a line is due by a rule with a window, a veto, a tier table, a cap or a budget.
            /// `plain` is what it would be without cap and budget.
            function dueBy(m, rule, key, amount, tier, time, member) -> next, rate, bps, due, plain {
                next := rule
                bps := 10000
                if and(rule, 8) { if tier { bps := and(shr(shl(4, tier), sload(or(TIERS, key))), 0xffff) } }
                let weight := mul(amount, bps)
                let base := div(mul(weight, and(shr(176, rule), 0xffffffffff)), 100000000)
                let until := and(shr(112, rule), 0xffffffff)
                let inForce := iszero(lt(time, and(shr(144, rule), 0xffffffff)))
                if until { inForce := and(inForce, lt(time, until)) }
                if and(rule, 16) { inForce := and(inForce, iszero(gt(number(), sload(or(VETO, key))))) }
                switch inForce
                case 0 {
                    rate := and(shr(176, rule), 0xffffffffff)
                    due := base
                    plain := base
                }
                default {
                    rate := shr(216, rule)
                    plain := div(mul(weight, rate), 100000000)
                    due := plain
                    if and(gt(plain, base), iszero(iszero(and(rule, 6)))) {
                        let bonus
                        next, bonus := clamped(m, rule, key, member, sub(plain, base))
                        due := add(base, bonus)
                    }
                }
            }

            /// A bonus within what is left of the member's day and of the budget; uses both up.
            function clamped(m, rule, key, member, wanted) -> next, bonus {
                next := rule
                bonus := wanted
                let slot := or(CAP, or(shl(64, key), member))
                let used := 0
                if and(rule, 4) {
                    let word := sload(slot)
                    if eq(shr(240, word), mload(add(m, 0x100))) { used := and(word, 0xffffffffffffff) }
                    let cap := and(shr(8, rule), 0xffffffffffff)
                    let left := mul(sub(cap, used), gt(cap, used))
                    if gt(bonus, left) { bonus := left }
                }
                if and(rule, 2) {
                    let left := and(shr(56, rule), 0xffffffffffffff)
                    if gt(bonus, left) { bonus := left }
                    next := sub(rule, shl(56, bonus))
                    // kept in the cache and in storage alike, so that leaving the cache costs nothing
                    if bonus { sstore(or(RULE, key), next) }
                }
                if and(rule, 4) {
                    if bonus { sstore(slot, or(shl(240, mload(add(m, 0x100))), add(used, bonus))) }
                }
            }

            /// Books what the merchant's prepaid points did not reach for.
            function owe(m, merchant, member, units) {
                let slot := or(OWED, or(shl(64, merchant), member))
                sstore(slot, add(sload(slot), units))
                mstore(add(m, 0x340), units)
                log3(add(m, 0x340), 0x20, OWED_LOGGED, merchant, member)
            }

            function logClamped(m, sequence, line, points, due) {
                mstore(add(m, 0x3c0), line)
                mstore(add(m, 0x3e0), points)
                mstore(add(m, 0x400), due)
                log3(add(m, 0x3c0), 0x60, CLAMPED, mload(add(m, 0xa0)), sequence)
            }

            /// Writes a merchant's word after its section.
            function closeMerchant(m, merchant, word, prepaid, sold, taken) {
                let epoch := mload(add(m, 0xe0))
                let points := sub(shr(192, word), prepaid)
                let issued := and(shr(24, word), 0xffffffffffffff)
                let epochBefore := and(shr(8, word), 0xffff)
                if xor(epochBefore, epoch) {
                    if issued { sstore(or(ISSUED, or(shl(16, merchant), epochBefore)), issued) }
                    issued := 0
                }
                issued := add(issued, points)
                if gt(issued, 0xffffffffffffff) { issued := 0xffffffffffffff }
                let turnover := add(and(shr(80, word), 0xffffffffffff), sold)
                if gt(turnover, 0xffffffffffff) { turnover := 0xffffffffffff }
                let owing := add(and(shr(128, word), 0xffffffffffffffff), taken)
                mstore(add(m, 0x2a0), add(mload(add(m, 0x2a0)), points))
                word := or(or(shl(192, prepaid), shl(128, owing)), or(shl(80, turnover), and(word, 0xff)))
                sstore(or(MERCHANT, merchant), or(word, or(shl(24, issued), shl(8, epoch))))
            }

            // --- the batch --------------------------------------------------------------------------------------

            let m := run
            let end := add(batch.offset, batch.length)
            let p := add(batch.offset, 16)
            let leaf := mload(add(m, 0x200))
            let lastMerchant := 0
            let sections := shr(240, calldataload(add(batch.offset, 14)))

            for {} sections {} {
                let left := calldataload(p)
                let merchant := shr(224, left)
                left := and(shr(208, left), 0xffff)
                p := add(p, 6)
                if iszero(gt(merchant, lastMerchant)) { fail(OUT_OF_ORDER, merchant, 0x24) }
                if gt(p, end) { fail(BAD_LENGTH, batch.length, 0x24) }
                if iszero(left) { fail(EMPTY_BATCH, 0, 4) }
                lastMerchant := merchant

                let merchantWord := sload(or(MERCHANT, merchant))
                let prepaid := shr(192, merchantWord)
                let sold := 0 // minor units, all tenders
                let taken := 0 // minor units that members paid through the ledger
                let blocked := mul(4, iszero(and(merchantWord, 1)))
                if mload(add(m, 0x180)) { blocked := 3 }
                let page := 0x100 // of the terminals' word; none yet
                let terminals := 0
                let version := 0x10000 // of the rule's word; none yet
                let rule := 0
                mstore(add(m, 0x260), add(mload(add(m, 0x260)), left))

                for {} left { left := sub(left, 1) } {
                    // offset 16 | flags 8 | lines 8 | terminal 16 | member 64 | time 32 | first line 72 | ..
                    let payment := calldataload(p)
                    let tail := byte(3, payment)
                    if or(gt(sub(tail, 1), 15), lt(gas(), add(mload(add(m, 0x220)), mul(tail, LINE_GAS)))) {
                        // The batch ends here: for want of gas, or because where the next payment starts is not known.
                        let unread := left
                        if gt(sub(tail, 1), 15) {
                            unread := sub(left, 1)
                            mstore(add(m, 0x280), add(mload(add(m, 0x280)), 1))
                            mstore(add(m, 0x340), 2)
                            log3(
                                add(m, 0x340),
                                0x20,
                                SKIPPED,
                                mload(add(m, 0xa0)),
                                add(mload(add(m, 0xc0)), shr(240, payment))
                            )
                        }
                        mstore(add(m, 0x260), sub(mload(add(m, 0x260)), unread))
                        sections := 0
                        break
                    }
                    let lines := add(p, 18)
                    tail := add(lines, mul(tail, 9))
                    let flags := byte(2, payment)
                    p := add(tail, add(shl(5, and(flags, 1)), shl(4, and(flags, 2))))
                    if gt(p, end) { fail(BAD_LENGTH, batch.length, 0x24) }

                    let offset := shr(240, payment)
                    let bits := add(mload(add(m, 0x1c0)), shl(5, shr(8, offset)))
                    let bit := shl(and(offset, 0xff), 1)
                    let member := and(shr(144, payment), 0xffffffffffffffff)
                    let account := 0
                    let expired := 0
                    let coin := 0
                    let value := 0
                    let reason := 0

                    // Validation: one round, left at the first reason that fails.
                    for {} 1 {} {
                        if iszero(lt(offset, mload(add(m, 0x1e0)))) {
                            reason := 2
                            break
                        }
                        if and(mload(bits), bit) {
                            reason := 1
                            break
                        }
                        if gt(flags, 7) {
                            reason := 2
                            break
                        }
                        if blocked {
                            reason := blocked
                            break
                        }
                        let terminal := and(shr(208, payment), 0xffff)
                        if xor(shr(8, terminal), page) {
                            page := shr(8, terminal)
                            terminals := sload(
                                or(TERMINALS, or(shl(40, merchant), or(shl(8, mload(add(m, 0xa0))), page)))
                            )
                        }
                        if iszero(and(shr(and(terminal, 0xff), terminals), 1)) {
                            reason := 5
                            break
                        }
                        account := sload(or(MEMBER, member))
                        // registered and not frozen
                        if xor(and(account, 5), 1) {
                            if iszero(and(account, 1)) {
                                if iszero(and(member, sub(0, iszero(iszero(and(flags, 4)))))) {
                                    reason := 6
                                    break
                                }
                            }
                            if and(account, 4) {
                                reason := 7
                                break
                            }
                        }
                        if xor(and(shr(24, account), 0xffff), mload(add(m, 0xe0))) {
                            account, expired := rolled(account, mload(add(m, 0xe0)))
                        }
                        for { let at := lines } lt(at, tail) { at := add(at, 9) } {
                            // amount 48 | version 16 | tender 8 | ..
                            let line := calldataload(at)
                            if iszero(lt(sub(shr(208, line), 1), mload(add(m, 0x140)))) {
                                reason := 8
                                break
                            }
                            let tender := byte(8, line)
                            if tender {
                                if gt(tender, 2) {
                                    reason := 9
                                    break
                                }
                                if eq(tender, 1) {
                                    coin := add(coin, shr(208, line))
                                    continue
                                }
                                value := add(value, shr(208, line))
                            }
                            line := and(shr(192, line), 0xffff)
                            if xor(line, version) {
                                version := line
                                rule := sload(or(RULE, or(shl(16, merchant), version)))
                            }
                            if iszero(and(rule, 1)) {
                                reason := 10
                                break
                            }
                        }
                        break
                    }
                    let fromPrevious := 0
                    if or(coin, value) {
                        if iszero(reason) {
                            let authorised := 0
                            if and(flags, 2) { authorised := calldataload(sub(p, 0x20)) }
                            let next
                            next, fromPrevious, reason := debited(m, account, authorised, coin, value)
                            if iszero(reason) { account := next }
                        }
                    }
                    if reason {
                        mstore(add(m, 0x280), add(mload(add(m, 0x280)), 1))
                        // posted before, malformed and paused consume no sequence
                        if gt(reason, 3) { mstore(bits, or(mload(bits), bit)) }
                        mstore(add(m, 0x340), reason)
                        log3(add(m, 0x340), 0x20, SKIPPED, mload(add(m, 0xa0)), add(mload(add(m, 0xc0)), offset))
                        continue
                    }

                    // Effects.
                    mstore(bits, or(mload(bits), bit))
                    if and(flags, 3) {
                        if and(flags, 1) { mstore(add(m, 0x40), calldataload(tail)) }
                        if and(flags, 2) { mstore(add(m, 0x60), calldataload(sub(p, 0x20))) }
                    }
                    let head :=
                        add(
                            or(mload(add(m, 0x80)), shl(88, merchant)),
                            or(shl(152, offset), and(shl(120, shr(208, payment)), shl(120, 0xffff)))
                        )
                    let body := or(shl(192, member), and(payment, shl(112, 0xffffffff)))
                    let minted := 0
                    let previousLeft := fromPrevious

                    for { let at := lines } lt(at, tail) {
                        at := add(at, 9)
                        head := add(head, shl(144, 1))
                    } {
                        let line := calldataload(at)
                        let amount := shr(208, line)
                        // version to bit 72, tender to bit 136
                        let lineHead := or(head, and(shr(120, line), shl(72, 0xffff)))
                        lineHead := or(lineHead, shl(136, byte(8, line)))
                        let lineBody := or(body, shl(144, amount))
                        switch eq(byte(8, line), 1)
                        case 1 {
                            let units := mul(amount, mload(add(m, 0x120)))
                            if gt(units, previousLeft) { units := previousLeft }
                            previousLeft := sub(previousLeft, units)
                            lineBody := or(lineBody, units)
                            taken := add(taken, amount)
                        }
                        default {
                            line := and(shr(192, line), 0xffff)
                            if xor(line, version) {
                                version := line
                                rule := sload(or(RULE, or(shl(16, merchant), version)))
                            }
                            let due
                            let plain
                            switch and(rule, 0xffffffffffffffff00000000000000000000000000001e)
                            case 0 {
                                // no window, no veto, no table, no cap, no budget
                                let rate := shr(216, rule)
                                due := div(mul(amount, rate), 10000)
                                plain := due
                                lineHead := or(lineHead, or(shl(56, 10000), rate))
                            }
                            default {
                                let tolerance := mload(add(m, 0x160))
                                let time := and(shr(112, payment), 0xffffffff)
                                if gt(sub(add(time, tolerance), timestamp()), shl(1, tolerance)) {
                                    time := timestamp()
                                }
                                let rate
                                let bps
                                rule, rate, bps, due, plain :=
                                    dueBy(
                                    m,
                                    rule,
                                    or(shl(16, merchant), version),
                                    amount,
                                    and(shr(16, account), 0xff),
                                    time,
                                    member
                                )
                                lineHead := or(lineHead, or(shl(56, bps), rate))
                            }
                            let points := due
                            if gt(due, prepaid) {
                                points := prepaid
                                lineBody := or(lineBody, sub(due, points))
                                owe(m, merchant, member, sub(due, points))
                            }
                            prepaid := sub(prepaid, points)
                            minted := add(minted, points)
                            lineBody := or(lineBody, shl(56, points))
                            if xor(points, plain) {
                                logClamped(m, add(mload(add(m, 0xc0)), offset), div(sub(at, lines), 9), points, due)
                            }
                        }
                        sold := add(sold, amount)
                        mstore(m, lineHead)
                        mstore(add(m, 0x20), lineBody)
                        mstore(leaf, keccak256(m, 0x80))
                        leaf := add(leaf, 0x20)
                    }
                    if and(flags, 3) {
                        mstore(add(m, 0x40), 0)
                        mstore(add(m, 0x60), 0)
                    }
                    let earned := add(and(shr(40, account), 0xffffffffffff), minted)
                    if gt(earned, 0xffffffffffff) { earned := 0xffffffffffff }
                    account := and(account, not(shl(40, 0xffffffffffff)))
                    account := or(add(account, shl(144, minted)), shl(40, earned))
                    let slot := or(MEMBER, member)
                    if iszero(and(account, 1)) {
                        account := or(account, 1)
                        log2(0, 0, ENROLLED, member)
                    }
                    sstore(slot, account)
                    slot := and(slot, 0xffffffffffffffffffffffffffffffffffffffff)
                    if expired {
                        mstore(add(m, 0x340), expired)
                        log3(add(m, 0x340), 0x20, TRANSFER, slot, 0)
                    }
                    if minted {
                        mstore(add(m, 0x340), minted)
                        log3(add(m, 0x340), 0x20, TRANSFER, 0, slot)
                    }
                    if or(coin, value) {
                        taken := add(taken, value)
                        if coin {
                            mstore(add(m, 0x340), mul(coin, mload(add(m, 0x120))))
                            log3(add(m, 0x340), 0x20, TRANSFER, slot, 0)
                        }
                        mstore(add(m, 0x340), merchant)
                        log4(
                            add(m, 0x340),
                            0x80,
                            DEBITED,
                            member,
                            mload(add(m, 0xa0)),
                            add(mload(add(m, 0xc0)), offset)
                        )
                    }
                }
                if sold { closeMerchant(m, merchant, merchantWord, prepaid, sold, taken) }
                if sections {
                    sections := sub(sections, 1)
                    if iszero(sections) { if xor(p, end) { fail(BAD_LENGTH, batch.length, 0x24) } }
                }
            }
            mstore(add(m, 0x240), leaf)
            mstore(0x40, leaf)
        }
    }

    /// @notice The root over the leaves of a run: pairs hashed in order (smaller first), an odd last moves up.
    /// @dev Folds in place, level by level.
    function fold(Run memory run) internal pure returns (bytes32 root) {
        assembly ("memory-safe") {
            let first := mload(add(run, 0x200))
            let count := shr(5, sub(mload(add(run, 0x240)), first))
            for {} gt(count, 1) {} {
                let to := first
                let until := add(first, shl(6, shr(1, count)))
                for { let from := first } lt(from, until) { from := add(from, 0x40) } {
                    let left := mload(from)
                    let right := mload(add(from, 0x20))
                    switch lt(left, right)
                    case 0 {
                        mstore(0, right)
                        mstore(0x20, left)
                        mstore(to, keccak256(0, 0x40))
                    }
                    default { mstore(to, keccak256(from, 0x40)) }
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
}
