// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IActTarget} from "../../interfaces/IActTarget.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {EscrowCore} from "./EscrowCore.sol";

/// @title Payments in two steps at a till: acts 3 authorize, 4 capture, 5 void
/// @notice Data, big-endian, behind the kind. Authorize: `tender 1 | amount 6 | captureBy 4 | refundBy 4 | minReward 7`.
/// Capture: `stream 4 | sequence 8` of the payment that authorized, the same five fields, `amount 6 | reward 7`. Void:
/// `stream 4 | sequence 8`, the same five fields. Without lines.
/// @dev The terms of a till's payment follow from these bytes: payer 0, the act's member and merchant, any fee,
/// authorizeBy 0 (so nobody authorizes them by a signature), salt = stream and sequence with the highest bit set.
abstract contract EscrowActs is EscrowCore, IActTarget {
    uint8 private constant AUTHORIZE = 3;
    uint8 private constant CAPTURE = 4;
    uint8 private constant VOID = 5;

    uint256 private constant FIELDS = 22; // bytes of what a payer agrees to at a till
    uint256 private constant ORIGIN = 12; // bytes of stream and sequence

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

    uint16 private constant NOT_OPEN = 6; // locked or frozen

    /// @inheritdoc IActTarget
    function applyAct(Act calldata act, bytes calldata data) external onlyLedger returns (uint256 debited) {
        if (act.amount != 0) revert ActRefused(ACT_SCOPE);
        uint8 kind = uint8(data[0]);
        bytes calldata rest = data[1:];
        if (kind == AUTHORIZE && rest.length == FIELDS) return _authorizeAct(act, rest);
        if (kind == CAPTURE && rest.length == ORIGIN + FIELDS + 13) _captureAct(act, rest);
        else if (kind == VOID && rest.length == ORIGIN + FIELDS) _voidAct(act, rest);
        else revert ActRefused(ACT);
        return 0;
    }

    function _authorizeAct(Act calldata act, bytes calldata fields) private returns (uint256 amount) {
        Terms memory terms = _termsOf(act, fields, act.stream, act.sequence);
        amount = terms.amount;
        if (act.authorisation == 0) revert ActRefused(AUTHORISATION);
        if (amount == 0) revert ActRefused(ACT_AMOUNT);
        if (amount > act.debitLeft) revert ActRefused(STREAM_LIMIT);
        if (terms.tender != COINS && terms.tender != VALUE) revert ActRefused(ACT_SCOPE);
        if (terms.tender == COINS && terms.minReward != 0) revert ActRefused(ACT_SCOPE);
        if (block.timestamp >= terms.captureBy || terms.captureBy > terms.refundBy) revert ActRefused(ACT_TIME);
        if (!_isAdmitted(terms.merchant)) revert ActRefused(ACT_SCOPE);
        IRewardToken.Account memory account = ledger.account(act.member);
        if (account.flags & NOT_OPEN != 0) revert ActRefused(LOCKED);
        if (terms.tender == VALUE && account.value < amount) revert ActRefused(NO_VALUE);
        if (terms.tender == COINS) {
            if (uint256(account.current) + account.previous < amount * _par) revert ActRefused(NO_COINS);
            if (terms.captureBy > _firstExpiry(account.epoch, account.previous != 0)) revert ActRefused(ACT_TIME);
        }
        _authorize(_id(terms), terms, amount);
    }

    function _captureAct(Act calldata act, bytes calldata data) private {
        (bytes32 id, Terms memory terms) = _origin(act, data);
        uint256 amount = uint48(bytes6(data[ORIGIN + FIELDS:]));
        uint256 reward = uint56(bytes7(data[ORIGIN + FIELDS + 6:]));
        Payment memory it = _payment(id);
        if (it.capturable == 0) revert ActRefused(ACT_STATE);
        if (block.timestamp >= terms.captureBy) revert ActRefused(ACT_TIME);
        if (amount == 0 || amount > it.capturable || reward < _neededUp(terms, amount)) revert ActRefused(ACT_AMOUNT);
        if (reward != 0 && terms.tender == COINS) revert ActRefused(ACT_SCOPE);
        if (reward != 0 && ledger.merchant(terms.merchant).prepaid < reward) revert ActRefused(ACT_STOCK);
        _capture(id, terms, amount, reward);
    }

    function _voidAct(Act calldata act, bytes calldata data) private {
        (bytes32 id, Terms memory terms) = _origin(act, data);
        if (_payment(id).capturable == 0) revert ActRefused(ACT_STATE);
        (uint256 amount, uint256 expired) = _free(id, terms);
        emit PaymentVoided(id, uint64(amount), uint64(expired));
    }

    /// @dev The payment that an act is about.
    function _origin(Act calldata act, bytes calldata data) private view returns (bytes32 id, Terms memory terms) {
        terms = _termsOf(act, data[ORIGIN:ORIGIN + FIELDS], uint32(bytes4(data)), uint64(bytes8(data[4:])));
        id = _id(terms);
        if (_payment(id).flags == 0) revert ActRefused(ACT_UNKNOWN);
    }

    function _termsOf(Act calldata act, bytes calldata fields, uint32 stream, uint64 sequence)
        private
        pure
        returns (Terms memory terms)
    {
        terms.merchant = act.merchant;
        terms.member = act.member;
        terms.tender = uint8(fields[0]);
        terms.amount = uint48(bytes6(fields[1:]));
        terms.captureBy = uint32(bytes4(fields[7:]));
        terms.refundBy = uint32(bytes4(fields[11:]));
        terms.minReward = uint56(bytes7(fields[15:]));
        terms.maxFeeBps = uint16(BASIS_POINTS);
        terms.salt = (1 << 255) | (uint256(stream) << 64) | sequence;
    }
}
