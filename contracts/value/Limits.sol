// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILimits} from "../../interfaces/ILimits.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {SuitePart} from "../suite/SuitePart.sol";

/// @title Limits of merchants, stores and terminals
/// @dev A store or terminal that counts is handed around as its number + 1, 0 for none.
abstract contract Limits is SuitePart, ILimits {
    uint8 internal constant MERCHANT_SCOPE = 0;
    uint8 internal constant STORE_SCOPE = 1;
    uint8 internal constant TERMINAL_SCOPE = 2;

    /// @inheritdoc ILimits
    mapping(uint32 merchant => uint32) public restrictedStores;
    /// @inheritdoc ILimits
    mapping(uint32 merchant => uint32) public limitsVersion;
    mapping(uint256 key => Limit) private _limits;
    /// @dev The store's number + 1
    mapping(uint32 merchant => mapping(address account => uint64)) private _bound;

    /// @inheritdoc ILimits
    function setLimit(uint32 merchant, uint8 scope, uint32 id, uint64 left, uint56 perDay) external restricted {
        if (scope > TERMINAL_SCOPE || (scope == MERCHANT_SCOPE && id != 0)) revert BadScope(scope, id);
        Limit storage limit = _limits[_key(merchant, scope, id)];
        if (!limit.set && scope == STORE_SCOPE) ++restrictedStores[merchant];
        (limit.left, limit.perDay, limit.set) = (left, perDay, true);
        ++limitsVersion[merchant];
        emit LimitSet(merchant, scope, id, left, perDay);
    }

    /// @inheritdoc ILimits
    function raiseLimit(uint32 merchant, uint8 scope, uint32 id, uint64 more) external restricted {
        Limit storage limit = _known(merchant, scope, id);
        if (more > type(uint64).max - limit.left) revert IRewardToken.TooMuch(uint256(limit.left) + more);
        limit.left += more;
        emit LimitRaised(merchant, scope, id, more, limit.left);
    }

    /// @inheritdoc ILimits
    function removeLimit(uint32 merchant, uint8 scope, uint32 id) external restricted {
        _known(merchant, scope, id).set = false;
        ++limitsVersion[merchant];
        if (scope == STORE_SCOPE) --restrictedStores[merchant];
        emit LimitRemoved(merchant, scope, id);
    }

    /// @inheritdoc ILimits
    function bindAccount(uint32 merchant, address account, uint32 store, bool bound) external restricted {
        _bound[merchant][account] = bound ? uint64(store) + 1 : 0;
        emit AccountBound(merchant, account, store, bound);
    }

    /// @inheritdoc ILimits
    function limitOf(uint32 merchant, uint8 scope, uint32 id) public view returns (Limit memory limit) {
        limit = _limits[_key(merchant, scope, id)];
        uint16 day = ledger.currentDay();
        if (limit.day != day) (limit.day, limit.usedToday) = (day, 0);
    }

    /// @inheritdoc ILimits
    function leftOf(uint32 merchant, uint8 scope, uint32 id) external view returns (uint256) {
        Limit memory limit = limitOf(merchant, scope, id);
        return limit.set ? _leftOf(limit) : 0;
    }

    /// @inheritdoc ILimits
    function storeOf(uint32 merchant, address account) external view returns (bool bound, uint32 store) {
        uint64 mark = _bound[merchant][account];
        return mark == 0 ? (false, 0) : (true, uint32(mark - 1));
    }

    // --- inside ---------------------------------------------------------------------------------------------------

    /// @dev Uses up what these limits leave; `needed` says that a merchant without one may not at all.
    function _spend(uint32 merchant, uint64 storeMark, uint64 terminalMark, uint256 amount, bool needed) internal {
        uint16 day = ledger.currentDay();
        if (needed && !_limits[_key(merchant, MERCHANT_SCOPE, 0)].set) revert NoLimit(merchant);
        _use(merchant, MERCHANT_SCOPE, 0, amount, day);
        if (storeMark != 0) _use(merchant, STORE_SCOPE, uint32(storeMark - 1), amount, day);
        if (terminalMark != 0) _use(merchant, TERMINAL_SCOPE, uint32(terminalMark - 1), amount, day);
    }

    /// @dev Gives back what was used on `day` by something that is undone, to the limits of that time. What was used on
    /// a day before gives no room today.
    function _unspend(uint32 merchant, uint64 storeMark, uint64 terminalMark, uint256 amount, uint16 day) internal {
        _giveBack(_limits[_key(merchant, MERCHANT_SCOPE, 0)], amount, day);
        if (storeMark != 0) _giveBack(_limits[_key(merchant, STORE_SCOPE, uint32(storeMark - 1))], amount, day);
        if (terminalMark != 0) {
            _giveBack(_limits[_key(merchant, TERMINAL_SCOPE, uint32(terminalMark - 1))], amount, day);
        }
    }

    /// @dev The store that a terminal stands in, if the merchant has a restricted one at all.
    function _storeOfTerminal(uint32 merchant, uint16 terminal) internal view returns (uint64 mark) {
        if (restrictedStores[merchant] == 0) return 0;
        return uint64(registry.terminals(merchant, terminal, 1)[0].store) + 1;
    }

    function _storeOfAccount(uint32 merchant, address account) internal view returns (uint64 mark) {
        if (restrictedStores[merchant] == 0) return 0;
        mark = _bound[merchant][account];
        // a merchant's owner names its accounts itself: one that is bound to nothing would pass by the store's limit
        if (mark == 0) revert AccountNotBound(merchant, account);
    }

    function _use(uint32 merchant, uint8 scope, uint32 id, uint256 amount, uint16 day) private {
        Limit storage place = _limits[_key(merchant, scope, id)];
        Limit memory limit = place;
        if (!limit.set) return;
        if (limit.day != day) (limit.day, limit.usedToday) = (day, 0);
        uint256 left = _leftOf(limit);
        if (amount > left) revert LimitUsedUp(merchant, scope, id, left, amount);
        limit.left -= uint64(amount);
        limit.usedToday += uint56(amount);
        _limits[_key(merchant, scope, id)] = limit;
    }

    function _giveBack(Limit storage limit, uint256 amount, uint16 day) private {
        if (!limit.set) return;
        limit.left = amount > type(uint64).max - limit.left ? type(uint64).max : limit.left + uint64(amount);
        if (limit.day == day) limit.usedToday -= uint56(amount < limit.usedToday ? amount : limit.usedToday);
    }

    function _known(uint32 merchant, uint8 scope, uint32 id) private view returns (Limit storage limit) {
        limit = _limits[_key(merchant, scope, id)];
        if (!limit.set) revert UnknownLimit(merchant, scope, id);
    }

    function _leftOf(Limit memory limit) private pure returns (uint256) {
        uint256 today = limit.perDay > limit.usedToday ? limit.perDay - limit.usedToday : 0;
        return limit.left < today ? limit.left : today;
    }

    function _key(uint32 merchant, uint8 scope, uint32 id) private pure returns (uint256) {
        return (uint256(merchant) << 40) | (uint256(scope) << 32) | id;
    }
}
