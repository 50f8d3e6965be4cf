// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

// Why a target refuses an act of a batch (IActTarget.ActRefused; docs/batch.md, reasons).

/// @dev The member is locked.
uint8 constant LOCKED = 11;
/// @dev A debit without the hash of a terminal's signature and PIN result.
uint8 constant AUTHORISATION = 12;
/// @dev More than the stream may still debit today.
uint8 constant STREAM_LIMIT = 13;
/// @dev Not enough stored value.
uint8 constant VALUE = 14;
/// @dev Not enough coins.
uint8 constant COINS = 15;
/// @dev No such coupon, authorisation, gift, certificate.
uint8 constant ACT_UNKNOWN = 31;
/// @dev It was used, void or closed before.
uint8 constant ACT_STATE = 32;
/// @dev Too early or too late.
uint8 constant ACT_TIME = 33;
/// @dev Not for this merchant, these products, this basket, this kind of payment.
uint8 constant ACT_SCOPE = 34;
/// @dev Nothing, or more than is left.
uint8 constant ACT_AMOUNT = 35;
/// @dev A limit is used up.
uint8 constant ACT_LIMIT = 36;
/// @dev Stock or funds are used up.
uint8 constant ACT_STOCK = 37;
/// @dev Not this member's.
uint8 constant ACT_MEMBER = 38;
