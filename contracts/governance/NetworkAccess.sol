// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {ICashToken} from "../../interfaces/ICashToken.sol";
import {INetworkAccess} from "../../interfaces/INetworkAccess.sol";
import {IRegistry} from "../../interfaces/IRegistry.sol";
import {IRewardRules} from "../../interfaces/IRewardRules.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";

/// @title The network's roles
/// @notice Which role each restricted function has stands here, and nowhere else.
contract NetworkAccess is AccessManager, INetworkAccess {
    /// @inheritdoc INetworkAccess
    uint64 public constant OPERATOR = 1;
    /// @inheritdoc INetworkAccess
    uint64 public constant FINANCE = 2;
    /// @inheritdoc INetworkAccess
    uint64 public constant AUDITOR = 6;
    /// @inheritdoc INetworkAccess
    uint64 public constant REPORTER = 7;
    /// @inheritdoc INetworkAccess
    uint64 public constant BRIDGE = 8;
    /// @inheritdoc INetworkAccess
    uint64 public constant KEEPER = 9;
    uint64 private constant REGISTRY = 3;
    uint64 private constant RULES = 4;
    uint64 private constant MEMBERS = 5;

    constructor(address admin) AccessManager(admin) {
        emit RoleLabel(OPERATOR, "operator");
        emit RoleLabel(FINANCE, "finance");
        emit RoleLabel(REGISTRY, "registry");
        emit RoleLabel(RULES, "rules");
        emit RoleLabel(MEMBERS, "members");
        emit RoleLabel(AUDITOR, "auditor");
        emit RoleLabel(REPORTER, "reporter");
        emit RoleLabel(BRIDGE, "bridge");
        emit RoleLabel(KEEPER, "keeper");
        _entrust(OPERATOR);
        _entrust(FINANCE);
        _entrust(AUDITOR);
        _entrust(REPORTER);
        _entrust(BRIDGE);
        _grantRole(KEEPER, admin, 0, 0);
    }

    /// @inheritdoc INetworkAccess
    function connect(address ledger, address cash, address registry, address rules) external onlyAuthorized {
        _setTargetFunctionRole(ledger, IRewardToken.setStream.selector, OPERATOR);
        _setTargetFunctionRole(ledger, IRewardToken.pause.selector, OPERATOR);
        _setTargetFunctionRole(ledger, IRewardToken.unpause.selector, OPERATOR);
        _setTargetFunctionRole(ledger, IRewardToken.forgiveArrears.selector, OPERATOR);
        _setTargetFunctionRole(ledger, IRewardToken.recharge.selector, FINANCE);
        _setTargetFunctionRole(cash, ICashToken.deposit.selector, FINANCE);

        _grantRole(REGISTRY, registry, 0, 0);
        _setTargetFunctionRole(ledger, IRewardToken.setTerminals.selector, REGISTRY);
        _setTargetFunctionRole(ledger, IRewardToken.setMerchant.selector, REGISTRY);

        _grantRole(MEMBERS, registry, 0, 0);
        _setTargetFunctionRole(ledger, IRewardToken.enrol.selector, MEMBERS);
        _setTargetFunctionRole(ledger, IRewardToken.setMemberFlags.selector, MEMBERS);
        _setTargetFunctionRole(ledger, IRewardToken.setTier.selector, MEMBERS);

        _grantRole(RULES, rules, 0, 0);
        _setTargetFunctionRole(ledger, IRewardToken.setRule.selector, RULES);
        _setTargetFunctionRole(ledger, IRewardToken.vetoRule.selector, RULES);
        _setTargetFunctionRole(ledger, IRewardToken.raiseBudget.selector, RULES);

        _setTargetFunctionRole(registry, IRegistry.onboardMerchant.selector, OPERATOR);
        _setTargetFunctionRole(registry, IRegistry.addStores.selector, OPERATOR);
        _setTargetFunctionRole(registry, IRegistry.addTerminals.selector, OPERATOR);
        _setTargetFunctionRole(registry, IRegistry.setMerchantActive.selector, OPERATOR);
        _setTargetFunctionRole(registry, IRegistry.handOver.selector, OPERATOR);
        _setTargetFunctionRole(registry, IRegistry.setFloorLimit.selector, OPERATOR);
        _setTargetFunctionRole(registry, IRegistry.enrolMembers.selector, OPERATOR);
        _setTargetFunctionRole(registry, IRegistry.setMemberState.selector, OPERATOR);
        _setTargetFunctionRole(registry, IRegistry.setTier.selector, OPERATOR);
        _setTargetFunctionRole(registry, IRegistry.setMemberKey.selector, OPERATOR);
        _setTargetFunctionRole(registry, IRegistry.proposeMemberKey.selector, OPERATOR);
        _setTargetFunctionRole(registry, IRegistry.approveMemberKey.selector, FINANCE);
        _setTargetFunctionRole(registry, IRegistry.resetGroups.selector, OPERATOR);
        _setTargetFunctionRole(registry, IRegistry.proposeGroups.selector, OPERATOR);
        _setTargetFunctionRole(registry, IRegistry.approveGroups.selector, FINANCE);

        _setTargetFunctionRole(rules, IRewardRules.vetoVersion.selector, OPERATOR);
        _setTargetFunctionRole(rules, IRewardRules.vetoProductSet.selector, OPERATOR);
        emit Connected(ledger, cash, registry, rules);
    }

    /// @dev People's roles: the keeper gives and takes them, the auditor may cancel what they have scheduled.
    function _entrust(uint64 role) private {
        _setRoleAdmin(role, KEEPER);
        _setRoleGuardian(role, AUDITOR);
    }
}
