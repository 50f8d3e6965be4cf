// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IActTarget} from "../../interfaces/IActTarget.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {SuitePart} from "../suite/SuitePart.sol";
import {EscrowCore} from "./EscrowCore.sol";
import {MerchantSettlement} from "./MerchantSettlement.sol";

/// @title Payments in two steps at a till: acts 3 authorize, 4 capture, 5 void, and 131, 132 that undo 3, 4
/// @notice Data behind the kind, big-endian. Authorize: `tender 1 | amount 6 | captureBy 4 | refundBy 4 | minReward 7`.
/// Capture: `stream 4 | sequence 8 | amount 6 | reward 7`, void: `stream 4 | sequence 8`, of the payment that authorized.
/// Undo: `sequence 8` of the payment on the same stream whose act is undone, a capture on its day only. All without lines.
/// @dev Code of SettlementEscrow that lies in a contract of its own, since one contract holds 24 KiB: the escrow deploys
/// it and hands its acts over by delegatecall, so all state is the escrow's. Called directly it has no payments.
/// The terms of a till's payment: payer 0, the act's merchant and member, any fee, authorizeBy 0 (so that nobody
/// authorizes them by a signature), salt = stream and sequence with the highest bit set; the rest is in the act's word.
/// Of members that were merged each number acts for the other. Undoing a capture of stored value puts the money aside again; coins that were redeemed go back to the member.
contract EscrowTill is EscrowCore, IActTarget {
    uint8 private constant AUTHORIZE = 3;
    uint8 private constant CAPTURE = 4;
    uint8 private constant VOID = 5;
    uint8 private constant UNDO_AUTHORIZE = 131;
    uint8 private constant UNDO_CAPTURE = 132;
    uint8 private constant UNDO_VOID = 133;

    uint8 private constant LOCKED = 11;
    uint8 private constant AUTHORISATION = 12;
    uint8 private constant STREAM_LIMIT = 13;
    uint8 private constant NO_VALUE = 14;
    uint8 private constant NO_COINS = 15;
    uint8 private constant ACT = 30;
    uint8 private constant ACT_UNKNOWN = 31;
    uint8 private constant ACT_STATE = 32;
    uint8 private constant ACT_TIME = 33;
    uint8 private constant ACT_SCOPE = 34;
    uint8 private constant ACT_AMOUNT = 35;
    uint8 private constant ACT_STOCK = 37;
    uint8 private constant ACT_MEMBER = 38;

    uint16 private constant REGISTERED = 1;
    uint16 private constant NOT_OPEN = 6; // locked or frozen
    uint256 private constant UNDONE = 1 << 8;

    /// @dev By stream 32 | sequence 64. Authorize: tender 8 | amount 48 | captureBy 32 | refundBy 32 | minReward 56 |
    /// member 64 | undone 8 | kind 8. Capture: zero 32 | day 16 | stream 32 | sequence 64 | amount 48 | fee 48 | undone 8 | kind 8.
    mapping(uint256 origin => uint256) private _acts;

    constructor(address authority_, address ledger_, address registry_, uint16 settlementDays_, address payouts_)
        SuitePart(authority_, ledger_, registry_)
        MerchantSettlement(settlementDays_, payouts_)
        EscrowCore(msg.sender)
    {}

    /// @inheritdoc IActTarget
    function applyAct(Act calldata act, bytes calldata data) external onlyLedger returns (uint256 debited) {
        if (act.amount != 0) revert ActRefused(ACT_SCOPE);
        uint8 kind = uint8(data[0]);
        bytes calldata rest = data[1:];
        if (kind == AUTHORIZE && rest.length == 22) return _authorizeAct(act, uint176(bytes22(rest)));
        uint64 sequence = rest.length == 8 ? uint64(bytes8(rest)) : 0;
        if (kind == CAPTURE && rest.length == 25) _captureAct(act, uint200(bytes25(rest)));
        else if (kind == VOID && rest.length == 12) _voidAct(act, uint96(bytes12(rest)), 0);
        else if (kind == UNDO_AUTHORIZE && rest.length == 8) _voidAct(act, _key(act.stream, sequence), UNDONE);
        else if (kind == UNDO_CAPTURE && rest.length == 8) _undoCapture(act, _key(act.stream, sequence));
        else if (kind == UNDO_VOID && rest.length == 8) revert ActRefused(ACT_STATE);
        else revert ActRefused(ACT);
        return 0;
    }

    function _authorizeAct(Act calldata act, uint256 fields) private returns (uint256 amount) {
        uint256 origin = _key(act.stream, act.sequence);
        uint256 word = (fields << 80) | (uint256(act.member) << 16) | AUTHORIZE;
        Terms memory terms = _termsOf(act.merchant, origin, word);
        amount = terms.amount;
        if (act.authorisation == 0) revert ActRefused(AUTHORISATION);
        if (amount == 0) revert ActRefused(ACT_AMOUNT);
        if (amount > act.debitLeft) revert ActRefused(STREAM_LIMIT);
        bool earns = terms.tender == VALUE;
        if (!(earns || (terms.tender == COINS && terms.minReward == 0)) || !_isAdmitted(terms.merchant)) {
            revert ActRefused(ACT_SCOPE);
        }
        if (block.timestamp >= terms.captureBy || terms.captureBy > terms.refundBy) revert ActRefused(ACT_TIME);
        IRewardToken.Account memory account = ledger.account(act.member);
        if (account.flags & NOT_OPEN != 0) revert ActRefused(LOCKED);
        if (account.flags & REGISTERED == 0) revert ActRefused(ACT_MEMBER);
        if (earns && account.value < amount) revert ActRefused(NO_VALUE);
        if (!earns && uint256(account.current) + account.previous < amount * _par) revert ActRefused(NO_COINS);
        if (!earns && terms.captureBy > _firstExpiry(account.epoch, account.previous != 0)) {
            revert ActRefused(ACT_TIME);
        }
        _acts[origin] = word;
        _authorize(_id(terms), terms, amount);
    }

    function _captureAct(Act calldata act, uint256 data) private {
        uint256 origin = data >> 104;
        (bytes32 id, Terms memory terms,) = _origin(act, origin);
        (uint256 amount, uint256 reward) = (uint48(data >> 56), uint56(data));
        Payment memory it = _payment(id);
        if (it.capturable == 0) revert ActRefused(ACT_STATE);
        if (block.timestamp >= terms.captureBy) revert ActRefused(ACT_TIME);
        if (amount == 0 || amount > it.capturable || reward < _neededUp(terms, amount)) revert ActRefused(ACT_AMOUNT);
        if (reward != 0 && terms.tender == COINS) revert ActRefused(ACT_SCOPE);
        if (reward > ledger.merchant(terms.merchant).prepaid) revert ActRefused(ACT_STOCK);
        uint256 fee = _capture(id, terms, amount, reward);
        uint256 day = uint256(ledger.currentDay()) << 208;
        _acts[_key(act.stream, act.sequence)] = day | (origin << 112) | (amount << 64) | (fee << 16) | CAPTURE;
    }

    /// @dev `undone` marks an authorisation that is undone, so that this happens once.
    function _voidAct(Act calldata act, uint256 origin, uint256 undone) private {
        (bytes32 id, Terms memory terms, uint256 word) = _origin(act, origin);
        if (_payment(id).capturable == 0 || word & undone != 0) revert ActRefused(ACT_STATE);
        if (undone != 0) _acts[origin] = word | undone;
        (uint256 amount, uint256 expired) = _free(id, terms);
        emit PaymentVoided(id, uint64(amount), uint64(expired));
    }

    function _undoCapture(Act calldata act, uint256 key) private {
        uint256 word = _acts[key];
        if (uint8(word) != CAPTURE) revert ActRefused(ACT_UNKNOWN);
        if (word & UNDONE != 0) revert ActRefused(ACT_STATE);
        (bytes32 id, Terms memory terms,) = _origin(act, uint96(word >> 112));
        // a terminal, and a stream's key, reach back no further than this; later it is a refund of the merchant's
        if (uint16(word >> 208) != ledger.currentDay()) revert ActRefused(ACT_TIME);
        (uint256 amount, uint256 fee) = (uint48(word >> 64), uint48(word >> 16));
        Payment memory it = _payment(id);
        if (it.captured - it.refunded < amount) revert ActRefused(ACT_STATE);
        if (_heldFor(terms.merchant) + _fundsOf(terms.merchant) < amount - fee) revert ActRefused(ACT_STOCK);
        _acts[key] = word | UNDONE;
        _undo(id, terms, amount, fee);
    }

    /// @dev The payment that an act is about.
    function _origin(Act calldata act, uint256 origin)
        private
        view
        returns (bytes32 id, Terms memory terms, uint256 word)
    {
        word = _acts[origin];
        if (uint8(word) != AUTHORIZE) revert ActRefused(ACT_UNKNOWN);
        terms = _termsOf(act.merchant, origin, word);
        bool same = terms.member == act.member || ledger.survivorOf(terms.member) == ledger.survivorOf(act.member);
        if (!same) revert ActRefused(ACT_MEMBER);
        id = _id(terms);
        // another merchant's
        if (_payment(id).flags == 0) revert ActRefused(ACT_SCOPE);
    }

    function _termsOf(uint32 merchant, uint256 origin, uint256 word) private pure returns (Terms memory terms) {
        terms.merchant = merchant;
        terms.member = uint64(word >> 16);
        terms.tender = uint8(word >> 248);
        terms.amount = uint48(word >> 200);
        terms.captureBy = uint32(word >> 168);
        terms.refundBy = uint32(word >> 136);
        terms.minReward = uint56(word >> 80);
        terms.maxFeeBps = uint16(BASIS_POINTS);
        terms.salt = (1 << 255) | origin;
    }

    function _key(uint32 stream, uint64 sequence) private pure returns (uint256) {
        return (uint256(stream) << 64) | sequence;
    }
}
