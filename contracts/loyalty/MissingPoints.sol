// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMissingPoints} from "../../interfaces/IMissingPoints.sol";
import {IRewardRules} from "../../interfaces/IRewardRules.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {FINANCE, OWNER, RECONCILE} from "../libraries/Groups.sol";
import {SuitePart} from "../suite/SuitePart.sol";

/// @title A claim for points that a till did not give
contract MissingPoints is SuitePart, IMissingPoints {
    uint16 private constant REGISTERED = 1;
    uint256 private constant RATE_SCALE = 1e8;
    uint256 private constant WHOLE = 10_000;

    /// @dev Claims of a member at a merchant on a day.
    struct Day {
        uint16 day;
        uint16 claims;
    }

    IRewardRules private immutable _rules;
    uint32 private immutable _longest;
    uint16 private immutable _perDay;
    uint256 private immutable _maxAmount;
    int256 private immutable _utcOffset;

    mapping(bytes32 id => Claim) private _claims;
    mapping(uint32 merchant => mapping(uint64 member => Day)) private _days;

    constructor(address authority_, address ledger_, address registry_, address rules_, uint32 longest, uint16 perDay)
        SuitePart(authority_, ledger_, registry_)
    {
        (_rules, _longest, _perDay) = (IRewardRules(rules_), longest, perDay);
        _maxAmount = IRewardToken(ledger_).maxLineAmount();
        _utcOffset = IRewardToken(ledger_).utcOffset();
    }

    /// @inheritdoc IMissingPoints
    function attest(Receipt calldata receipt)
        external
        whenRunning
        onlyGroup(receipt.merchant, RECONCILE)
        returns (bytes32 id)
    {
        _requireSound(receipt);
        id = idOf(receipt.merchant, receipt.store, receipt.number, receipt.time);
        if (_claims[id].state != State.None) revert ReceiptUsed(id);
        _countDay(receipt.merchant, receipt.member);
        Claim storage place = _claims[id];
        (place.member, place.amount, place.merchant) = (receipt.member, uint48(receipt.amount), receipt.merchant);
        (place.state, place.attester) = (State.Attested, msg.sender);
        emit ReceiptAttested(
            id,
            receipt.merchant,
            receipt.member,
            receipt.store,
            receipt.number,
            uint48(receipt.amount),
            receipt.time,
            msg.sender
        );
    }

    /// @inheritdoc IMissingPoints
    function approve(bytes32 id) external whenRunning returns (uint56 units) {
        Claim memory it = _inState(id, State.Attested);
        _requireGroup(it.merchant, msg.sender, FINANCE | OWNER);
        if (msg.sender == it.attester) revert SamePerson(msg.sender);
        it.member = ledger.survivorOf(it.member);
        units = _earnedDown(it);
        if (units == 0) revert NothingEarned(id);
        uint256 prepaid = ledger.merchant(it.merchant).prepaid;
        if (prepaid < units) revert PrepaidTooLow(it.merchant, prepaid, units);
        Claim storage place = _claims[id];
        (place.state, place.units, place.epoch) = (State.Approved, units, _epoch());
        emit ClaimApproved(id, it.merchant, it.member, units, msg.sender);
        ledger.issue(it.merchant, ledger.memberAccount(it.member), units);
    }

    /// @inheritdoc IMissingPoints
    function reject(bytes32 id) external {
        Claim memory it = _inState(id, State.Attested);
        if (msg.sender != it.attester) _requireGroup(it.merchant, msg.sender, FINANCE | OWNER);
        _claims[id].state = State.Rejected;
        emit ClaimRejected(id, it.merchant, it.member, msg.sender);
    }

    /// @inheritdoc IMissingPoints
    function revoke(bytes32 id) external {
        Claim memory it = _inState(id, State.Approved);
        _requireGroup(it.merchant, msg.sender, FINANCE | OWNER);
        it.member = ledger.survivorOf(it.member);
        _claims[id].state = State.Revoked;
        uint64 back = 0;
        if (_epoch() <= it.epoch + 1) back = ledger.clawBack(it.merchant, it.member, it.units);
        emit ClaimRevoked(id, it.merchant, it.member, back, msg.sender);
    }

    /// @inheritdoc IMissingPoints
    function claimOf(bytes32 id) external view returns (Claim memory) {
        return _claims[id];
    }

    /// @inheritdoc IMissingPoints
    function idOf(uint32 merchant, uint32 store, bytes32 number, uint32 time) public view returns (bytes32) {
        uint256 day = uint256(int256(uint256(time)) + _utcOffset) / 1 days;
        return keccak256(abi.encode(merchant, store, number, day));
    }

    /// @inheritdoc IMissingPoints
    function bounds() external view returns (uint32 longest, uint16 perDay) {
        return (_longest, _perDay);
    }

    // --- inside ---------------------------------------------------------------------------------------------------

    function _requireSound(Receipt calldata receipt) private view {
        if (receipt.amount == 0 || receipt.amount > _maxAmount) revert BadAmount(receipt.amount, _maxAmount);
        uint256 first = block.timestamp - _longest;
        if (receipt.time < first || receipt.time > block.timestamp) {
            revert BadTime(receipt.time, first, block.timestamp);
        }
        if (receipt.store >= registry.merchant(receipt.merchant).stores) {
            revert NoStore(receipt.merchant, receipt.store);
        }
        if (ledger.account(receipt.member).flags & REGISTERED == 0) revert NoSuchMember(receipt.member);
    }

    function _countDay(uint32 merchant, uint64 member) private {
        Day memory it = _days[merchant][member];
        uint16 today = ledger.currentDay();
        if (it.day != today) it = Day(today, 0);
        if (it.claims >= _perDay) revert TooManyClaims(merchant, member, today);
        _days[merchant][member] = Day(today, it.claims + 1);
    }

    /// @dev As the ledger's own base: by the base version of now and the member's tier of now.
    function _earnedDown(Claim memory it) private view returns (uint56) {
        uint16 version = _rules.baseVersion(it.merchant);
        if (version == 0) return 0;
        IRewardToken.Rule memory rule = ledger.rule(it.merchant, version);
        uint256 tier = ledger.account(it.member).tier;
        uint256 tierBps = WHOLE;
        if (rule.tierTable != 0 && tier != 0) tierBps = uint16(rule.tierTable >> (16 * tier));
        return uint56(it.amount * uint256(rule.baseRate) * tierBps / RATE_SCALE);
    }

    function _inState(bytes32 id, State state) private view returns (Claim memory it) {
        it = _claims[id];
        if (it.state != state) revert WrongState(id, it.state);
    }
}
