// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title A payment in two steps: its terms, where it stands, what can happen to it
/// @notice Money in minor units, points in units.
interface IEscrowPayment {
    /// @notice What a payer agrees to. `payer` pays cash tokens (tender 0) that this contract may take, by allowance or
    /// permit; or `payer` is 0 and `member` pays in coins (1) or from stored value (2). With tender 0 `member` is who
    /// earns, or 0. `amount` is the most that may be authorised, `minReward` the points that `member` gets at least for
    /// all of it. Times are Unix seconds; each is the first second at which it cannot be done any more.
    struct Terms {
        address payer;
        uint32 merchant;
        uint64 member;
        uint8 tender;
        uint64 amount;
        uint40 authorizeBy;
        uint40 captureBy;
        uint40 refundBy;
        uint16 minFeeBps;
        uint16 maxFeeBps;
        uint64 minReward;
        uint256 salt;
    }

    /// @notice Where a payment stands: what may still be captured, what was captured and of this refunded, the points
    /// given for it, when it was captured last, and the epoch of its oldest points.
    /// @dev flags: 1 there is such a payment. A capture after a refund begins anew with what is left.
    struct Payment {
        uint48 capturable;
        uint48 captured;
        uint48 refunded;
        uint56 reward;
        uint32 capturedAt;
        uint16 rewardEpoch;
        uint8 flags;
    }

    /// @notice An allowance by ERC-2612 for this contract, of the authorised amount.
    struct Permit {
        uint256 deadline;
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    /// @notice Money or coins were put aside.
    event PaymentAuthorized(
        bytes32 indexed id, uint32 indexed merchant, uint64 indexed member, uint64 amount, Terms terms
    );
    /// @notice A part was captured; the merchant gets `amount - fee`.
    event PaymentCaptured(bytes32 indexed id, uint32 indexed merchant, uint64 amount, uint64 fee, uint64 reward);
    /// @notice The merchant gave back what was not captured; of coins, `expired` units were gone.
    event PaymentVoided(bytes32 indexed id, uint64 amount, uint64 expired);
    /// @notice What was not captured in time went back; of coins, `expired` units were gone.
    event PaymentReclaimed(bytes32 indexed id, uint64 amount, uint64 expired);
    /// @notice A captured part went back to the payer; `taken` points of its reward were asked back.
    event PaymentRefunded(bytes32 indexed id, uint32 indexed merchant, uint64 amount, uint64 taken);
    /// @notice A capture of a till was undone: the money is put aside again, coins went back to the member.
    event CaptureUndone(bytes32 indexed id, uint32 indexed merchant, uint64 amount, uint64 taken);
    /// @notice The operator gave a captured part back to the payer at the merchant's cost.
    event PaymentChargedBack(bytes32 indexed id, uint32 indexed merchant, uint64 amount, uint64 taken, string reason);

    /// @notice An amount of 0.
    error ZeroAmount();
    /// @notice An amount of money is 2^48 - 1 at most, all that is authorised together 2^56 - 1.
    error AmountTooLarge(uint256 amount);
    /// @notice A tender is 0, 1 or 2; payer and member are not those that it needs; coins earn nothing.
    error BadPayer(address payer, uint64 member, uint8 tender);
    /// @notice The times are not in order.
    error BadTimes(uint40 authorizeBy, uint40 captureBy, uint40 refundBy);
    /// @notice The fee range is empty or above 10,000.
    error BadFeeRange(uint16 minFeeBps, uint16 maxFeeBps);
    /// @notice More than the terms allow.
    error ExceedsTerms(uint256 amount, uint256 limit);
    /// @notice These terms were used.
    error AlreadyAuthorized(bytes32 id);
    /// @notice There is no such payment: nothing with exactly these terms was authorised.
    error UnknownPayment(bytes32 id);
    /// @notice Neither sent nor signed by who pays.
    error NotSigned(bytes32 id, address signer);
    /// @notice Too late to authorize.
    error AuthorizeExpired(uint40 authorizeBy);
    /// @notice Too late to capture.
    error CaptureExpired(uint40 captureBy);
    /// @notice Too early to reclaim.
    error NotReclaimable(uint40 captureBy);
    /// @notice Too late to refund.
    error RefundExpired(uint40 refundBy);
    /// @notice A chargeback says why.
    error NoReason();
    /// @notice Too late to charge back.
    error ChargebackExpired(uint256 until);
    /// @notice The first of these coins expire before the payment might be captured.
    error CoinsExpireBefore(uint256 expiry, uint40 captureBy);
    /// @notice Less is authorised and not captured.
    error ExceedsAuthorized(bytes32 id, uint256 capturable, uint256 amount);
    /// @notice Less is captured and not refunded.
    error ExceedsCaptured(bytes32 id, uint256 refundable, uint256 amount);
    /// @notice Nothing is authorised that was not captured.
    error NothingAuthorized(bytes32 id);
    /// @notice The points are fewer than the payer signed for, or than the merchant said and has.
    error RewardBelow(uint256 reward, uint256 needed);
    /// @notice Points go to a member, and not for coins.
    error NoReward(uint64 member);
}
