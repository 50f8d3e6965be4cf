// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {ICashToken} from "../../interfaces/ICashToken.sol";

/// @title The operator's e-money
/// @notice Plain OpenZeppelin; see ICashToken for what backs it.
contract CashToken is ERC20Permit, AccessManaged, ICashToken {
    /// @inheritdoc ICashToken
    string public currency;

    constructor(address authority_, string memory name_, string memory symbol_, string memory currency_)
        ERC20(name_, symbol_)
        ERC20Permit(name_)
        AccessManaged(authority_)
    {
        currency = currency_;
    }

    /// @inheritdoc ICashToken
    function deposit(address to, uint256 amount, bytes32 reference_) external restricted {
        emit Deposited(to, amount, reference_);
        _mint(to, amount);
    }

    /// @inheritdoc ICashToken
    function withdraw(uint256 amount, bytes32 reference_) external {
        emit Withdrawn(msg.sender, amount, reference_);
        _burn(msg.sender, amount);
    }

    /// @inheritdoc IERC20Metadata
    function decimals() public pure override(ERC20, IERC20Metadata) returns (uint8) {
        return 2;
    }
}
