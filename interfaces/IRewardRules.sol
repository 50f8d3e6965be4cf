// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Rule versions of merchants
/// @notice What a payment earns. Versions are numbered from 1 inside a merchant and never change: a better offer is a
/// new version. The exceptions are a budget, which may grow, and the operator's veto, which ends a version.
/// @dev Trust: a merchant's offers group spends the merchant's own prepaid points; the operator can only end offers.
interface IRewardRules {
    /// @notice An offer. Times in Unix seconds, `until` 0 = for ever; `budget` and `dayCap` in units, 0 = none.
    /// @dev `tierBps[i]` is the basis points of tier i + 1 (tier 0 is always 10,000); empty = no table.
    struct Offer {
        uint32 multiplierBps;
        bytes32 productSet;
        uint32 starts;
        uint32 until;
        uint56 budget;
        uint48 dayCap;
        uint16[] tierBps;
        string catalogue;
    }

    /// @notice A version's terms. `coefficient` in units for one minor unit; `productSet` 0 for a base version.
    struct Version {
        uint32 coefficient;
        uint32 multiplierBps;
        bytes32 productSet;
    }

    /// @notice The merchant's base changed: what earns where no offer applies.
    event BaseDefined(uint32 indexed merchant, uint16 indexed version, uint32 coefficient, uint16[] tierBps);
    /// @notice An offer was made. `rate` and `baseRate` in units for 10,000 minor units.
    event RuleDefined(
        uint32 indexed merchant,
        uint16 indexed version,
        bytes32 indexed productSet,
        uint32 coefficient,
        uint40 rate,
        uint40 baseRate,
        Offer offer
    );
    /// @notice A version ends with this block.
    event VersionVetoed(uint32 indexed merchant, uint16 indexed version, string reason);
    /// @notice No version may use this product set any more, from the next block on.
    event ProductSetVetoed(bytes32 indexed productSet, string reason);

    /// @notice The sender is not in the merchant's offers group.
    error NotInOffersGroup(uint32 merchant, address account);
    /// @notice The merchant has no base yet.
    error NoBase(uint32 merchant);
    /// @notice No such version.
    error UnknownVersion(uint32 merchant, uint16 version);
    /// @notice A merchant has at most 65,535 versions.
    error TooManyVersions(uint32 merchant);
    /// @notice A base version cannot be vetoed.
    error BaseVersion(uint32 merchant, uint16 version);
    /// @notice Coefficient times multiplier does not fit, or the coefficient is 0.
    error BadRate(uint256 rate);
    /// @notice The window ends before it starts.
    error BadWindow(uint32 starts, uint32 until);
    /// @notice An offer names its product set.
    error NoProductSet();
    /// @notice The operator does not allow this product set.
    error ProductSetNotAllowed(bytes32 productSet);
    /// @notice A tier table has at most 15 entries.
    error BadTierTable(uint256 entries);

    /// @notice Sets what a merchant's payments earn where no offer applies. The merchant's offers group.
    /// @param coefficient Units of coin for one minor unit of money
    /// @param tierBps Basis points of tiers 1 to 15; empty = no table
    /// @return version The new version, the merchant's base from now on
    function defineBase(uint32 merchant, uint32 coefficient, uint16[] calldata tierBps)
        external
        returns (uint16 version);
    /// @notice Makes an offer on a product set. The merchant's offers group.
    /// @dev rate = base coefficient * multiplier; the base rate is that of the merchant's base at this moment.
    function defineRule(uint32 merchant, Offer calldata offer) external returns (uint16 version);
    /// @notice Adds units to an offer's budget. The merchant's offers group.
    function raiseBudget(uint32 merchant, uint16 version, uint56 units) external;
    /// @notice Ends an offer with this block. Operator only.
    function vetoVersion(uint32 merchant, uint16 version, string calldata reason) external;
    /// @notice Forbids a product set, and ends up to `limit` of its offers with this block. Operator only; call again
    /// until it returns 0.
    /// @return left Offers on this set that are not ended yet
    function vetoProductSet(bytes32 productSet, uint256 limit, string calldata reason) external returns (uint256 left);

    /// @notice The ledger that carries the terms.
    function ledger() external view returns (address);
    /// @notice The registry that knows the merchants' groups.
    function registry() external view returns (address);
    /// @notice The version that earns where no offer applies; 0 if the merchant has none yet.
    function baseVersion(uint32 merchant) external view returns (uint16);
    /// @notice Versions are numbered 1 to this.
    function versionCount(uint32 merchant) external view returns (uint16);
    /// @notice A version's terms beside those in the ledger.
    function version(uint32 merchant, uint16 number) external view returns (Version memory);
    /// @notice Whether the operator forbade this product set.
    function isProductSetVetoed(bytes32 productSet) external view returns (bool);
}
