"""Contracts that the tests verify: with immutables, a constructor, a library, and one that another contract makes."""

from typing import Final

PATH: Final = "src/Shop.sol"
SHOP: Final = """// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Named} from "./Named.sol";

library Prices {
    function twice(uint256 price) external pure returns (uint256) { return 2 * price; }
}

contract Shop is Named {
    address public immutable OWNER;
    uint256 public immutable PRICE;
    uint256 public stock;

    event Sold(address indexed buyer, uint256 amount);

    error NotEnough(uint256 stock, uint256 wanted);

    constructor(string memory called, uint256 price) Named(called) { OWNER = msg.sender; PRICE = price; }

    function fill(uint256 amount) external { stock += amount; }

    function sell(uint256 amount) external {
        if (amount > stock) revert NotEnough(stock, amount);
        stock -= amount;
        emit Sold(msg.sender, amount);
    }
}

contract Lister {
    function cost(uint256 price) external pure returns (uint256) { return Prices.twice(price); }
}

contract Mall {
    Shop public last;

    function open(uint256 price) external { last = new Shop("in the mall", price); }
}
"""
NAMED: Final = """// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

abstract contract Named {
    string public name;

    constructor(string memory called) { name = called; }
}
"""
SOURCES: Final = {PATH: SHOP, "src/Named.sol": NAMED}
