// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICashHolder} from "../../interfaces/ICashHolder.sol";
import {ICorrections} from "../../interfaces/ICorrections.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {IStoredValue} from "../../interfaces/IStoredValue.sol";
import {TwoPeople} from "../governance/TwoPeople.sol";
import {CANCEL, FINANCE, OFFERS} from "../libraries/Groups.sol";
import {SuitePart} from "../suite/SuitePart.sol";

/// @title Points and value by hand, with a second approver
contract Corrections is SuitePart, TwoPeople, ICashHolder, ICorrections {
    IStoredValue private immutable _value;
    /// @inheritdoc ICorrections
    uint64 public proposalCount;
    /// @inheritdoc ICorrections
    uint64 public fund;
    mapping(uint64 id => Proposal) private _proposals;
    mapping(uint32 merchant => mapping(Kind kind => DayLimit)) private _limits;

    constructor(address authority_, address ledger_, address registry_, address value_, uint40 patience_)
        SuitePart(authority_, ledger_, registry_)
        TwoPeople(patience_)
    {
        _value = IStoredValue(value_);
    }

    // --- proposing ----------------------------------------------------------------------------------------------------

    /// @inheritdoc ICorrections
    function propose(Kind kind, uint32 merchant, uint64 member, uint64 amount, bytes32 reason)
        external
        returns (uint64 id)
    {
        if (kind != Kind.Grant && kind != Kind.ClawBack) revert BadKind(kind, merchant);
        _requireGroup(merchant, msg.sender, kind == Kind.Grant ? OFFERS : CANCEL);
        return _propose(kind, merchant, member, amount, reason);
    }

    /// @inheritdoc ICorrections
    function proposeFor(Kind kind, uint32 merchant, uint64 member, uint64 amount, bytes32 reason)
        external
        restricted
        returns (uint64 id)
    {
        bool named = merchant != 0;
        bool sound = kind == Kind.TakeValue || (kind == Kind.GiveValue ? !named : named && kind != Kind.None);
        if (!sound) revert BadKind(kind, merchant);
        return _propose(kind, merchant, member, amount, reason);
    }

    /// @inheritdoc ICorrections
    function cancel(uint64 id) external {
        Proposal storage its = _open(id);
        if (its.proposer != msg.sender) revert NotProposer(id, msg.sender);
        its.status = Status.Cancelled;
        emit CorrectionCancelled(id, msg.sender);
    }

    /// @inheritdoc ICorrections
    function cancelFor(uint64 id) external restricted {
        _open(id).status = Status.Cancelled;
        emit CorrectionCancelled(id, msg.sender);
    }

    // --- approving ----------------------------------------------------------------------------------------------------

    /// @inheritdoc ICorrections
    function approve(uint64 id, bytes32 terms) external {
        Proposal storage its = _open(id);
        if (its.kind != Kind.Grant) revert BadKind(its.kind, its.merchant);
        _requireGroup(its.merchant, msg.sender, FINANCE);
        _approve(id, its, terms);
    }

    /// @inheritdoc ICorrections
    function approveFor(uint64 id, bytes32 terms) external restricted {
        Proposal storage its = _open(id);
        if (its.kind == Kind.Grant) revert BadKind(its.kind, its.merchant);
        _approve(id, its, terms);
    }

    // --- finance ------------------------------------------------------------------------------------------------------

    /// @inheritdoc ICorrections
    function setDayLimit(uint32 merchant, Kind kind, uint64 perDay) external restricted {
        bool ofValue = kind == Kind.GiveValue || kind == Kind.TakeValue;
        if (kind == Kind.None || ofValue != (merchant == 0)) revert BadKind(kind, merchant);
        _limits[merchant][kind].perDay = perDay;
        emit DayLimitSet(merchant, kind, perDay);
    }

    /// @inheritdoc ICorrections
    function payFund(uint64 amount) external {
        _sound(amount);
        fund += amount;
        emit CorrectionFundPaid(msg.sender, amount);
        _takeCash(msg.sender, amount);
    }

    /// @inheritdoc ICorrections
    function takeFund(uint64 amount, address to) external restricted {
        _useFund(amount);
        emit CorrectionFundTaken(to, amount);
        _payCash(to, amount);
    }

    // --- views --------------------------------------------------------------------------------------------------------

    /// @inheritdoc ICashHolder
    function cashOwed() external view returns (uint256) {
        return fund;
    }

    /// @inheritdoc ICorrections
    function proposalOf(uint64 id) external view returns (Proposal memory) {
        return _proposals[id];
    }

    /// @inheritdoc ICorrections
    function termsOf(uint64 id) public view returns (bytes32) {
        Proposal memory its = _proposals[id];
        return keccak256(
            abi.encode(block.chainid, address(this), id, its.kind, its.merchant, its.member, its.amount, its.reason)
        );
    }

    /// @inheritdoc ICorrections
    function leftToday(uint32 merchant, Kind kind) external view returns (uint256) {
        return _leftOf(_limits[merchant][kind], ledger.currentDay());
    }

    // --- inside -------------------------------------------------------------------------------------------------------

    function _propose(Kind kind, uint32 merchant, uint64 member, uint64 amount, bytes32 reason)
        private
        returns (uint64 id)
    {
        if (reason == 0) revert NoReason();
        _sound(amount);
        if (ledger.account(member).flags & 1 == 0) revert IRewardToken.UnknownMember(member);
        id = ++proposalCount;
        uint40 expires = _untilWhen();
        _proposals[id] = Proposal(msg.sender, expires, kind, Status.Open, merchant, member, amount, reason);
        emit CorrectionProposed(id, merchant, member, kind, amount, reason, msg.sender, expires);
    }

    function _approve(uint64 id, Proposal storage its, bytes32 terms) private {
        _requireSecond(its.proposer, its.expires);
        if (terms != termsOf(id)) revert OtherProposal(id, termsOf(id));
        Proposal memory it = its;
        _useLimit(it);
        its.status = Status.Done;
        if (it.kind == Kind.GiveValue) _useFund(it.amount);
        if (it.kind == Kind.TakeValue && it.merchant == 0) fund += it.amount;
        uint64 moved = _apply(it);
        emit CorrectionApproved(id, msg.sender, moved);
    }

    /// @dev A member that was merged meanwhile is who it is now, in the ledger as in what is noted beside it.
    function _apply(Proposal memory it) private returns (uint64 moved) {
        moved = it.amount;
        uint64 member = ledger.survivorOf(it.member);
        if (it.kind == Kind.Grant) {
            moved = ledger.issue(it.merchant, ledger.memberAccount(member), it.amount);
            if (moved == 0) revert IRewardToken.NothingDue();
        } else if (it.kind == Kind.ClawBack) {
            // slither-disable-next-line unused-return
            ledger.clawBack(it.merchant, member, it.amount);
        } else if (it.kind == Kind.GiveValue) {
            _value.noteNet(member, int64(it.amount));
            ledger.creditValue(member, it.amount);
        } else {
            _value.noteNet(member, -int64(it.amount));
            ledger.takeValue(member, it.amount, address(this));
            if (it.merchant != 0) ledger.creditPayable(it.merchant, it.amount);
        }
    }

    function _useLimit(Proposal memory it) private {
        uint32 merchant = it.kind == Kind.TakeValue ? 0 : it.merchant;
        DayLimit storage limit = _limits[merchant][it.kind];
        uint16 day = ledger.currentDay();
        uint256 left = _leftOf(limit, day);
        if (it.amount > left) revert DayLimitUsedUp(merchant, it.kind, left, it.amount);
        (limit.used, limit.day) = ((limit.day == day ? limit.used : 0) + it.amount, day);
    }

    function _useFund(uint64 amount) private {
        _sound(amount);
        if (amount > fund) revert FundShort(fund, amount);
        fund -= amount;
    }

    function _open(uint64 id) private view returns (Proposal storage its) {
        its = _proposals[id];
        if (its.status != Status.Open) revert NotOpen(id, its.status);
    }

    function _leftOf(DayLimit storage limit, uint16 day) private view returns (uint256) {
        uint64 used = limit.day == day ? limit.used : 0;
        return limit.perDay > used ? limit.perDay - used : 0;
    }

    function _sound(uint64 amount) private pure {
        if (amount == 0) revert IRewardToken.ZeroAmount();
        if (amount > type(uint56).max) revert IRewardToken.TooMuch(amount);
    }
}
