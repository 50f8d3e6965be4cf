// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IActTarget} from "../../interfaces/IActTarget.sol";
import {ICashHolder} from "../../interfaces/ICashHolder.sol";
import {ICoinDiscount} from "../../interfaces/ICoinDiscount.sol";
import {ILedgerDoors} from "../../interfaces/ILedgerDoors.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {OFFERS} from "../libraries/Groups.sol";
import {Receipts} from "../libraries/Receipts.sol";
import {SuitePart} from "../suite/SuitePart.sol";

/// @title A discount for members who pay in the coin
contract CoinDiscount is SuitePart, IActTarget, ICashHolder, ICoinDiscount {
    uint8 private constant DISCOUNT = 8;
    uint8 private constant UNDO = 136;
    uint8 private constant COIN = 1;
    uint256 private constant BASIS_POINTS = 10_000;

    uint8 private constant ACT = 30;
    uint8 private constant ACT_UNKNOWN = 31;
    uint8 private constant ACT_STATE = 32;
    uint8 private constant ACT_TIME = 33;
    uint8 private constant ACT_SCOPE = 34;
    uint8 private constant ACT_AMOUNT = 35;
    uint8 private constant ACT_LIMIT = 36;
    uint8 private constant ACT_STOCK = 37;

    /// @inheritdoc ICoinDiscount
    uint16 public rateBps;
    /// @inheritdoc ICoinDiscount
    uint64 public fund;

    mapping(uint32 merchant => Rule) private _rules;
    mapping(uint256 streamAndSequence => Given) private _given;

    constructor(address authority_, address ledger_, address registry_, uint16 rateBps_)
        SuitePart(authority_, ledger_, registry_)
    {
        _setRate(rateBps_);
    }

    /// @inheritdoc ICoinDiscount
    function setRate(uint16 bps) external restricted {
        _setRate(bps);
    }

    /// @inheritdoc ICoinDiscount
    function setBearer(uint32 merchant, Bearer bearer) external onlyGroup(merchant, OFFERS) {
        if (bearer == Bearer.Platform && _rules[merchant].allowance == 0) revert NoAllowance(merchant);
        _rules[merchant].bearer = bearer;
        emit BearerSet(merchant, bearer);
    }

    /// @inheritdoc ICoinDiscount
    function setAllowance(uint32 merchant, uint64 allowance) external restricted {
        registry.merchant(merchant); // reverts for one that is not there
        _rules[merchant].allowance = allowance;
        ++_rules[merchant].version;
        emit AllowanceSet(merchant, allowance);
    }

    /// @inheritdoc ICoinDiscount
    function fillFund(uint64 amount) external {
        if (amount == 0) revert ZeroAmount();
        if (amount > type(uint64).max - fund) revert IRewardToken.TooMuch(uint256(fund) + amount);
        fund += amount;
        emit FundFilled(msg.sender, amount);
        _takeCash(msg.sender, amount);
    }

    /// @inheritdoc ICoinDiscount
    function withdrawFund(address to, uint64 amount) external restricted {
        if (amount == 0) revert ZeroAmount();
        if (amount > fund) revert FundUsedUp(fund, amount);
        fund -= amount;
        emit FundWithdrawn(to, amount);
        _payCash(to, amount);
    }

    /// @inheritdoc IActTarget
    function applyAct(Act calldata act, bytes calldata data) external onlyLedger returns (uint256) {
        if (data.length == 7 && uint8(data[0]) == DISCOUNT) _give(act, uint48(bytes6(data[1:])));
        else if (data.length == 9 && uint8(data[0]) == UNDO) _undo(act, uint64(bytes8(data[1:])));
        else revert ActRefused(ACT);
        return 0;
    }

    /// @inheritdoc ICoinDiscount
    function takeBack(ILedgerDoors.ProvenLeaf[] calldata leaves) external returns (uint64 amount) {
        if (leaves.length == 0) revert BadLines(0, 0);
        Receipts.Line memory line = Receipts.read(ledger, leaves[0]);
        (uint32 stream, uint64 sequence) = (line.stream, line.sequence);
        uint256 undone = _undone(line);
        for (uint256 i = 1; i < leaves.length; ++i) {
            uint8 before = line.line;
            line = Receipts.read(ledger, leaves[i]);
            if (line.stream != stream || line.sequence != sequence || line.line <= before) {
                revert BadLines(stream, sequence);
            }
            undone += _undone(line);
        }
        Given storage given = _given[_key(stream, sequence)];
        if (given.discount == 0) revert NoDiscount(stream, sequence);
        uint256 due = (given.discount * undone) / given.coinAmount;
        if (due <= given.takenBack) revert NothingToTakeBack(stream, sequence);
        amount = uint64(due - given.takenBack);
        if (amount > _ownFundsOf(given.merchant)) revert ILedgerDoors.InsufficientFunds(given.merchant, amount);
        given.takenBack = uint48(due);
        _return(given, stream, sequence, amount);
    }

    /// @inheritdoc ICashHolder
    function cashOwed() external view returns (uint256) {
        return fund;
    }

    /// @inheritdoc ICoinDiscount
    function discountDown(uint64 coinAmount) external view returns (uint64) {
        return uint64((uint256(coinAmount) * rateBps) / (BASIS_POINTS - rateBps));
    }

    /// @inheritdoc ICoinDiscount
    function priceUp(uint64 listPrice) external view returns (uint64) {
        return uint64(listPrice - (uint256(listPrice) * rateBps) / BASIS_POINTS);
    }

    /// @inheritdoc ICoinDiscount
    function ruleOf(uint32 merchant) external view returns (Rule memory) {
        return _rules[merchant];
    }

    /// @inheritdoc ICoinDiscount
    function givenOn(uint32 stream, uint64 sequence) external view returns (Given memory) {
        return _given[_key(stream, sequence)];
    }

    function _give(Act calldata act, uint256 discount) private {
        Rule storage rule = _rules[act.merchant];
        Bearer bearer = rule.bearer;
        if (bearer == Bearer.Nobody || act.coinAmount == 0) revert ActRefused(ACT_SCOPE);
        // so that a discount of the paid coins is no more than the rate of their list price
        if (discount == 0 || discount > ((act.coinAmount + discount) * rateBps) / BASIS_POINTS) {
            revert ActRefused(ACT_AMOUNT);
        }
        emit DiscountGiven(
            act.merchant, act.member, act.stream, act.sequence, bearer, uint48(act.coinAmount), uint48(discount)
        );
        if (bearer == Bearer.Merchant) return;
        if (discount > rule.allowance) revert ActRefused(ACT_LIMIT);
        if (discount > fund) revert ActRefused(ACT_STOCK);
        rule.allowance -= uint64(discount);
        fund -= uint64(discount);
        _given[_key(act.stream, act.sequence)] =
            Given(act.merchant, uint48(act.coinAmount), uint48(discount), 0, ledger.currentDay(), rule.version);
        ledger.creditPayable(act.merchant, uint64(discount));
    }

    /// @dev The discount of an earlier payment of the stream, whose lines are reversed by themselves.
    function _undo(Act calldata act, uint64 sequence) private {
        Given storage given = _given[_key(act.stream, sequence)];
        uint64 left = given.discount - given.takenBack;
        if (given.merchant != act.merchant) revert ActRefused(ACT_UNKNOWN);
        if (left == 0) revert ActRefused(ACT_STATE);
        if (given.day != ledger.currentDay()) revert ActRefused(ACT_TIME);
        if (left > _fundsOf(act.merchant)) revert ActRefused(ACT_STOCK);
        given.takenBack = given.discount;
        _return(given, act.stream, sequence, left);
    }

    /// @dev An allowance that was set anew since is not made larger by what was given before.
    function _return(Given storage given, uint32 stream, uint64 sequence, uint64 amount) private {
        uint32 merchant = given.merchant;
        Rule storage rule = _rules[merchant];
        fund += amount;
        if (rule.version == given.version) {
            uint64 room = type(uint64).max - rule.allowance;
            rule.allowance += amount < room ? amount : room;
        }
        emit DiscountTakenBack(merchant, stream, sequence, amount);
        ledger.drawOn(merchant, amount, address(this));
    }

    function _setRate(uint16 bps) private {
        if (bps >= BASIS_POINTS) revert BadRate(bps);
        rateBps = bps;
        emit RateSet(bps);
    }

    /// @dev What of a coin line was refunded; the sale of goods that were sold on stands.
    function _undone(Receipts.Line memory line) private view returns (uint256 amount) {
        if (line.tender != COIN) revert BadLines(line.stream, line.sequence);
        (amount,) = ledger.refunded(line.leaf);
        amount -= ledger.settled(line.leaf);
    }

    function _key(uint32 stream, uint64 sequence) private pure returns (uint256) {
        return (uint256(stream) << 64) | sequence;
    }
}
