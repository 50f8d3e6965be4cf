// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";

/// @title OpenZeppelin's ERC-721 as it is: the yardstick of a coupon's mint and transfer
contract PlainNft is ERC721 {
    constructor() ERC721("Plain", "PLAIN") {}

    function mint(address to, uint256 id) external {
        _mint(to, id);
    }
}
