// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title What most would write first: the yardstick of the gas benchmark
/// @notice A plain OpenZeppelin ERC-20 with roles, one transaction for each payment. It knows merchants with prepaid
/// points and a rate, and guards against posting twice; it has no terminals, windows, budgets, tiers, expiry, stored
/// value, proofs or refunds.
contract PlainRewards is ERC20, AccessControl {
    struct Merchant {
        uint256 prepaid;
        uint256 rate; // units for 10,000 minor units
        uint256 turnover;
    }

    bytes32 public constant POSTER = keccak256("POSTER");

    mapping(uint256 id => Merchant) public merchants;
    mapping(bytes32 paymentId => bool posted) public posted;

    event Rewarded(
        bytes32 indexed paymentId, address indexed member, uint256 indexed merchant, uint256 amount, uint256 points
    );

    error AlreadyPosted(bytes32 paymentId);
    error NotEnoughPoints(uint256 merchant);

    constructor() ERC20("Plain", "PLAIN") {
        _grantRole(DEFAULT_ADMIN_ROLE, msg.sender);
        _grantRole(POSTER, msg.sender);
    }

    function setMerchant(uint256 id, uint256 prepaid, uint256 rate) external onlyRole(DEFAULT_ADMIN_ROLE) {
        merchants[id] = Merchant(prepaid, rate, merchants[id].turnover);
    }

    function reward(bytes32 paymentId, address member, uint256 merchant, uint256 amount) external onlyRole(POSTER) {
        if (posted[paymentId]) revert AlreadyPosted(paymentId);
        posted[paymentId] = true;
        Merchant storage it = merchants[merchant];
        uint256 points = (amount * it.rate) / 10_000;
        if (points > it.prepaid) revert NotEnoughPoints(merchant);
        it.prepaid -= points;
        it.turnover += amount;
        _mint(member, points);
        emit Rewarded(paymentId, member, merchant, amount, points);
    }
}
