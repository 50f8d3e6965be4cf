// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IEscrowPayment} from "./IEscrowPayment.sol";

/// @title Payments in two steps: authorize, then capture
/// @notice A payer's money is put aside for a merchant (authorize), taken by the merchant in one part or several
/// (capture), given back before that (void, reclaim) or after (refund, chargeBack). What the payer agreed to is one set
/// of terms; its EIP-712 hash is the payment's id and what the payer signs. Money in minor units, points in units.
/// @dev An authorisation of coins holds the coins with their age: they are redeemed when captured, go back as they were
/// when not, and expire as they would have with their owner. So it is refused when it could be captured after its first
/// coins expire: what is authorised stays backed until `captureBy`. A refund goes back to what was paid with: coins come
/// back as the ledger's own refunds give them back.
/// Trust: a merchant's CONSUME group captures no more than was authorised, for the fee that the payer signed, and only
/// with the reward that the payer signed; its CANCEL group voids and refunds, only to the payer. The operator may give
/// back captured money at the merchant's cost within the window. Nobody else can move a payer's money, except the payer
/// itself after `captureBy`. The reward that a part needs is rounded up in favour of the payer; what a refund leaves of
/// it is rounded down in favour of backing. In a pause, and to a frozen member, no points are given, so a payment with
/// a minimum reward is captured when that is over.
interface ISettlementEscrow is IEscrowPayment {
    /// @notice Puts money or coins aside. `signature` is of the payer, or of the member's registered key, over
    /// `idOf(terms)`; empty if the sender is it. Anybody may carry it.
    function authorize(Terms calldata terms, uint64 amount, bytes calldata signature) external returns (bytes32 id);
    /// @notice The same, with the payer's ERC-2612 allowance for `amount` in the same transaction.
    function authorizeWithPermit(Terms calldata terms, uint64 amount, bytes calldata signature, Permit calldata permit)
        external
        returns (bytes32 id);
    /// @notice Takes a part of what is authorised, and gives `reward` points of the merchant's prepaid. CONSUME group.
    function capture(Terms calldata terms, uint64 amount, uint64 reward) external;
    /// @notice Authorizes and captures at once. CONSUME group.
    function charge(Terms calldata terms, uint64 amount, uint64 reward, bytes calldata signature)
        external
        returns (bytes32 id);
    /// @notice Gives back all that was not captured. CANCEL group.
    function void(Terms calldata terms) external;
    /// @notice Gives back all that was not captured, from `captureBy` on. Anybody: it goes to the payer.
    function reclaim(Terms calldata terms) external;
    /// @notice Gives back a captured part: from money held for the merchant, then from its payable and its deposit, less
    /// what it owes the guarantee fund. Points that were given for it go back, those of a member that spent them become
    /// arrears; expired ones do not. The fee is not given back. CANCEL group.
    function refund(Terms calldata terms, uint64 amount) external;
    /// @notice The same against the merchant's will, within `chargebackWindow` of the last capture; the guarantee fund
    /// pays what the merchant has not got. Operator only.
    function chargeBack(Terms calldata terms, uint64 amount, string calldata reason) external;

    /// @notice The id of these terms: their EIP-712 hash in this contract's domain ("SettlementEscrow", "1").
    function idOf(Terms calldata terms) external view returns (bytes32 id);
    /// @notice Where a payment stands.
    function payment(bytes32 id) external view returns (Payment memory);
    /// @notice Coins held for a payment, rolled to now.
    function coinsOf(bytes32 id) external view returns (uint56 current, uint56 previous);
    /// @notice What a refund of all that is left would give back and take: money, until when, points to be taken, and
    /// whether the merchant's own money reaches for it: what is held, and what it does not owe the guarantee fund.
    function expectedRefund(Terms calldata terms)
        external
        view
        returns (uint64 amount, uint40 until, uint64 points, bool funded);
    /// @notice Seconds after the last capture in which the operator may charge back.
    function chargebackWindow() external view returns (uint40);
}
