// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Where a merchant's money goes
/// @notice A merchant's FINANCE group names one payout address. Settlements go there, and from the merchant's payable in
/// the ledger it may ask for any part to be paid there. Money in minor units.
/// @dev Trust: whoever has a FINANCE key can redirect payouts, but only after `payoutDelay`, in which the owner sees
/// PayoutSet and takes the key out of the group.
interface IMerchantPayouts {
    /// @notice A merchant's payout address was set; it is in force from `since`.
    event PayoutSet(uint32 indexed merchant, address indexed to, uint40 since);
    /// @notice A merchant's payable was paid out.
    event PaidOut(uint32 indexed merchant, address indexed to, uint64 amount);

    /// @notice The merchant has no payout address in force.
    error NoPayout(uint32 merchant);

    /// @notice Sets the payout address. The first is in force at once, another after `payoutDelay`; 0 = none, and
    /// settlements go to the merchant's payable. FINANCE group.
    function setPayout(uint32 merchant, address to) external;
    /// @notice Pays a part of the merchant's payable to its payout address. FINANCE group.
    function payOut(uint32 merchant, uint64 amount) external;

    /// @notice Where a merchant's money goes now; 0 = nowhere yet.
    function payoutNow(uint32 merchant) external view returns (address to);
    /// @notice The address that was named last, and since when it is in force or will be.
    function payoutNext(uint32 merchant) external view returns (address to, uint40 since);
    /// @notice Seconds until a change of a payout address is in force.
    function payoutDelay() external view returns (uint40);
}
