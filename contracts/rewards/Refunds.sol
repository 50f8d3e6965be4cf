// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {ILedgerDoors} from "../../interfaces/ILedgerDoors.sol";
import {IPaymentProcessor} from "../../interfaces/IPaymentProcessor.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {LedgerBase} from "../accounts/LedgerBase.sol";
import {
    ARREARS,
    DOORS,
    DOOR_SETTLE,
    IN_ACT,
    EPOCH,
    FLAG_IN_ARREARS,
    FLAG_REGISTERED,
    ISSUED,
    MAX_48,
    MAX_56,
    MEMBER,
    MERCHANT,
    OWED,
    SETTLED_AT,
    STREAM,
    STREAM_REFUNDS,
    TOTALS,
    load,
    peek,
    refundedSlot,
    store
} from "../libraries/Slots.sol";
import {Words} from "../libraries/Words.sol";

/// @title The bridge's door: refunds, voids and reversals
/// @notice Undoes lines of accepted payments by the proof of their leaf. No storage is kept for a payment until a part
/// of it is undone.
/// @dev Code of the ledger that lies in a contract of its own, since one contract holds 24 KiB: the ledger hands it
/// postRefunds and settleLine by delegatecall, so all state is the ledger's. It has no variables of its own; called
/// directly it finds no stream and does nothing. Each refund runs in a delegatecall to itself, so that one that is
/// refused half-way leaves nothing.
contract Refunds is LedgerBase {
    using Words for uint256;

    uint8 private constant ALREADY_POSTED = 1;
    uint8 private constant MEMBER_UNKNOWN = 6;
    uint8 private constant STREAM_LIMIT = 13;
    uint8 private constant PROOF = 20;
    uint8 private constant EXCEEDS = 21;
    uint8 private constant FUNDS = 22;
    uint8 private constant NOTHING = 23;
    uint8 private constant KIND = 24;

    uint256 private constant REFUND = 1;
    uint256 private constant REVERSAL = 3;
    uint256 private constant COIN = 1;
    uint256 private constant STORED_VALUE = 2;

    /// @dev Gas that a refund takes at most apart from its lines, and each line.
    uint256 private constant REFUND_GAS = 150_000;
    uint256 private constant LINE_GAS = 250_000;

    address private immutable _self = address(this);

    /// @dev A line as its leaf has it.
    struct Undo {
        bytes32 leaf;
        uint32 merchant;
        uint64 member;
        uint256 tender;
        uint256 epoch;
        uint256 amount; // of the line
        uint256 points; // given
        uint256 owed; // promised beyond the points, of a line that earns
        uint256 coinsPrevious; // of a coin line
        uint256 before; // undone before, minor units
        uint256 part; // to be undone now
        bool ownOfToday; // this stream posted it on this day
    }

    /// @dev What undoing a line does to points: taken = setOff + clawedBack + debt, and what has expired.
    struct Points {
        uint256 taken;
        uint256 setOff;
        uint256 clawedBack;
        uint256 debt;
    }

    constructor(address cash_, IRewardToken.Terms memory terms) LedgerBase(cash_, terms) {}

    /// @notice IPaymentProcessor.postRefunds
    function postRefunds(uint32 streamId, IPaymentProcessor.Refund[] calldata refunds) external {
        if (load(STREAM | streamId) >> 96 != uint160(msg.sender)) {
            revert IPaymentProcessor.NotPoster(streamId, msg.sender);
        }
        _requireNoSuccessor();
        if (peek(IN_ACT) != 0) revert ILedgerDoors.ActRunning();
        uint256 processed;
        uint256 skipped;
        for (; processed < refunds.length; ++processed) {
            IPaymentProcessor.Refund calldata refund = refunds[processed];
            if (gasleft() < REFUND_GAS + LINE_GAS * (refund.lines.length + 1)) break;
            uint8 reason = _tryRefund(streamId, refund);
            if (reason == 0) continue;
            ++skipped;
            emit IPaymentProcessor.Skipped(streamId, refund.sequence, reason);
        }
        emit IPaymentProcessor.RefundsPosted(streamId, uint32(processed), uint32(skipped));
    }

    /// @notice Applies one refund or reverts with RefundRefused.
    /// @dev For the ledger, which does not hand it over, only from postRefunds.
    function applyRefund(uint32 streamId, IPaymentProcessor.Refund calldata refund) external {
        if (refund.kind < REFUND || refund.kind > REVERSAL || refund.lines.length == 0) {
            revert IPaymentProcessor.RefundRefused(KIND);
        }
        uint256 payment = uint256(refund.lines[0].leaf.head) >> 152;
        uint256 moved;
        uint256 undone;
        for (uint256 i = 0; i < refund.lines.length; ++i) {
            IPaymentProcessor.LineRefund calldata line = refund.lines[i];
            // stream and sequence of the original are the high bits of the leaf's head, after its domain
            if (uint256(line.leaf.head) >> 152 != payment) revert IPaymentProcessor.RefundRefused(KIND);
            IPaymentProcessor.Leaf calldata leaf = line.leaf;
            bytes32 hash = keccak256(abi.encode(leaf.head, leaf.body, leaf.itemsRoot, leaf.authorisation));
            uint256 stored = _proven(hash, line.root, line.proof);
            Undo memory undo = _read(hash, uint256(leaf.head), uint256(leaf.body), line.amount, refund.kind);
            undo.ownOfToday = uint32(uint256(leaf.head) >> 216) == streamId && stored >> 64 == _day();
            if (undo.part == 0) continue;
            undone += undo.part;
            moved += _undoLine(streamId, refund, undo, uint256(line.leaf.head));
        }
        if (undone == 0) revert IPaymentProcessor.RefundRefused(NOTHING);
        _countAgainstLimit(streamId, moved);
    }

    /// @notice ILedgerDoors.settleLine; what a refund would refuse it refuses with RefundRefused.
    function settleLine(ILedgerDoors.ProvenLeaf calldata line, uint48 amount)
        external
        returns (uint64 clawedBack, uint64 arrears)
    {
        if (load(DOORS | uint160(msg.sender)) & DOOR_SETTLE == 0) {
            revert ILedgerDoors.NoDoor(msg.sender, DOOR_SETTLE);
        }
        _requireNoSuccessor();
        bytes32 leaf = keccak256(abi.encode(line.head, line.body, line.itemsRoot, line.authorisation));
        _proven(leaf, line.root, line.proof);
        Undo memory undo = _read(leaf, uint256(line.head), uint256(line.body), amount, REFUND);
        uint256 slot = MEMBER | undo.member;
        if (peek(IN_ACT) == slot) revert ILedgerDoors.InAct(undo.member);
        (uint256 account, uint256 merchantWord) = (_touch(slot), _touchMerchant(undo.merchant));
        Points memory points;
        if (undo.tender != COIN) {
            (account, merchantWord) = _takePoints(undo, uint256(line.head), account, merchantWord, points);
        }
        _storeUndone(undo, account, merchantWord, points);
        // not refunded: the sale stands
        store(refundedSlot(leaf), load(refundedSlot(leaf)) + (uint256(amount) << SETTLED_AT));
        (clawedBack, arrears) = (uint64(points.clawedBack), uint64(points.debt));
        emit ILedgerDoors.LineSettled(leaf, msg.sender, amount, clawedBack, uint64(points.setOff), arrears);
    }

    // --- one refund -----------------------------------------------------------------------------------------------

    function _tryRefund(uint32 streamId, IPaymentProcessor.Refund calldata refund) private returns (uint8 reason) {
        uint256 slot = _postedSlot(streamId, refund.sequence);
        uint256 bit = 1 << (refund.sequence & 0xff);
        if (load(slot) & bit != 0) return ALREADY_POSTED;
        store(slot, load(slot) | bit);
        (bool done, bytes memory problem) = _self.delegatecall(abi.encodeCall(this.applyRefund, (streamId, refund)));
        if (done) return 0;
        // anything but a refusal is a broken invariant or want of gas: the whole call stops
        if (problem.length != 36 || bytes4(problem) != IPaymentProcessor.RefundRefused.selector) {
            assembly ("memory-safe") {
                revert(add(problem, 0x20), mload(problem))
            }
        }
        assembly ("memory-safe") {
            reason := mload(add(problem, 0x24))
        }
    }

    /// @return stored The word of the root: network day and block
    function _proven(bytes32 leaf, bytes32 root, bytes32[] calldata proof) private view returns (uint256 stored) {
        stored = _rootWord(root);
        if (stored == 0 || MerkleProof.processProofCalldata(proof, leaf) != root) {
            revert IPaymentProcessor.RefundRefused(PROOF);
        }
    }

    /// @dev Reads a proven leaf, and checks what is left of the line.
    function _read(bytes32 leaf, uint256 head, uint256 body, uint48 amount, uint256 kind)
        private
        view
        returns (Undo memory undo)
    {
        undo.leaf = leaf;
        undo.tender = uint8(head >> 136);
        undo.merchant = uint32(head >> 88);
        undo.epoch = uint16(head >> 40);
        undo.member = _survivor(uint64(body >> 192));
        undo.amount = uint48(body >> 144);
        undo.points = (body >> 56) & MAX_56;
        if (undo.tender == COIN) undo.coinsPrevious = body & MAX_56;
        else undo.owed = body & MAX_56;
        if (load(MEMBER | undo.member) & FLAG_REGISTERED == 0) revert IPaymentProcessor.RefundRefused(MEMBER_UNKNOWN);

        undo.before = _undone(leaf) & MAX_48;
        uint256 left = undo.amount - undo.before;
        if (kind == REFUND ? (amount == 0 || amount > left) : amount != 0) {
            revert IPaymentProcessor.RefundRefused(EXCEEDS);
        }
        undo.part = kind == REFUND ? amount : left;
    }

    /// @return moved Money that went back, and points that the member lost or owes, at par (rounded up), minor units;
    /// 0 for a line that this stream posted today, which it may always take back
    function _undoLine(uint32 streamId, IPaymentProcessor.Refund calldata refund, Undo memory undo, uint256 head)
        private
        returns (uint256 moved)
    {
        uint256 slot = MEMBER | undo.member;
        uint256 account = _touch(slot);
        uint256 merchantWord = _touchMerchant(undo.merchant);
        Points memory points;
        if (undo.tender != 0) {
            merchantWord = _collectMoney(undo, merchantWord);
            account = undo.tender == STORED_VALUE ? account + (undo.part << 200) : _remint(undo, slot, account);
            moved = undo.part;
        }
        if (undo.tender != COIN) {
            (account, merchantWord) = _takePoints(undo, head, account, merchantWord, points);
            moved += (points.clawedBack + points.setOff + points.debt + _par - 1) / _par;
        }
        if (undo.ownOfToday) moved = 0;
        _storeUndone(undo, account, merchantWord, points);
        emit IPaymentProcessor.Refunded(
            streamId,
            refund.sequence,
            undo.leaf,
            refund.kind,
            uint48(undo.part),
            uint64(points.clawedBack),
            uint64(points.setOff),
            uint64(points.debt)
        );
    }

    // --- money ----------------------------------------------------------------------------------------------------

    /// @dev The merchant's payable pays, then its deposit, then the guarantee fund.
    function _collectMoney(Undo memory undo, uint256 merchantWord) private returns (uint256) {
        uint256 fromPayable = _min(undo.part, merchantWord.payableOf());
        uint256 rest = undo.part - fromPayable;
        (bool enough,,) = _drawOnDeposits(undo.merchant, rest);
        if (!enough) revert IPaymentProcessor.RefundRefused(FUNDS);
        uint256 sums = load(TOTALS) - (fromPayable << 128) - rest;
        if (undo.tender == STORED_VALUE) {
            sums += undo.part << 192;
        } else {
            sums += undo.part << 64;
            if (uint256(uint64(sums >> 64)) * _par > MAX_56) revert IPaymentProcessor.RefundRefused(FUNDS);
        }
        store(TOTALS, sums);
        return merchantWord.withPayable(merchantWord.payableOf() - fromPayable);
    }

    /// @dev Gives coins back: those taken from the current epoch first, in the age that they have now.
    function _remint(Undo memory undo, uint256 slot, uint256 account) private returns (uint256) {
        uint256 par = _par;
        uint256 fromCurrent = undo.amount * par - undo.coinsPrevious;
        uint256 old = _above((undo.before + undo.part) * par, fromCurrent) - _above(undo.before * par, fromCurrent);
        uint256 recent = undo.part * par - old;
        uint256 age = account.epochOf() - undo.epoch;
        // what was current has aged with the epoch; what belongs to a closed epoch comes back as current
        if (age == 0) return _mintTo(slot, account, recent, old);
        if (age == 1) return _mintTo(slot, account, old, recent);
        return _mintTo(slot, account, recent + old, 0);
    }

    function _storeUndone(Undo memory undo, uint256 account, uint256 merchantWord, Points memory points) private {
        store(MEMBER | undo.member, account);
        store(MERCHANT | undo.merchant, merchantWord);
        store(refundedSlot(undo.leaf), _undone(undo.leaf) + ((points.taken << 48) | undo.part));
    }

    // --- points ---------------------------------------------------------------------------------------------------

    /// @dev Takes back what a line that earned no longer entitles to; fills `points`.
    function _takePoints(Undo memory undo, uint256 head, uint256 account, uint256 merchantWord, Points memory points)
        private
        returns (uint256, uint256)
    {
        _reduceEntitlement(undo, head, points);
        account = _clawBack(undo, MEMBER | undo.member, account, points);
        return (account, _unissue(undo, merchantWord, points.clawedBack));
    }

    /// @dev What the line no longer entitles to, first set off against what the merchant owes the member.
    function _reduceEntitlement(Undo memory undo, uint256 head, Points memory points) private {
        uint256 left = undo.amount - undo.before - undo.part;
        uint256 keep = (left * uint40(head) * uint16(head >> 56)) / 1e8;
        uint256 takenBefore = (_undone(undo.leaf) >> 48) & MAX_56;
        uint256 takenNow = _above(undo.points + undo.owed, keep);
        points.taken = takenNow - takenBefore;
        bool expired = _epoch() > undo.epoch + 1;
        // points of an epoch that has expired are gone; only what was never given is still to be set off
        points.setOff = expired ? _min(takenNow, undo.owed) - _min(takenBefore, undo.owed) : points.taken;
        uint256 place = OWED | _pair(undo.merchant, undo.member);
        uint256 owing = load(place);
        points.setOff = _min(points.setOff, owing);
        if (points.setOff != 0) store(place, owing - points.setOff);
        points.debt = expired ? 0 : points.taken - points.setOff;
    }

    /// @dev Takes `points.debt` from the member, the bucket they were earned in first; what is missing stays a debt.
    function _clawBack(Undo memory undo, uint256 slot, uint256 account, Points memory points)
        private
        returns (uint256)
    {
        if (points.debt == 0) return account;
        bool thisEpoch = account.epochOf() == undo.epoch;
        if (thisEpoch) account = account.withEarned(_above(account.earned(), points.debt));
        points.clawedBack = _min(points.debt, account.balance());
        points.debt -= points.clawedBack;
        if (points.clawedBack != 0) {
            uint256 recent = thisEpoch
                ? _min(points.clawedBack, account.current())
                : points.clawedBack - _min(points.clawedBack, account.previous());
            account = _burnFrom(slot, account, recent, points.clawedBack - recent);
        }
        if (points.debt != 0) {
            uint256 place = ARREARS | _pair(undo.merchant, undo.member);
            store(place, load(place) + points.debt);
            store(ARREARS | undo.member, load(ARREARS | undo.member) + points.debt);
            account |= FLAG_IN_ARREARS;
        }
        return account;
    }

    /// @dev Points go back to the merchant, who did not issue them after all.
    function _unissue(Undo memory undo, uint256 merchantWord, uint256 units) private returns (uint256) {
        if (units == 0) return merchantWord;
        merchantWord = merchantWord.withPrepaid(merchantWord.prepaid() + units);
        if (merchantWord.merchantEpoch() != undo.epoch) {
            uint256 place = ISSUED | (uint256(undo.merchant) << 16) | undo.epoch;
            uint256 closed = _min(units, load(place));
            store(place, load(place) - closed);
            store(EPOCH | undo.epoch, load(EPOCH | undo.epoch) - (closed << 64));
            // what was owed in the line's epoch and paid by settleOwed in this one was issued in this one
            units -= closed;
        }
        return _subIssued(merchantWord, units);
    }

    function _countAgainstLimit(uint32 streamId, uint256 moved) private {
        if (moved == 0) return;
        uint256 day = _day();
        uint256 word = load(STREAM_REFUNDS | streamId);
        uint256 limit = word >> 56;
        uint256 left = _leftOfDay(word, day);
        if (moved > left) revert IPaymentProcessor.RefundRefused(STREAM_LIMIT);
        store(STREAM_REFUNDS | streamId, (limit << 56) | (day << 40) | (limit - left + moved));
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }

    /// @dev a - b, 0 at least
    function _above(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a - b : 0;
    }
}
