// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICashHolder} from "../../interfaces/ICashHolder.sol";
import {IPointSale} from "../../interfaces/IPointSale.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {FINANCE} from "../libraries/Groups.sol";
import {SuitePart} from "../suite/SuitePart.sol";
import {Limits} from "./Limits.sol";

/// @title Points for merchants: ahead and on credit
contract PointSale is Limits, ICashHolder, IPointSale {
    uint256 private constant BASIS_POINTS = 10_000;
    uint256 private constant MAX_STEPS = 8;
    uint32 private constant SHORTEST_TERM = 1 days;

    /// @inheritdoc IPointSale
    uint64 public bonusFund;
    /// @inheritdoc IPointSale
    uint64 public creditFund;
    /// @inheritdoc IPointSale
    uint64 public receivables;
    Step[] private _steps;
    mapping(uint32 merchant => Line) private _lines;

    constructor(address authority_, address ledger_, address registry_) SuitePart(authority_, ledger_, registry_) {}

    // --- the operator and finance -----------------------------------------------------------------------------------

    /// @inheritdoc IPointSale
    function setSteps(Step[] calldata steps) external restricted {
        if (steps.length > MAX_STEPS) revert BadSteps(steps.length);
        delete _steps;
        for (uint256 i = 0; i < steps.length; ++i) {
            bool rises = i == 0 || (steps[i].from > steps[i - 1].from && steps[i].bps > steps[i - 1].bps);
            if (!rises || steps[i].bps > BASIS_POINTS) revert BadSteps(i);
            _steps.push(steps[i]);
        }
        emit StepsSet(steps);
    }

    /// @inheritdoc IPointSale
    function setLine(uint32 merchant, uint56 limit, uint32 term, uint16 coverBps) external restricted {
        if (term < SHORTEST_TERM || coverBps > BASIS_POINTS) revert BadLine(term, coverBps);
        Line storage line = _lines[merchant];
        (line.limit, line.term, line.coverBps) = (limit, term, coverBps);
        emit LineSet(merchant, limit, term, coverBps);
    }

    /// @inheritdoc IPointSale
    function payFund(bool credit, uint64 amount) external {
        _addTo(credit, _sound(amount));
        emit FundPaid(credit, msg.sender, amount);
        _takeCash(msg.sender, amount);
    }

    /// @inheritdoc IPointSale
    function takeFund(bool credit, uint64 amount, address to) external restricted {
        _takeFrom(credit, _sound(amount));
        emit FundTaken(credit, to, amount);
        _payCash(to, amount);
    }

    // --- ahead --------------------------------------------------------------------------------------------------------

    /// @inheritdoc IPointSale
    function buyAhead(uint32 merchant, uint64 amount, uint64 atLeastBonus, bool fromPayable)
        external
        onlyGroup(merchant, FINANCE)
        returns (uint64 bonus)
    {
        bonus = bonusOnDown(_sound(amount));
        if (bonus > bonusFund) bonus = bonusFund;
        if (bonus < atLeastBonus) revert BonusTooSmall(bonus, atLeastBonus);
        // what the operator pays for needs a limit; par alone is the ledger's to sell to anybody
        _spend(merchant, _storeOfAccount(merchant, msg.sender), 0, amount, bonus != 0);
        bonusFund -= bonus;
        emit PointsBoughtAhead(merchant, msg.sender, amount, bonus, fromPayable);
        if (fromPayable) ledger.takePayable(merchant, amount, address(this));
        else _takeCash(msg.sender, amount);
        ledger.buyPoints(merchant, amount + bonus);
    }

    // --- on credit ----------------------------------------------------------------------------------------------------

    /// @inheritdoc IPointSale
    function buyOnCredit(uint32 merchant, uint64 amount) external onlyGroup(merchant, FINANCE) {
        Line memory line = _lines[merchant];
        if (line.due != 0 && block.timestamp >= line.due) revert Overdue(merchant, line.due);
        uint256 left = line.limit > line.owed ? line.limit - line.owed : 0;
        if (_sound(amount) > left) revert CreditUsedUp(merchant, left, amount);
        line.owed += uint56(amount);
        _requireCover(merchant, line);
        _spend(merchant, _storeOfAccount(merchant, msg.sender), 0, amount, false);
        if (line.due == 0) line.due = uint40(block.timestamp) + line.term;
        _lines[merchant] = line;
        _takeFrom(true, amount);
        receivables += amount;
        emit PointsBoughtOnCredit(merchant, msg.sender, amount, line.owed, line.due);
        ledger.buyPoints(merchant, amount);
    }

    /// @inheritdoc IPointSale
    function settle(uint32 merchant, uint64 amount) external {
        _settle(merchant, amount, false);
        _takeCash(msg.sender, amount);
    }

    /// @inheritdoc IPointSale
    function settleFromPayable(uint32 merchant, uint64 amount) external onlyGroup(merchant, FINANCE) {
        _settle(merchant, amount, false);
        ledger.takePayable(merchant, amount, address(this));
    }

    /// @inheritdoc IPointSale
    function collect(uint32 merchant) external returns (uint64 amount) {
        Line memory line = _lines[merchant];
        if (line.owed == 0) revert NothingOwed(merchant, 0, 0);
        if (block.timestamp < line.due) revert NotDueYet(merchant, line.due);
        uint256 held = _ownFundsOf(merchant);
        if (held == 0) revert NothingToCollect(merchant, line.owed);
        amount = held < line.owed ? uint64(held) : line.owed;
        _settle(merchant, amount, true);
        ledger.drawOn(merchant, amount, address(this));
    }

    // --- views --------------------------------------------------------------------------------------------------------

    /// @inheritdoc ICashHolder
    function cashOwed() external view returns (uint256) {
        return uint256(bonusFund) + creditFund;
    }

    /// @inheritdoc IPointSale
    function stepsOf() external view returns (Step[] memory) {
        return _steps;
    }

    /// @inheritdoc IPointSale
    function bonusOnDown(uint64 amount) public view returns (uint64) {
        uint256 bps = 0;
        for (uint256 i = 0; i < _steps.length && amount >= _steps[i].from; ++i) {
            bps = _steps[i].bps;
        }
        return uint64(amount * bps / BASIS_POINTS);
    }

    /// @inheritdoc IPointSale
    function lineOf(uint32 merchant) external view returns (Line memory) {
        return _lines[merchant];
    }

    // --- inside -------------------------------------------------------------------------------------------------------

    function _settle(uint32 merchant, uint64 amount, bool collected) private {
        Line storage line = _lines[merchant];
        if (amount == 0 || amount > line.owed) revert NothingOwed(merchant, line.owed, amount);
        line.owed -= uint56(amount);
        if (line.owed == 0) line.due = 0;
        receivables -= amount;
        creditFund += amount;
        emit CreditSettled(merchant, msg.sender, amount, line.owed, collected);
    }

    function _addTo(bool credit, uint64 amount) private {
        if (credit) creditFund += amount;
        else bonusFund += amount;
    }

    function _takeFrom(bool credit, uint64 amount) private {
        uint64 held = credit ? creditFund : bonusFund;
        if (amount > held) revert FundUsedUp(held, amount);
        if (credit) creditFund = held - amount;
        else bonusFund = held - amount;
    }

    function _requireCover(uint32 merchant, Line memory line) private view {
        if (line.coverBps == 0) return;
        uint256 needed = (uint256(line.owed) * line.coverBps + BASIS_POINTS - 1) / BASIS_POINTS;
        uint256 deposit = ledger.deposits(merchant);
        if (deposit < needed) revert NotCovered(merchant, deposit, needed);
    }

    function _sound(uint64 amount) private pure returns (uint64) {
        if (amount == 0) revert IRewardToken.ZeroAmount();
        if (amount > type(uint48).max) revert IRewardToken.TooMuch(amount);
        return amount;
    }
}
