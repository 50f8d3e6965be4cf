// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title From one ledger to the next
/// @notice Contracts are immutable; what comes after a ledger is another ledger. The admin names it once, and from then
/// on anybody may send accounts, debts and merchants over, in parts and in any order. Cash and coins go with them. The
/// old ledger stops earning for good and undoes no more payments; the new one undoes the old one's, by asking it.
/// @dev These functions are the ledger's own, at its address; an IRewardToken does not list them, an ILedger does.
/// Trust: the admin names both ledgers, behind its delay. A predecessor brings all cash that backs what it sends; what
/// it says of tiers, locks, debts and payments is believed.
/// Rounding: coins are units, cash is minor units. The reserve that goes over is rounded up in all, so the old ledger
/// keeps what its coins redeem in whole minor units, and both together hold what they held.
interface ISuccession {
    /// @notice What a ledger has of a merchant: its word, what it issued in the epoch before, its deposit, and what the
    /// guarantee fund paid for it. Of merchant 0 only the deposit counts, which is the guarantee fund.
    struct MerchantState {
        uint256 word;
        uint256 issuedBefore;
        uint256 deposit;
        uint256 guaranteed;
    }

    /// @notice A merchant and a member.
    struct Pair {
        uint32 merchant;
        uint64 member;
    }

    /// @notice What a merchant and a member owe each other, units.
    struct Debt {
        uint32 merchant;
        uint64 member;
        uint256 owed;
        uint256 arrears;
    }

    /// @notice This ledger takes over from another.
    event PredecessorSet(address indexed predecessor);
    /// @notice Another ledger takes over; earning has ended here.
    event SuccessorSet(address indexed successor);
    /// @notice An account went to the successor; `word` as in docs/batch.md.
    event HolderEmigrated(address indexed holder, uint256 word);
    /// @notice An account came from the predecessor, and was added to what the holder had here.
    event HolderImmigrated(address indexed holder, uint256 word);
    /// @notice A merchant went to the successor.
    event MerchantEmigrated(uint32 indexed merchant, MerchantState state);
    /// @notice A merchant came from the predecessor, and was added to what it had here.
    event MerchantImmigrated(uint32 indexed merchant, MerchantState state);
    /// @notice What a merchant and a member owe each other went to the successor.
    event DebtEmigrated(uint32 indexed merchant, uint64 indexed member, uint256 owed, uint256 arrears);
    /// @notice What a merchant and a member owe each other came from the predecessor.
    event DebtImmigrated(uint32 indexed merchant, uint64 indexed member, uint256 owed, uint256 arrears);

    /// @notice It was set before, and is set once.
    error AlreadySet(address ledger);
    /// @notice No ledger, or one that does not name this one, or has another cash, par, epoch or day.
    error BadLedger(address ledger);
    /// @notice No successor is named.
    error NoSuccessor();
    /// @notice Only the predecessor may send something over.
    error NotPredecessor(address sender);
    /// @notice A contract may hold coins for others; it goes over only when it says so itself.
    error HoldsForOthers(address holder);

    /// @notice Names the ledger that this one takes over from. Network admin only, once.
    function setPredecessor(address predecessor_) external;
    /// @notice Names the ledger that takes over, which has named this one before. Network admin only, once. Earning
    /// ends, for good.
    function setSuccessor(address successor_) external;
    /// @notice Sends accounts over, members' or others'. Open to all, but a contract sends its own account only; what
    /// an account gets later can be sent later.
    function emigrateHolders(address[] calldata holders) external;
    /// @notice Sends over what merchants and members owe each other, pair by pair. Open to all.
    function emigrateDebts(Pair[] calldata pairs) external;
    /// @notice Sends merchants over; 0 is the guarantee fund. Admin only for 180 days, in which refunds and chargebacks
    /// of the contracts around this ledger still draw on them; then open to all. What has expired is claimed here first, or
    /// later and sent later (claimExpired).
    function emigrateMerchants(uint32[] calldata merchants) external;
    /// @notice Takes accounts from the predecessor, with their cash and `reserve` minor units for their coins.
    function immigrateHolders(address[] calldata holders, uint256[] calldata words, uint256 reserve) external;
    /// @notice Takes debts from the predecessor.
    function immigrateDebts(Debt[] calldata debts) external;
    /// @notice Takes merchants from the predecessor, with their cash and `reserve` minor units for their points.
    function immigrateMerchants(uint32[] calldata merchants, MerchantState[] calldata states, uint256 reserve) external;

    /// @notice The ledger that this one takes over from; 0 = none.
    function predecessor() external view returns (address);
    /// @notice The ledger that takes over; 0 = none yet.
    function successor() external view returns (address);
    /// @notice What two ledgers must share: a hash of cash, par, epochs and day.
    function termsHash() external view returns (bytes32);
    /// @notice The word of a batch's root (network day and block), for the successor; 0 for anybody else.
    function inheritedRoot(bytes32 root) external view returns (uint256 word);
    /// @notice Whom a member was merged into, with bit 64 set; 0 if it was not.
    function mergedInto(uint64 member) external view returns (uint256 word);
    /// @notice What was undone of a line (points and minor units), for the successor; 0 for anybody else.
    function inheritedRefund(bytes32 leaf) external view returns (uint256 word);
}
