// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IIssuanceCap} from "../../interfaces/IIssuanceCap.sol";
import {ILedgerDoors} from "../../interfaces/ILedgerDoors.sol";
import {Receipts} from "../libraries/Receipts.sol";
import {SuitePart} from "../suite/SuitePart.sol";

/// @title How many coupons the platform may issue
contract IssuanceCap is SuitePart, IIssuanceCap {
    uint8 private constant COUPONS = 1; // their kind of act
    uint256 private constant MIN_LENGTH = 1 hours;
    uint8 private constant EXTERNAL = 0;
    uint8 private constant STORED_VALUE = 2;

    /// @inheritdoc IIssuanceCap
    uint32 public immutable periodLength;

    Formula private _formula;
    Period private _period;
    mapping(uint256 periodAndMerchant => uint64) private _counted;
    /// @inheritdoc IIssuanceCap
    mapping(uint64 member => bool) public isMemberCounted;
    /// @dev A bit for each line: 16 sequences of a stream a word, 16 lines each.
    mapping(uint256 streamAndSequences => uint256) private _lines;

    constructor(
        address authority_,
        address ledger_,
        address registry_,
        uint32 periodLength_,
        uint32 firstCap,
        Formula memory formula_
    ) SuitePart(authority_, ledger_, registry_) {
        if (periodLength_ < MIN_LENGTH) revert BadLength(periodLength_);
        periodLength = periodLength_;
        _set(formula_);
        _period.number = 1;
        _period.startedAt = uint32(block.timestamp);
        // a ledger that has sold before: nothing of that counts in here
        (_period.startBlock, _period.previousStartBlock) = (uint64(block.number), uint64(block.number));
        _period.cap = firstCap;
    }

    /// @inheritdoc IIssuanceCap
    function countSales(ILedgerDoors.ProvenLeaf[] calldata lines) external {
        Period memory it = _period;
        for (uint256 i = 0; i < lines.length; ++i) {
            _count(it, Receipts.read(ledger, lines[i]));
        }
        _period = it;
    }

    /// @inheritdoc IIssuanceCap
    function close() external returns (uint32 cap) {
        Period memory it = _period;
        uint256 end = uint256(it.startedAt) + periodLength;
        if (block.timestamp < end) revert PeriodOpen(it.number, end);
        // the first period has none before it whose lines could be counted
        cap = it.number == 1 ? it.cap : _capDown(it);
        emit PeriodClosed(it.number, it.merchants, it.members, it.turnover, it.issued, cap);
        // the next one starts where this one ended, or later by whole periods if nobody closed it in time
        uint256 missed = (block.timestamp - end) / periodLength;
        _period = Period({
            number: it.number + 1,
            startedAt: uint32(end + missed * periodLength),
            startBlock: uint64(block.number),
            previousStartBlock: it.startBlock,
            merchants: 0,
            members: 0,
            turnover: 0,
            cap: cap,
            issued: 0
        });
    }

    /// @inheritdoc IIssuanceCap
    function use(uint32 count) external {
        if (msg.sender != ledger.actTarget(COUPONS)) revert NotCoupons(msg.sender);
        if (count > left()) revert CapExceeded(count, left());
        _period.issued += count;
    }

    /// @inheritdoc IIssuanceCap
    function setFormula(Formula calldata formula_) external restricted {
        _set(formula_);
    }

    /// @inheritdoc IIssuanceCap
    function left() public view returns (uint32) {
        return _period.cap - _period.issued;
    }

    /// @inheritdoc IIssuanceCap
    function period() external view returns (Period memory) {
        return _period;
    }

    /// @inheritdoc IIssuanceCap
    function formula() external view returns (Formula memory) {
        return _formula;
    }

    /// @inheritdoc IIssuanceCap
    function countedOf(uint32 number, uint32 merchant) external view returns (uint64) {
        return _counted[_key(number, merchant)];
    }

    /// @inheritdoc IIssuanceCap
    function isCounted(uint32 stream, uint64 sequence, uint8 line) external view returns (bool) {
        (uint256 key, uint256 bit) = _bitOf(stream, sequence, line);
        return _lines[key] & bit != 0;
    }

    // --- inside ---------------------------------------------------------------------------------------------------

    function _count(Period memory it, Receipts.Line memory line) private {
        if (line.tender == EXTERNAL) revert NotThroughNetwork(line.leaf, line.tender);
        if (line.blockNumber < it.previousStartBlock) revert TooOld(line.leaf, line.blockNumber);
        // money that is spent, counted, refunded and spent again within a period counts once
        if (line.blockNumber >= it.startBlock) revert TooYoung(line.leaf, line.blockNumber);
        (uint256 key, uint256 bit) = _bitOf(line.stream, line.sequence, line.line);
        if (_lines[key] & bit != 0) revert AlreadyCounted(line.leaf);
        (uint256 refunded,) = ledger.refunded(line.leaf);
        if (refunded == line.amount) revert Undone(line.leaf);
        _lines[key] |= bit;

        uint256 place = _key(it.number, line.merchant);
        uint256 before = _counted[place];
        uint256 counted = line.amount - refunded;
        bool first = line.tender == STORED_VALUE && counted >= _formula.minimumSpend && !isMemberCounted[line.member];
        uint256 room = _formula.saturation > before ? _formula.saturation - before : 0;
        if (counted > room) counted = room;
        _counted[place] = uint64(before + counted);
        it.turnover += uint64(counted);
        if (before < _formula.minimumSpend && before + counted >= _formula.minimumSpend) ++it.merchants;
        if (first) {
            isMemberCounted[line.member] = true;
            ++it.members;
        }
        emit SaleCounted(it.number, line.merchant, line.member, line.leaf, uint64(counted), first);
    }

    function _set(Formula memory formula_) private {
        // what counts of a merchant in a period never passes the saturation
        if (formula_.minimumSpend == 0 || formula_.minimumSpend > formula_.saturation) {
            revert BadFormula(formula_.saturation, formula_.minimumSpend);
        }
        _formula = formula_;
        emit FormulaSet(formula_);
    }

    function _capDown(Period memory it) private view returns (uint32) {
        Formula memory terms = _formula;
        uint256 cap = uint256(it.merchants) * terms.perMerchant + uint256(it.members) * terms.perMember;
        if (terms.turnoverPerCoupon != 0) cap += it.turnover / terms.turnoverPerCoupon;
        return cap < type(uint32).max ? uint32(cap) : type(uint32).max;
    }

    function _key(uint32 number, uint32 merchant) private pure returns (uint256) {
        return (uint256(number) << 32) | merchant;
    }

    function _bitOf(uint32 stream, uint64 sequence, uint8 line) private pure returns (uint256 key, uint256 bit) {
        key = (uint256(stream) << 64) | (sequence >> 4);
        bit = 1 << ((sequence & 15) * 16 + line);
    }
}
