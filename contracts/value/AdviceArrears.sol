// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAdvices} from "../../interfaces/IAdvices.sol";
import {ICashHolder} from "../../interfaces/ICashHolder.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {SuitePart} from "../suite/SuitePart.sol";

/// @title What members owe for sales that overdrew, and the fund that stands for them
/// @dev Merchant 0 is the guarantee. Amounts fit 64 bits: all that comes in counts against a stream's 40 bits a day.
abstract contract AdviceArrears is SuitePart, IAdvices, ICashHolder {
    uint32 internal constant GUARANTEE = 0;
    uint16 internal constant LOCKED_OR_FROZEN = 6;

    /// @inheritdoc IAdvices
    uint64 public guarantee;
    /// @inheritdoc IAdvices
    mapping(uint32 merchant => uint64) public guaranteeDue;
    /// @inheritdoc IAdvices
    mapping(uint64 member => uint64) public owing;
    /// @dev merchant 32 | member 64
    mapping(uint256 pair => Arrears) private _arrears;

    // --- the fund -----------------------------------------------------------------------------------------------------

    /// @inheritdoc IAdvices
    function payIntoGuarantee(uint64 amount) external {
        if (amount == 0) revert IRewardToken.ZeroAmount();
        guarantee += amount;
        emit GuaranteePaidIn(msg.sender, amount);
        _takeCash(msg.sender, amount);
    }

    /// @inheritdoc IAdvices
    function takeFromGuarantee(uint64 amount, address to) external restricted {
        if (amount == 0) revert IRewardToken.ZeroAmount();
        uint64 due = guaranteeDue[GUARANTEE];
        uint64 free = guarantee > due ? guarantee - due : 0;
        if (amount > free) revert GuaranteeShort(free, amount);
        guarantee -= amount;
        emit GuaranteeTaken(to, amount);
        _payCash(to, amount);
    }

    /// @inheritdoc IAdvices
    function payGuaranteeDue(uint32 merchant) external returns (uint64 amount) {
        amount = _min(guaranteeDue[merchant], guarantee);
        if (merchant == GUARANTEE || amount == 0) revert NoGuaranteeDue(merchant);
        guarantee -= amount;
        _lessDue(merchant, amount);
        emit GuaranteeDuePaid(merchant, amount);
        ledger.creditPayable(merchant, amount);
    }

    /// @inheritdoc ICashHolder
    function cashOwed() external view returns (uint256) {
        return guarantee;
    }

    // --- what members owe -----------------------------------------------------------------------------------------------

    /// @inheritdoc IAdvices
    function collect(uint32 merchant, uint64 member) external returns (uint64 left) {
        if (owing[member] == 0) return 0;
        _collect(GUARANTEE, member);
        if (merchant != GUARANTEE) _collect(merchant, member);
        return owing[member];
    }

    /// @inheritdoc IAdvices
    function merge(uint64 from, uint64 into, uint32[] calldata merchants) external restricted {
        if (owing[from] == 0) return;
        _move(GUARANTEE, from, into);
        for (uint256 i = 0; i < merchants.length; ++i) {
            _move(merchants[i], from, into);
        }
        if (owing[from] != 0) revert OwesMore(from, owing[from]);
    }

    /// @inheritdoc IAdvices
    function adviceArrears(uint32 merchant, uint64 member) public view returns (Arrears memory) {
        return _arrears[_pair(merchant, member)];
    }

    // --- inside ---------------------------------------------------------------------------------------------------------

    function _owe(uint32 merchant, uint64 member, uint64 value, uint64 coins) internal {
        Arrears storage its = _arrears[_pair(merchant, member)];
        its.value += value;
        its.coins += coins;
        owing[member] += value + coins;
    }

    function _oweLess(uint32 merchant, uint64 member, uint64 value, uint64 coins) internal {
        Arrears storage its = _arrears[_pair(merchant, member)];
        its.value -= value;
        its.coins -= coins;
        owing[member] -= value + coins;
    }

    function _oweDue(uint32 merchant, uint64 amount) internal {
        guaranteeDue[merchant] += amount;
        guaranteeDue[GUARANTEE] += amount;
    }

    function _lessDue(uint32 merchant, uint64 amount) internal {
        guaranteeDue[merchant] -= amount;
        guaranteeDue[GUARANTEE] -= amount;
    }

    /// @dev Takes from a member into this contract as much of each tender as it has.
    function _take(uint64 member, uint64 value, uint64 coins)
        internal
        returns (uint64 fromValue, uint56 current, uint56 previous)
    {
        IRewardToken.Account memory account = ledger.account(member);
        fromValue = _min(value, account.value);
        uint256 units = _min(coins, uint64((uint256(account.current) + account.previous) / _par)) * _par;
        if (fromValue != 0) ledger.takeValue(member, fromValue, address(this));
        if (units == 0) return (fromValue, 0, 0);
        (current, previous) = ledger.takeCoins(member, uint64(units), address(this));
        ledger.redeem(current, previous);
    }

    /// @dev Coins of both ages at par, minor units.
    function _atPar(uint56 current, uint56 previous) internal view returns (uint64) {
        return uint64((uint256(current) + previous) / _par);
    }

    function _min(uint64 a, uint64 b) internal pure returns (uint64) {
        return a < b ? a : b;
    }

    function _collect(uint32 merchant, uint64 member) private {
        Arrears memory its = adviceArrears(merchant, member);
        if (its.value + its.coins == 0 || ledger.account(member).flags & LOCKED_OR_FROZEN != 0) return;
        (uint64 value, uint56 current, uint56 previous) = _take(member, its.value, its.coins);
        uint64 coins = _atPar(current, previous);
        if (value + coins == 0) return;
        _oweLess(merchant, member, value, coins);
        emit AdviceArrearsCollected(merchant, member, value, coins);
        if (merchant == GUARANTEE) guarantee += value + coins;
        else ledger.creditPayable(merchant, value + coins);
    }

    function _move(uint32 merchant, uint64 from, uint64 into) private {
        Arrears memory its = adviceArrears(merchant, from);
        if (its.value + its.coins == 0) return;
        _oweLess(merchant, from, its.value, its.coins);
        _owe(merchant, into, its.value, its.coins);
        emit AdviceArrearsMoved(merchant, from, into, its.value, its.coins);
    }

    function _pair(uint32 merchant, uint64 member) private pure returns (uint256) {
        return (uint256(merchant) << 64) | member;
    }
}
