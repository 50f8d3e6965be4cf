// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMemberCards} from "../../interfaces/IMemberCards.sol";
import {CONSUME} from "../libraries/Groups.sol";
import {MemberSigned} from "../suite/MemberSigned.sol";
import {SuitePart} from "../suite/SuitePart.sol";
import {CardTiers} from "./CardTiers.sol";

/// @title Cards of members
/// @dev Counts the good and the locked cards of a member, so that its lock in the ledger follows without a loop.
contract MemberCards is CardTiers {
    uint16 private constant LOCKED = 2;
    uint16 private constant FROZEN = 4;
    bytes32 private constant LOCK_CARD = keccak256("LockCard(uint64 card,uint256 nonce,uint256 deadline)");
    bytes32 private constant UNLOCK_CARD = keccak256("UnlockCard(uint64 card,uint256 nonce,uint256 deadline)");
    bytes32 private constant REPLACE_CARD =
        keccak256("ReplaceCard(uint64 card,uint64 next,uint256 nonce,uint256 deadline)");

    mapping(uint64 card => Card) private _cards;

    constructor(address authority_, address ledger_, address registry_)
        SuitePart(authority_, ledger_, registry_)
        MemberSigned("Tillnet cards")
    {}

    // --- the operator ---------------------------------------------------------------------------------------------

    /// @inheritdoc IMemberCards
    function setKind(uint8 kind, uint48 startingValue, uint16 validDays, uint16 rebateBps, uint8 tier)
        external
        restricted
    {
        if (kind == 0 || tier > 15) revert BadKind(kind);
        Kind memory terms = Kind(startingValue, validDays, rebateBps, tier, true);
        _kinds[kind] = terms;
        emit KindSet(kind, terms);
    }

    /// @inheritdoc IMemberCards
    function issueCards(uint32 merchant, uint8 kind, uint64[] calldata cards) external restricted {
        if (!_kinds[kind].exists) revert UnknownKind(kind);
        for (uint256 i = 0; i < cards.length; ++i) {
            Card storage card = _cards[cards[i]];
            if (cards[i] == 0 || card.state != State.None) revert CardExists(cards[i]);
            (card.kind, card.merchant, card.state) = (kind, merchant, State.Issued);
            emit CardIssued(cards[i], kind, merchant);
        }
    }

    /// @inheritdoc IMemberCards
    function activate(uint64 card, uint64 member) external restricted {
        _activate(card, member, true);
    }

    /// @inheritdoc IMemberCards
    function activateAt(uint32 merchant, uint64 card, uint64 member) external onlyGroup(merchant, CONSUME) {
        if (_cards[card].merchant != merchant) revert NotMerchantsCard(card, merchant);
        _activate(card, member, false);
    }

    /// @inheritdoc IMemberCards
    function hold(uint64 card) external restricted {
        _lock(card, State.Held);
    }

    /// @inheritdoc IMemberCards
    function release(uint64 card) external restricted {
        if (_cards[card].state != State.Held) _requireState(card, State.Locked);
        _unlock(card);
    }

    /// @inheritdoc IMemberCards
    function replace(uint64 card, uint64 next) external restricted {
        _replace(card, next);
    }

    // --- the member -----------------------------------------------------------------------------------------------

    /// @inheritdoc IMemberCards
    function lockMine(uint64 card, uint256 deadline, bytes calldata signature) external {
        uint64 member = _memberOf(card);
        _requireMember(member, _terms(LOCK_CARD, card, member, deadline), deadline, signature);
        _requireState(card, State.Active);
        _lock(card, State.Locked);
    }

    /// @inheritdoc IMemberCards
    function unlockMine(uint64 card, uint256 deadline, bytes calldata signature) external {
        uint64 member = _memberOf(card);
        _requireMember(member, _terms(UNLOCK_CARD, card, member, deadline), deadline, signature);
        _requireState(card, State.Locked);
        _unlock(card);
    }

    /// @inheritdoc IMemberCards
    function replaceMine(uint64 card, uint64 next, uint256 deadline, bytes calldata signature) external {
        uint64 member = _memberOf(card);
        bytes32 terms = keccak256(abi.encode(REPLACE_CARD, card, next, nonceOf[member], deadline));
        _requireMember(member, terms, deadline, signature);
        if (_cards[card].state == State.Held) revert BadState(card, State.Held);
        if (_cards[next].kind != _cards[card].kind) revert OtherKind(next, _cards[next].kind);
        _replace(card, next);
    }

    // --- everybody, and the contracts beside ------------------------------------------------------------------------

    /// @inheritdoc IMemberCards
    function expire(uint64 card) external {
        Card storage its = _cards[card];
        if (its.state != State.Active && its.state != State.Locked) revert BadState(card, its.state);
        if (its.expires == 0 || block.timestamp < its.expires) revert NotExpiredYet(card, its.expires);
        uint64 member = survivorOf(its.member);
        _uncount(_holders[member], its.state);
        its.state = State.Expired;
        emit CardExpired(card, member);
        _syncLock(member);
    }

    /// @inheritdoc IMemberCards
    function close(uint64 card) external restricted returns (uint64 member, bool last) {
        Card storage its = _cards[card];
        if (its.state != State.Active && its.state != State.Expired) revert BadState(card, its.state);
        member = survivorOf(its.member);
        Holder storage holder = _holders[member];
        if (its.state == State.Active) --holder.active;
        its.state = State.Closed;
        last = holder.active == 0 && holder.locked == 0;
        emit CardClosed(card, member, last);
        if (last && holder.lockedHere) {
            holder.lockedHere = false;
            _setLocked(member, false);
        }
    }

    /// @inheritdoc IMemberCards
    function merge(uint64 from, uint64 into) external restricted {
        _requireOpen(from);
        _requireOpen(into);
        if (from == into) revert MergedAway(from, into);
        Holder memory old = _holders[from];
        Holder storage holder = _holders[into];
        _mergedInto[from] = into;
        (holder.active, holder.locked) = (holder.active + old.active, holder.locked + old.locked);
        holder.bound += old.bound;
        if (holder.kind == 0) holder.kind = old.kind;
        if (old.heldTier > holder.heldTier) (holder.heldTier, holder.heldUntil) = (old.heldTier, old.heldUntil);
        delete _holders[from];
        emit CardsMerged(from, into);
        _syncLock(into);
    }

    /// @inheritdoc IMemberCards
    function syncLock(uint64 member) external {
        _requireOpen(member);
        _syncLock(member);
    }

    // --- views ------------------------------------------------------------------------------------------------------

    /// @inheritdoc IMemberCards
    function kindOf(uint8 kind) external view returns (Kind memory) {
        return _kinds[kind];
    }

    /// @inheritdoc IMemberCards
    function cardOf(uint64 card) external view returns (Card memory) {
        return _cards[card];
    }

    /// @inheritdoc IMemberCards
    function usable(uint64 card) external view returns (bool good, uint64 member, uint8 kind) {
        Card memory its = _cards[card];
        good = its.state == State.Active && (its.expires == 0 || block.timestamp < its.expires);
        return (good, survivorOf(its.member), its.kind);
    }

    // --- inside -----------------------------------------------------------------------------------------------------

    function _activate(uint64 card, uint64 member, bool locks) private {
        _requireOpen(member);
        _bind(card, member, locks);
        _review(member);
        _syncLock(member);
    }

    /// @param locks Whether the member is locked when it has no good card left. A clerk alone does not bring that about.
    function _bind(uint64 card, uint64 member, bool locks) private {
        _requireState(card, State.Issued);
        Card storage its = _cards[card];
        uint256 validDays = _kinds[its.kind].validDays;
        uint40 expires = validDays == 0 ? 0 : uint40(block.timestamp + validDays * 1 days);
        (its.member, its.state, its.expires) = (member, State.Active, expires);
        Holder storage holder = _holders[member];
        (holder.active, holder.kind) = (holder.active + 1, its.kind);
        if (locks) ++holder.bound;
        emit CardActivated(card, member, its.kind, expires, msg.sender);
    }

    function _lock(uint64 card, State to) private {
        Card storage its = _cards[card];
        if (its.state != State.Active && its.state != State.Locked) revert BadState(card, its.state);
        uint64 member = survivorOf(its.member);
        Holder storage holder = _holders[member];
        if (its.state == State.Active) (holder.active, holder.locked) = (holder.active - 1, holder.locked + 1);
        its.state = to;
        emit CardLocked(card, member, to == State.Held);
        _syncLock(member);
    }

    function _unlock(uint64 card) private {
        Card storage its = _cards[card];
        uint64 member = survivorOf(its.member);
        Holder storage holder = _holders[member];
        its.state = State.Active;
        (holder.active, holder.locked) = (holder.active + 1, holder.locked - 1);
        emit CardUnlocked(card, member);
        _syncLock(member);
    }

    function _replace(uint64 card, uint64 next) private {
        Card storage its = _cards[card];
        if (its.state < State.Active || its.state == State.Replaced || its.state == State.Closed) {
            revert BadState(card, its.state);
        }
        uint64 member = survivorOf(its.member);
        _uncount(_holders[member], its.state);
        (its.state, its.next) = (State.Replaced, next);
        _bind(next, member, true);
        emit CardReplaced(card, next, member);
        _review(member);
        _syncLock(member);
    }

    function _uncount(Holder storage holder, State state) private {
        if (state == State.Active) --holder.active;
        if (state == State.Locked || state == State.Held) --holder.locked;
    }

    /// @dev A lock that was there before, by the Registry, is not lifted here.
    function _syncLock(uint64 member) private {
        Holder storage holder = _holders[member];
        bool wanted = holder.locked != 0 || (holder.bound != 0 && holder.active == 0);
        if (wanted == holder.lockedHere) return;
        if (wanted && ledger.account(member).flags & LOCKED != 0) return;
        holder.lockedHere = wanted;
        _setLocked(member, wanted);
    }

    function _setLocked(uint64 member, bool locked) private {
        uint16 frozen = ledger.account(member).flags & FROZEN;
        ledger.setMemberFlags(member, frozen | (locked ? LOCKED : 0));
    }

    function _memberOf(uint64 card) private view returns (uint64 member) {
        member = _cards[card].member;
        if (member == 0) revert BadState(card, _cards[card].state);
        return survivorOf(member);
    }

    function _requireState(uint64 card, State state) private view {
        if (_cards[card].state != state) revert BadState(card, _cards[card].state);
    }

    function _terms(bytes32 typeHash, uint64 card, uint64 member, uint256 deadline) private view returns (bytes32) {
        return keccak256(abi.encode(typeHash, card, nonceOf[member], deadline));
    }
}
