// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMemberSigned} from "./IMemberSigned.sol";

/// @title Cards of members, their kinds, and the tiers that members earn
/// @notice A card is a random number bound to a member: what it opens stays with the member, so a lost card is replaced
/// by another and nothing moves. A kind of card has a tier, a starting value, a share of rebates and a validity. While a
/// card of a member is locked, or none of its cards is good any more, the ledger refuses to debit the member.
/// @dev Trust: the operator issues, activates, holds, replaces and ends cards; a merchant's clerks activate the cards
/// that were handed to the merchant; a member's key locks, unlocks (not what the operator holds) and replaces by a card
/// of the same kind. A freeze or lock by the Registry that was there before is never lifted here. No card is secret: who
/// knows its number can do nothing with it.
interface IMemberCards is IMemberSigned {
    /// @notice Where a card is in its life. Locked by the member, held by the operator.
    enum State {
        None,
        Issued,
        Active,
        Locked,
        Held,
        Replaced,
        Expired,
        Closed
    }

    /// @notice A kind of card. `startingValue` in minor units, once for a member; `rebateBps` of what a rebate programme
    /// promises; valid for `validDays` from activation, 0 = for ever.
    struct Kind {
        uint48 startingValue;
        uint16 validDays;
        uint16 rebateBps;
        uint8 tier;
        bool exists;
    }

    /// @notice A card. `member` is whom it was activated for; `merchant` 0 = activated by the operator alone; `expires`
    /// 0 = never; `next` the card that replaced it.
    struct Card {
        uint64 member;
        uint32 merchant;
        uint8 kind;
        State state;
        uint40 expires;
        uint64 next;
    }

    /// @notice A member's cards and tier. `bound` counts the cards that the operator or the member itself bound: a member
    /// that has such and no good card is locked. `kind` is that of the card activated last. `gainedTier` was reached by what was
    /// earned in epoch `gainedEpoch`; `heldTier` earlier, kept to the end of epoch `heldUntil`.
    struct Holder {
        uint16 active;
        uint16 locked;
        uint32 bound;
        uint8 kind;
        uint8 heldTier;
        uint16 heldUntil;
        uint8 gainedTier;
        uint16 gainedEpoch;
        bool lockedHere;
    }

    /// @notice A kind's terms were set; cards activated before keep their validity.
    event KindSet(uint8 indexed kind, Kind terms);
    /// @notice A card was made, to be activated by a merchant's clerks or, 0, by the operator.
    event CardIssued(uint64 indexed card, uint8 indexed kind, uint32 indexed merchant);
    /// @notice A card is a member's from now on.
    event CardActivated(uint64 indexed card, uint64 indexed member, uint8 kind, uint40 expires, address by);
    /// @notice A card was locked by its member, or held by the operator.
    event CardLocked(uint64 indexed card, uint64 indexed member, bool held);
    /// @notice A card is good again.
    event CardUnlocked(uint64 indexed card, uint64 indexed member);
    /// @notice Another card took the place of this one.
    event CardReplaced(uint64 indexed card, uint64 indexed next, uint64 indexed member);
    /// @notice A card's validity is over.
    event CardExpired(uint64 indexed card, uint64 indexed member);
    /// @notice A card was given up; `last` if no other of the member is good or locked.
    event CardClosed(uint64 indexed card, uint64 indexed member, bool last);
    /// @notice The cards of `from` are those of `into`.
    event CardsMerged(uint64 indexed from, uint64 indexed into);
    /// @notice What must be earned in an epoch for tiers 1, 2, .., units, and for how many epochs after it they stay.
    event TierTermsSet(uint48[] thresholds, uint16 hold);
    /// @notice A member's tier was found: by its card's kind, what it earned before and what it earned in this epoch.
    event TierReviewed(uint64 indexed member, uint8 tier, uint8 kindTier, uint8 heldTier, uint8 gainedTier);

    /// @notice Kinds are 1 to 255; this one was not set.
    error UnknownKind(uint8 kind);
    /// @notice Kinds are not 0, tiers are 0 to 15.
    error BadKind(uint8 kind);
    /// @notice Card numbers are unique and not 0.
    error CardExists(uint64 card);
    /// @notice The card is not in a state for this.
    error BadState(uint64 card, State state);
    /// @notice The card was handed to another merchant.
    error NotMerchantsCard(uint64 card, uint32 merchant);
    /// @notice A member replaces a card by one of the same kind.
    error OtherKind(uint64 card, uint8 kind);
    /// @notice The card is still valid.
    error NotExpiredYet(uint64 card, uint40 expires);
    /// @notice All that this member had is another's now.
    error MergedAway(uint64 member, uint64 into);
    /// @notice Thresholds rise and are at most 15.
    error BadTierTerms(uint256 place);

    /// @notice Sets a kind's terms. Operator only.
    function setKind(uint8 kind, uint48 startingValue, uint16 validDays, uint16 rebateBps, uint8 tier) external;
    /// @notice Makes cards of a kind. Operator only.
    function issueCards(uint32 merchant, uint8 kind, uint64[] calldata cards) external;
    /// @notice Binds a card to a member. Operator only.
    function activate(uint64 card, uint64 member) external;
    /// @notice The same by a clerk (consume group) of the merchant that the card was handed to. The member may not know of
    /// it, so that such a card expires does not lock it.
    function activateAt(uint32 merchant, uint64 card, uint64 member) external;
    /// @notice Holds a card: only the operator lifts it. Operator only.
    function hold(uint64 card) external;
    /// @notice Lifts a lock or a hold. Operator only.
    function release(uint64 card) external;
    /// @notice Binds another card in place of one that is lost, worn out or expired. Operator only.
    function replace(uint64 card, uint64 next) external;
    /// @notice Locks a card. The member's key, by itself or by EIP-712
    /// `LockCard(uint64 card,uint256 nonce,uint256 deadline)`.
    function lockMine(uint64 card, uint256 deadline, bytes calldata signature) external;
    /// @notice Unlocks it: `UnlockCard(uint64 card,uint256 nonce,uint256 deadline)`.
    function unlockMine(uint64 card, uint256 deadline, bytes calldata signature) external;
    /// @notice Replaces it by a card of the same kind:
    /// `ReplaceCard(uint64 card,uint64 next,uint256 nonce,uint256 deadline)`.
    function replaceMine(uint64 card, uint64 next, uint256 deadline, bytes calldata signature) external;
    /// @notice Ends a card whose validity is over, unless the operator holds it. Open to all.
    function expire(uint64 card) external;
    /// @notice Gives up a card. For the contract that pays out (StoredValue): it lifts the lock of a member whose cards
    /// have all expired, until `syncLock`.
    function close(uint64 card) external returns (uint64 member, bool last);
    /// @notice Makes the cards of one member another's. For the contract that merges members.
    function merge(uint64 from, uint64 into) external;
    /// @notice Locks or unlocks a member in the ledger as its cards say. Open to all: the effect is the same.
    function syncLock(uint64 member) external;
    /// @notice Sets what tiers need. Operator only.
    function setTierTerms(uint48[] calldata thresholds, uint16 hold) external;
    /// @notice Moves a member's tier up or down. Open to all: the effect is the same whoever asks.
    function review(uint64 member) external returns (uint8 tier);

    /// @notice A kind's terms.
    function kindOf(uint8 kind) external view returns (Kind memory);
    /// @notice A card.
    function cardOf(uint64 card) external view returns (Card memory);
    /// @notice Whether a card may be used at a till now, whose it is (after merging) and its kind.
    function usable(uint64 card) external view returns (bool good, uint64 member, uint8 kind);
    /// @notice A member's cards and tier.
    function holderOf(uint64 member) external view returns (Holder memory);
    /// @notice What of a programme's rebate a member gets, by its card's kind; 10,000 without a card.
    function rebateBpsOf(uint64 member) external view returns (uint16);
    /// @notice Who has what this member had: itself, or whom it was merged into.
    function survivorOf(uint64 member) external view returns (uint64);
    /// @notice The tier terms.
    function tierTerms() external view returns (uint48[] memory thresholds, uint16 hold);
}
