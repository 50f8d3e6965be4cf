// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title A claim for points that a till did not give
/// @notice A member brings a receipt. A clerk of the merchant attests it, a second person of the merchant approves, and
/// the member gets what the merchant's base rule gives: `floor(amount * baseRate * tier / 10^8)` units, by its tier at
/// the approval, from the merchant's prepaid points. Each receipt counts once: (merchant, store, number, day).
/// @dev Trust: the chain sees no receipt and cannot tell whether its sale was posted; two people of the merchant say so,
/// and its own points pay. Bounds: the receipt's age and amount, claims a member and day, two accounts.
interface IMissingPoints {
    /// @notice What stands on a receipt; `amount` is what earns: paid neither in coins nor by certificate or coupon.
    struct Receipt {
        uint32 merchant;
        uint32 store;
        bytes32 number;
        uint64 amount;
        uint32 time;
        uint64 member;
    }

    /// @notice Where a claim stands.
    enum State {
        None,
        Attested,
        Approved,
        Rejected,
        Revoked
    }

    /// @notice A claim; `units` is what it gave.
    struct Claim {
        uint64 member;
        uint48 amount;
        uint32 merchant;
        uint56 units;
        State state;
        address attester;
        uint16 epoch;
    }

    event ReceiptAttested(
        bytes32 indexed claim,
        uint32 indexed merchant,
        uint64 indexed member,
        uint32 store,
        bytes32 number,
        uint48 amount,
        uint32 time,
        address attester
    );
    event ClaimApproved(
        bytes32 indexed claim, uint32 indexed merchant, uint64 indexed member, uint56 units, address approver
    );
    event ClaimRejected(bytes32 indexed claim, uint32 indexed merchant, uint64 indexed member, address approver);
    event ClaimRevoked(
        bytes32 indexed claim, uint32 indexed merchant, uint64 indexed member, uint64 clawedBack, address by
    );

    /// @notice An amount is 1 to the network's largest line.
    error BadAmount(uint256 amount, uint256 most);
    /// @notice The receipt is too old, or from the future.
    error BadTime(uint32 time, uint256 first, uint256 last);
    /// @notice No such store of this merchant.
    error NoStore(uint32 merchant, uint32 store);
    /// @notice The member is not registered.
    error NoSuchMember(uint64 member);
    /// @notice This receipt was attested before.
    error ReceiptUsed(bytes32 claim);
    /// @notice The member has as many claims of this day as one may have.
    error TooManyClaims(uint32 merchant, uint64 member, uint16 day);
    /// @notice The claim is not in the state that this needs.
    error WrongState(bytes32 claim, State state);
    /// @notice Who attested cannot approve.
    error SamePerson(address account);
    /// @notice The merchant has no base rule yet, or it gives nothing for this amount.
    error NothingEarned(bytes32 claim);
    /// @notice The merchant's prepaid points do not reach.
    error PrepaidTooLow(uint32 merchant, uint256 prepaid, uint256 units);

    /// @notice Attests a receipt. The merchant's reconcile group.
    function attest(Receipt calldata receipt) external returns (bytes32 claim);
    /// @notice Gives the points. The merchant's finance group or owner, by another account than attested.
    function approve(bytes32 claim) external returns (uint56 units);
    /// @notice Ends a claim that was not approved; the receipt stays used. Finance group, owner, or who attested.
    function reject(bytes32 claim) external;
    /// @notice Takes the points of a claim back, for goods that were returned; what is gone is a debt, points of an
    /// expired epoch are not collected. Finance group or owner.
    function revoke(bytes32 claim) external;

    /// @notice A claim.
    function claimOf(bytes32 id) external view returns (Claim memory);
    /// @notice The claim that a receipt makes.
    function idOf(uint32 merchant, uint32 store, bytes32 number, uint32 time) external view returns (bytes32);
    /// @notice Receipts are not older than this, seconds; claims a member, merchant and day at most.
    function bounds() external view returns (uint32 longest, uint16 perDay);
}
