// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IRegistry} from "../../interfaces/IRegistry.sol";
import {IRewardRules} from "../../interfaces/IRewardRules.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {OFFERS} from "../libraries/Groups.sol";
import {RULE_BUDGETED, RULE_CAPPED, RULE_EXISTS, RULE_TIERED} from "../libraries/Slots.sol";

/// @title Rule versions of merchants
/// @notice Checks terms and who may set them; the ledger carries the words that the posting path reads.
contract RewardRules is AccessManaged, IRewardRules {
    uint256 private constant BASIS_POINTS = 10_000;
    uint256 private constant MAX_RATE = type(uint40).max;

    /// @inheritdoc IRewardRules
    address public immutable ledger;
    /// @inheritdoc IRewardRules
    address public immutable registry;
    /// @inheritdoc IRewardRules
    mapping(uint32 merchant => uint16 version) public baseVersion;
    /// @inheritdoc IRewardRules
    mapping(uint32 merchant => uint16 count) public versionCount;
    /// @inheritdoc IRewardRules
    mapping(bytes32 productSet => bool vetoed) public isProductSetVetoed;

    mapping(uint32 merchant => mapping(uint16 version => Version)) private _versions;
    /// @dev merchant 32 | version 16 of every offer on a product set, and how many of them a veto has ended
    mapping(bytes32 productSet => uint48[]) private _offersOn;
    mapping(bytes32 productSet => uint256) private _ended;

    modifier onlyOffersGroup(uint32 merchant) {
        if (!IRegistry(registry).inGroup(merchant, msg.sender, OFFERS)) {
            revert NotInOffersGroup(merchant, msg.sender);
        }
        _;
    }

    constructor(address authority_, address ledger_, address registry_) AccessManaged(authority_) {
        ledger = ledger_;
        registry = registry_;
    }

    /// @inheritdoc IRewardRules
    function defineBase(uint32 merchant, uint32 coefficient, uint16[] calldata tierBps)
        external
        onlyOffersGroup(merchant)
        returns (uint16 number)
    {
        uint256 rate = coefficient * BASIS_POINTS;
        if (rate == 0 || rate > MAX_RATE) revert BadRate(rate);
        uint256 table = _tierTable(tierBps);
        number = _next(merchant);
        _versions[merchant][number] = Version(coefficient, uint32(BASIS_POINTS), 0);
        baseVersion[merchant] = number;
        emit BaseDefined(merchant, number, coefficient, tierBps);
        uint256 flags = RULE_EXISTS | (table == 0 ? 0 : RULE_TIERED);
        IRewardToken(ledger).setRule(merchant, number, (rate << 216) | (rate << 176) | flags, table);
    }

    /// @inheritdoc IRewardRules
    function defineRule(uint32 merchant, Offer calldata offer)
        external
        onlyOffersGroup(merchant)
        returns (uint16 number)
    {
        uint16 base = baseVersion[merchant];
        if (base == 0) revert NoBase(merchant);
        if (offer.productSet == 0) revert NoProductSet();
        if (isProductSetVetoed[offer.productSet]) revert ProductSetNotAllowed(offer.productSet);
        if (offer.until != 0 && offer.until <= offer.starts) revert BadWindow(offer.starts, offer.until);
        uint32 coefficient = _versions[merchant][base].coefficient;
        uint256 rate = uint256(coefficient) * offer.multiplierBps;
        if (rate == 0 || rate > MAX_RATE) revert BadRate(rate);

        number = _next(merchant);
        _versions[merchant][number] = Version(coefficient, offer.multiplierBps, offer.productSet);
        _offersOn[offer.productSet].push((uint48(merchant) << 16) | number);
        uint256 baseRate = coefficient * BASIS_POINTS;
        emit RuleDefined(merchant, number, offer.productSet, coefficient, uint40(rate), uint40(baseRate), offer);
        IRewardToken(ledger).setRule(merchant, number, _word(rate, baseRate, offer), _tierTable(offer.tierBps));
    }

    /// @inheritdoc IRewardRules
    function raiseBudget(uint32 merchant, uint16 number, uint56 units) external onlyOffersGroup(merchant) {
        IRewardToken(ledger).raiseBudget(merchant, number, units);
    }

    /// @inheritdoc IRewardRules
    function vetoVersion(uint32 merchant, uint16 number, string calldata reason) external restricted {
        _veto(merchant, number, reason);
    }

    /// @inheritdoc IRewardRules
    function vetoProductSet(bytes32 productSet, uint256 limit, string calldata reason)
        external
        restricted
        returns (uint256 left)
    {
        if (!isProductSetVetoed[productSet]) {
            isProductSetVetoed[productSet] = true;
            emit ProductSetVetoed(productSet, reason);
        }
        uint48[] storage offers = _offersOn[productSet];
        uint256 next = _ended[productSet];
        uint256 end = limit < offers.length - next ? next + limit : offers.length;
        _ended[productSet] = end;
        left = offers.length - end;
        for (; next < end; ++next) {
            _veto(uint32(offers[next] >> 16), uint16(offers[next]), reason);
        }
    }

    /// @inheritdoc IRewardRules
    function version(uint32 merchant, uint16 number) external view returns (Version memory) {
        if (number == 0 || number > versionCount[merchant]) revert UnknownVersion(merchant, number);
        return _versions[merchant][number];
    }

    function _next(uint32 merchant) private returns (uint16 number) {
        number = versionCount[merchant];
        if (number == type(uint16).max) revert TooManyVersions(merchant);
        versionCount[merchant] = ++number;
    }

    function _veto(uint32 merchant, uint16 number, string calldata reason) private {
        if (number == 0 || number > versionCount[merchant]) revert UnknownVersion(merchant, number);
        if (_versions[merchant][number].productSet == 0) revert BaseVersion(merchant, number);
        emit VersionVetoed(merchant, number, reason);
        IRewardToken(ledger).vetoRule(merchant, number);
    }

    /// @dev rate 40 | baseRate 40 | starts 32 | until 32 | budgetLeft 56 | dayCap 48 | flags 8
    function _word(uint256 rate, uint256 baseRate, Offer calldata offer) private pure returns (uint256) {
        uint256 flags = RULE_EXISTS | (offer.budget == 0 ? 0 : RULE_BUDGETED) | (offer.dayCap == 0 ? 0 : RULE_CAPPED)
            | (offer.tierBps.length == 0 ? 0 : RULE_TIERED);
        return (rate << 216) | (baseRate << 176) | (uint256(offer.starts) << 144) | (uint256(offer.until) << 112)
            | (uint256(offer.budget) << 56) | (uint256(offer.dayCap) << 8) | flags;
    }

    /// @dev 16 bits a tier, tier 0 lowest and always 10,000; tiers without an entry have 10,000 too.
    function _tierTable(uint16[] calldata tierBps) private pure returns (uint256 table) {
        if (tierBps.length > 15) revert BadTierTable(tierBps.length);
        if (tierBps.length == 0) return 0;
        for (uint256 tier = 0; tier < 16; ++tier) {
            uint256 bps = tier != 0 && tier <= tierBps.length ? tierBps[tier - 1] : BASIS_POINTS;
            table |= bps << (tier * 16);
        }
    }
}
