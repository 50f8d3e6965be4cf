// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILedgerDoors} from "../../interfaces/ILedgerDoors.sol";
import {IPendingRewards} from "../../interfaces/IPendingRewards.sol";
import {OFFERS} from "../libraries/Groups.sol";
import {Receipts} from "../libraries/Receipts.sol";
import {SuitePart} from "../suite/SuitePart.sol";
import {LineClaims} from "./LineClaims.sol";

/// @title Points that wait until goods can no longer be returned
contract PendingRewards is LineClaims, IPendingRewards {
    /// @inheritdoc IPendingRewards
    mapping(uint32 merchant => uint16) public versionCount;
    mapping(uint32 merchant => mapping(uint16 version => Terms)) private _terms;
    mapping(bytes32 leaf => Given) private _given;

    constructor(address authority_, address ledger_, address registry_) SuitePart(authority_, ledger_, registry_) {}

    /// @inheritdoc IPendingRewards
    function set(uint32 merchant, Terms calldata terms) external onlyGroup(merchant, OFFERS) returns (uint16 version) {
        if (terms.rate == 0) revert BadRate(terms.rate);
        if (terms.budget == 0) revert BadBudget(0);
        _requireDays(terms.fromDay, terms.untilDay, terms.window);
        version = versionCount[merchant];
        if (version == type(uint16).max) revert TooManyTerms(merchant);
        if (version != 0) _endBefore(merchant, version, terms);
        versionCount[merchant] = ++version;
        _terms[merchant][version] = terms;
        emit PendingSet(merchant, version, terms);
    }

    /// @inheritdoc IPendingRewards
    function end(uint32 merchant, uint16 untilDay) external onlyGroup(merchant, OFFERS) {
        uint16 version = versionCount[merchant];
        Terms storage last = _terms[merchant][version];
        if (version == 0) revert UnknownTerms(merchant, 0);
        bool sooner = last.untilDay == 0 || untilDay < last.untilDay;
        if (!sooner || untilDay <= ledger.currentDay() || untilDay < last.fromDay) {
            revert BadDays(last.fromDay, untilDay, last.window);
        }
        last.untilDay = untilDay;
        emit PendingEnded(merchant, version, untilDay);
    }

    /// @inheritdoc IPendingRewards
    function raiseBudget(uint32 merchant, uint16 version, uint56 units) external onlyGroup(merchant, OFFERS) {
        Terms storage terms = _terms[merchant][version];
        if (terms.rate == 0) revert UnknownTerms(merchant, version);
        uint256 budget = uint256(terms.budget) + units;
        if (units == 0 || budget > type(uint56).max) revert BadBudget(budget);
        terms.budget = uint56(budget);
        emit PendingBudgetRaised(merchant, version, units, uint56(budget));
    }

    /// @inheritdoc IPendingRewards
    function claim(uint32 merchant, uint16 version, ILedgerDoors.ProvenLeaf[] calldata leaves)
        external
        returns (uint256 given, uint256 unwound)
    {
        Terms memory terms = _terms[merchant][version];
        if (terms.rate == 0) revert UnknownTerms(merchant, version);
        for (uint256 i = 0; i < leaves.length; ++i) {
            Receipts.Line memory line = _ripe(leaves[i], terms.fromDay, terms.untilDay, terms.window);
            if (line.merchant != merchant || line.tender == COIN) revert LineDoesNotCount(line.leaf);
            uint56 due = _entitledDown(line, terms.rate);
            line.member = ledger.survivorOf(line.member);
            Given memory before = _given[line.leaf];
            if (due < before.units) unwound += _unwind(line, version, due, before);
            else if (due > before.units) given += _give(line, version, due, before);
        }
        if (given == 0 && unwound == 0) revert NothingToGive();
    }

    /// @inheritdoc IPendingRewards
    function termsOf(uint32 merchant, uint16 version) external view returns (Terms memory) {
        return _terms[merchant][version];
    }

    /// @inheritdoc IPendingRewards
    function givenFor(bytes32 leaf) external view returns (Given memory) {
        return _given[leaf];
    }

    // --- inside ---------------------------------------------------------------------------------------------------

    /// @dev As far as budget and prepaid points reach; a frozen member's wait.
    function _give(Receipts.Line memory line, uint16 version, uint56 due, Given memory before)
        private
        whenRunning
        returns (uint56 units)
    {
        if (_flagsOf(line.member) & FROZEN != 0) return 0;
        Terms storage terms = _terms[line.merchant][version];
        units = due - before.units;
        if (units > terms.budget) units = terms.budget;
        uint64 prepaid = ledger.merchant(line.merchant).prepaid;
        if (units > prepaid) units = uint56(prepaid);
        if (units == 0) return 0;
        terms.budget -= units;
        _given[line.leaf] = Given(before.units + units, _epoch());
        emit PendingClaimed(line.leaf, line.merchant, line.member, units, due - before.units - units);
        ledger.issue(line.merchant, ledger.memberAccount(line.member), units);
    }

    /// @dev What a line no longer gives goes back to the merchant's prepaid and to the budget.
    function _unwind(Receipts.Line memory line, uint16 version, uint56 due, Given memory before)
        private
        returns (uint56 units)
    {
        units = before.units - due;
        _given[line.leaf].units = due;
        uint64 back = 0;
        // points of an epoch that has expired are not collected again
        if (_epoch() <= before.epoch + 1) {
            Terms storage terms = _terms[line.merchant][version];
            uint256 budget = uint256(terms.budget) + units;
            terms.budget = budget > type(uint56).max ? type(uint56).max : uint56(budget);
            back = ledger.clawBack(line.merchant, line.member, units);
        }
        emit PendingUnwound(line.leaf, line.merchant, line.member, units, back);
    }

    function _endBefore(uint32 merchant, uint16 version, Terms calldata next) private {
        Terms storage last = _terms[merchant][version];
        if (last.untilDay != 0 && last.untilDay <= next.fromDay) return;
        // what was promised for today stays so
        if (next.fromDay <= ledger.currentDay() || next.fromDay < last.fromDay) {
            revert BadDays(next.fromDay, next.untilDay, next.window);
        }
        last.untilDay = next.fromDay;
        emit PendingEnded(merchant, version, next.fromDay);
    }
}
