// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Limits of merchants, stores and terminals
/// @notice The operator says how much a merchant may do here, in all (`left`, used up and raised) and on one day of the
/// network (`perDay`). A terminal or a store may have a limit of its own, which counts besides the merchant's: a store
/// with one is restricted. Money in minor units.
/// @dev Trust: only the operator sets limits. A terminal's store is read from the Registry; an account's store is what
/// the operator bound it to; while a store of the merchant is restricted, an account that is bound to none may do nothing.
/// What is undone goes back to the limits that it used up, unless one of the merchant's was set anew or removed since.
interface ILimits {
    /// @notice A limit. `left` and `perDay` in minor units; `usedToday` counts for `day` only.
    struct Limit {
        uint64 left;
        uint56 perDay;
        uint16 day;
        uint56 usedToday;
        bool set;
    }

    /// @notice A limit was set anew. `scope` 0 merchant, 1 store, 2 terminal; `id` the store's or terminal's number.
    event LimitSet(uint32 indexed merchant, uint8 indexed scope, uint32 indexed id, uint64 left, uint56 perDay);
    /// @notice What is left of a limit was raised.
    event LimitRaised(uint32 indexed merchant, uint8 indexed scope, uint32 indexed id, uint64 more, uint64 left);
    /// @notice A limit was removed: a merchant without one may do nothing that needs one, a store is not restricted.
    event LimitRemoved(uint32 indexed merchant, uint8 indexed scope, uint32 indexed id);
    /// @notice What an account does for a merchant counts against this store too; unbound when `bound` is false.
    event AccountBound(uint32 indexed merchant, address indexed account, uint32 indexed store, bool bound);

    /// @notice The merchant has no limit, so it may not.
    error NoLimit(uint32 merchant);
    /// @notice More than the limit leaves, in all or for today.
    error LimitUsedUp(uint32 merchant, uint8 scope, uint32 id, uint256 left, uint256 amount);
    /// @notice The merchant has restricted stores, and the operator bound the account to none.
    error AccountNotBound(uint32 merchant, address account);
    /// @notice Scopes are 0 to 2, and the merchant's own limit has id 0.
    error BadScope(uint8 scope, uint32 id);
    /// @notice There is no such limit to raise or remove.
    error UnknownLimit(uint32 merchant, uint8 scope, uint32 id);

    /// @notice Sets a limit anew; what was used today still counts for today. Operator only.
    function setLimit(uint32 merchant, uint8 scope, uint32 id, uint64 left, uint56 perDay) external;
    /// @notice Adds to what is left of a limit. Operator only.
    function raiseLimit(uint32 merchant, uint8 scope, uint32 id, uint64 more) external;
    /// @notice Removes a limit. Operator only.
    function removeLimit(uint32 merchant, uint8 scope, uint32 id) external;
    /// @notice Binds an account of a merchant to a store, or unbinds it. Operator only.
    function bindAccount(uint32 merchant, address account, uint32 store, bool bound) external;

    /// @notice A limit, `usedToday` rolled to this day.
    function limitOf(uint32 merchant, uint8 scope, uint32 id) external view returns (Limit memory);
    /// @notice What may still be done now under one limit.
    function leftOf(uint32 merchant, uint8 scope, uint32 id) external view returns (uint256);
    /// @notice How many stores of a merchant are restricted.
    function restrictedStores(uint32 merchant) external view returns (uint32);
    /// @notice How often a limit of a merchant was set or removed.
    function limitsVersion(uint32 merchant) external view returns (uint32);
    /// @notice The store that an account is bound to.
    function storeOf(uint32 merchant, address account) external view returns (bool bound, uint32 store);
}
