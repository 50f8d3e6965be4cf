// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILedgerDoors} from "../../interfaces/ILedgerDoors.sol";
import {IReferrals} from "../../interfaces/IReferrals.sol";
import {CONSUME, OFFERS} from "../libraries/Groups.sol";
import {Receipts} from "../libraries/Receipts.sol";
import {MemberSigned} from "../suite/MemberSigned.sol";
import {SuitePart} from "../suite/SuitePart.sol";
import {LineClaims} from "./LineClaims.sol";

/// @title Points back from a friend's spending
contract Referrals is LineClaims, MemberSigned, IReferrals {
    bytes32 private constant REFER = keccak256("Refer(uint64 member,uint64 referrer,uint256 nonce,uint256 deadline)");

    /// @inheritdoc IReferrals
    uint32 public programmeCount;
    mapping(uint32 programme => Programme) private _programmes;
    mapping(uint32 scope => mapping(uint64 member => Referral)) private _referrals;
    mapping(uint32 programme => mapping(bytes32 leaf => Given)) private _given;
    /// @inheritdoc IReferrals
    mapping(uint32 programme => mapping(uint64 member => uint56)) public broughtBy;
    mapping(uint32 programme => mapping(uint64 referrer => Earnings)) private _earnings;

    constructor(address authority_, address ledger_, address registry_)
        SuitePart(authority_, ledger_, registry_)
        MemberSigned("Tillnet Referrals")
    {}

    // --- who referred whom ----------------------------------------------------------------------------------------

    /// @inheritdoc IReferrals
    function nameReferrer(uint64 member, uint64 referrer, uint256 deadline, bytes calldata signature) external {
        bytes32 terms = keccak256(abi.encode(REFER, member, referrer, nonceOf[member], deadline));
        _requireMember(member, terms, deadline, signature);
        _name(0, member, referrer);
    }

    /// @inheritdoc IReferrals
    function enrolReferred(uint64 member, uint64 referrer) external restricted {
        _name(0, member, referrer);
    }

    /// @inheritdoc IReferrals
    function recordReferrer(uint32 merchant, uint64 member, uint64 referrer) external onlyGroup(merchant, CONSUME) {
        _name(merchant, member, referrer);
    }

    // --- programmes -----------------------------------------------------------------------------------------------

    /// @inheritdoc IReferrals
    function open(Programme calldata terms) external onlyGroup(terms.sponsor, OFFERS) returns (uint32 programme) {
        if (terms.rate == 0) revert BadRate(terms.rate);
        if (terms.budget == 0) revert BadBudget(0);
        _requireDays(terms.fromDay, terms.untilDay, terms.window);
        programme = ++programmeCount;
        _programmes[programme] = terms;
        emit ProgrammeSet(programme, terms.sponsor, terms);
    }

    /// @inheritdoc IReferrals
    function end(uint32 id, uint16 untilDay) external {
        Programme storage it = _open(id);
        bool sooner = it.untilDay == 0 || untilDay < it.untilDay;
        if (!sooner || untilDay <= ledger.currentDay() || untilDay < it.fromDay) {
            revert BadDays(it.fromDay, untilDay, it.window);
        }
        it.untilDay = untilDay;
        emit ProgrammeEnded(id, untilDay);
    }

    /// @inheritdoc IReferrals
    function raiseBudget(uint32 id, uint56 units) external {
        Programme storage it = _open(id);
        uint256 budget = uint256(it.budget) + units;
        if (units == 0 || budget > type(uint56).max) revert BadBudget(budget);
        it.budget = uint56(budget);
        emit ProgrammeBudgetRaised(id, units, uint56(budget));
    }

    // --- claims ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IReferrals
    function claim(uint32 id, ILedgerDoors.ProvenLeaf[] calldata leaves)
        external
        returns (uint256 given, uint256 unwound)
    {
        Programme memory it = _programmes[id];
        if (it.rate == 0) revert UnknownProgramme(id);
        for (uint256 i = 0; i < leaves.length; ++i) {
            Receipts.Line memory line = _ripe(leaves[i], it.fromDay, it.untilDay, it.window);
            if (line.tender != EXTERNAL || (line.merchant != it.sponsor && !it.everywhere)) {
                revert LineDoesNotCount(line.leaf);
            }
            uint56 due = _entitledDown(line, it.rate);
            uint56 before = _given[id][line.leaf].units;
            if (due < before) unwound += _unwind(id, line, before - due);
            else if (due > before) given += _give(id, line, _referrerOf(it.sponsor, line), due - before);
        }
        if (given == 0 && unwound == 0) revert NothingToGive();
    }

    /// @inheritdoc IReferrals
    function carryDebt(uint32 id, uint64 from) external {
        uint64 into = ledger.survivorOf(from);
        uint56 debt = _earnings[id][from].debt;
        if (into == from || debt == 0) revert NothingToGive();
        _earnings[id][from].debt = 0;
        _earnings[id][into].debt += debt;
        emit DebtCarried(id, from, into, debt);
    }

    // --- views ----------------------------------------------------------------------------------------------------

    /// @inheritdoc IReferrals
    function programmeOf(uint32 id) external view returns (Programme memory) {
        return _programmes[id];
    }

    /// @inheritdoc IReferrals
    function referralOf(uint32 scope, uint64 member) external view returns (Referral memory) {
        return _referrals[scope][member];
    }

    /// @inheritdoc IReferrals
    function givenFor(uint32 id, bytes32 leaf) external view returns (Given memory) {
        return _given[id][leaf];
    }

    /// @inheritdoc IReferrals
    function earningsOf(uint32 id, uint64 referrer) external view returns (Earnings memory) {
        return _earnings[id][referrer];
    }

    // --- inside ---------------------------------------------------------------------------------------------------

    function _name(uint32 scope, uint64 member, uint64 referrer) private {
        if (_flagsOf(member) & REGISTERED == 0) revert NoSuchMember(member);
        if (_flagsOf(referrer) & REGISTERED == 0) revert NoSuchMember(referrer);
        if (ledger.survivorOf(member) == ledger.survivorOf(referrer)) revert SelfReferral(member);
        Referral storage own = _referrals[scope][member];
        if (own.referrer != 0) revert AlreadyReferred(scope, member, own.referrer);
        if (own.refers) revert ReferrerAlready(scope, member);
        // a sponsor's programmes go by its own record or by scope 0, so circles over the two are none either
        Referral storage named = _referrals[0][member];
        if (named.refers || (scope == 0 && named.refersBeside)) revert ReferrerAlready(0, member);
        (own.referrer, own.since) = (referrer, uint64(block.number));
        _referrals[scope][referrer].refers = true;
        if (scope != 0) _referrals[0][referrer].refersBeside = true;
        emit ReferrerNamed(scope, member, referrer);
    }

    /// @dev Whom a line's points go to: by the sponsor's own record, else by what the member named.
    function _referrerOf(uint32 sponsor, Receipts.Line memory line) private view returns (uint64 referrer) {
        Referral memory it = _referrals[sponsor][line.member];
        if (it.referrer == 0 || it.since > line.blockNumber) it = _referrals[0][line.member];
        referrer = ledger.survivorOf(it.referrer);
        bool counts = it.referrer != 0 && it.since <= line.blockNumber && referrer != ledger.survivorOf(line.member);
        if (!counts) revert NotReferred(line.leaf, line.member);
    }

    /// @dev As far as the caps, the referrer's debt, the budget and the sponsor's points reach.
    function _give(uint32 id, Receipts.Line memory line, uint64 referrer, uint56 due)
        private
        whenRunning
        returns (uint56 units)
    {
        if (_flagsOf(referrer) & FROZEN != 0) return 0;
        Programme storage it = _programmes[id];
        Earnings memory has = _earnings[id][referrer];
        if (has.epoch != _epoch()) (has.epoch, has.units) = (_epoch(), 0);
        uint56 brought = broughtBy[id][line.member];
        units = _roomFor(_roomFor(due, brought, it.perReferred), has.units, it.perReferrer);
        uint56 setOff = units < has.debt ? units : has.debt;
        uint56 fresh = _least(units - setOff, it.budget, ledger.merchant(it.sponsor).prepaid);
        units = setOff + fresh;
        if (units == 0) return 0;
        _given[id][line.leaf] = Given(_given[id][line.leaf].units + units, referrer);
        broughtBy[id][line.member] = brought + units;
        _earnings[id][referrer] = Earnings(has.epoch, has.units + units, has.debt - setOff);
        it.budget -= fresh;
        emit ReferralClaimed(id, line.leaf, referrer, line.member, units, setOff);
        if (fresh != 0) ledger.issue(it.sponsor, ledger.memberAccount(referrer), fresh);
    }

    function _unwind(uint32 id, Receipts.Line memory line, uint56 units) private returns (uint56) {
        Given storage place = _given[id][line.leaf];
        uint64 referrer = ledger.survivorOf(place.referrer);
        place.units -= units;
        broughtBy[id][line.member] -= units;
        _earnings[id][referrer].debt += units;
        emit ReferralUnwound(id, line.leaf, referrer, units);
        return units;
    }

    function _open(uint32 id) private view returns (Programme storage it) {
        it = _programmes[id];
        if (it.rate == 0) revert UnknownProgramme(id);
        _requireGroup(it.sponsor, msg.sender, OFFERS);
    }

    /// @dev What of `units` a cap leaves room for when `used` of it is used.
    function _roomFor(uint56 units, uint56 used, uint56 cap) private pure returns (uint56) {
        if (cap == 0) return units;
        uint56 room = used < cap ? cap - used : 0;
        return units < room ? units : room;
    }

    function _least(uint56 units, uint56 budget, uint64 prepaid) private pure returns (uint56) {
        if (units > budget) units = budget;
        return units > prepaid ? uint56(prepaid) : units;
    }
}
