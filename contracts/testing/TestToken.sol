// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token as others make them, for development chains: wrapped bitcoin with 8 decimals, ether with 18, a
/// stablecoin with 6
/// @notice Anybody mints.
contract TestToken is ERC20 {
    uint8 private immutable _decimals;

    constructor(string memory name_, string memory symbol_, uint8 decimals_) ERC20(name_, symbol_) {
        _decimals = decimals_;
    }

    /// @notice Mints to anybody.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @notice As the constructor was told.
    function decimals() public view override returns (uint8) {
        return _decimals;
    }
}
