// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

// Groups of people inside one merchant, bits (Registry). The owner is in all of them.

/// @dev Says who is in which group.
uint8 constant OWNER = 1;
/// @dev Offers, coupons, gifts, what the merchant gives.
uint8 constant OFFERS = 2;
/// @dev Terminals and their keys.
uint8 constant TERMINAL_KEYS = 4;
/// @dev Money: points bought, payouts, credit, fees.
uint8 constant FINANCE = 8;
/// @dev A clerk that sells and writes off.
uint8 constant CONSUME = 16;
/// @dev A clerk that voids and refunds.
uint8 constant CANCEL = 32;
/// @dev A clerk that looks up and checks.
uint8 constant CHECK = 64;
/// @dev A clerk that reconciles and claims what is missing.
uint8 constant RECONCILE = 128;
/// @dev All of them: an owner's.
uint8 constant ALL_GROUPS = 255;
