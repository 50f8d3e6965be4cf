// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {CouponBase} from "./CouponBase.sol";

/// @title The coupons' face towards ERC-721
/// @notice Owners are the accounts of the platform, merchants and members; none of them has a key, so "the owner calls"
/// means: the member's registered key. The platform and merchants hand out by functions of their own.
/// @dev Receivers have no code (their addresses are 8 free bytes under a fixed text), so safeTransferFrom has nobody to
/// ask. Approvals end with each transfer.
abstract contract CouponOwners is CouponBase, IERC721Errors {
    /// @dev Set while the coupon's word has its flag APPROVED.
    mapping(uint64 coupon => address) private _approved;
    mapping(address owner => mapping(address operator => bool)) private _operators;

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC721).interfaceId || interfaceId == type(IERC165).interfaceId;
    }

    /// @inheritdoc IERC721
    function balanceOf(address owner) external view returns (uint256) {
        if (owner == address(0)) revert ERC721InvalidOwner(owner);
        return _balances[owner];
    }

    /// @inheritdoc IERC721
    function ownerOf(uint256 coupon) external view returns (address) {
        return _ownerOf(_read(_id(coupon)));
    }

    /// @inheritdoc IERC721
    function getApproved(uint256 coupon) external view returns (address) {
        return _read(_id(coupon)).flags & APPROVED != 0 ? _approved[uint64(coupon)] : address(0);
    }

    /// @inheritdoc IERC721
    function isApprovedForAll(address owner, address operator) external view returns (bool) {
        return _operators[owner][operator];
    }

    /// @inheritdoc IERC721
    /// @dev The sender is a member's key: the approval is for the coupons of all members with this key.
    function setApprovalForAll(address operator, bool approved) external {
        if (operator == address(0)) revert ERC721InvalidOperator(operator);
        _operators[msg.sender][operator] = approved;
        emit ApprovalForAll(msg.sender, operator, approved);
    }

    /// @inheritdoc IERC721
    function approve(address to, uint256 tokenId) external {
        uint64 coupon = _id(tokenId);
        Word memory word = _read(coupon);
        address key = _keyOf(coupon, word);
        if (msg.sender != key && !_operators[key][msg.sender]) revert ERC721InvalidApprover(msg.sender);
        word.flags |= APPROVED;
        _save(coupon, word);
        _approved[coupon] = to;
        emit Approval(_ownerOf(word), to, tokenId);
    }

    /// @inheritdoc IERC721
    function safeTransferFrom(address from, address to, uint256 tokenId) external {
        transferFrom(from, to, tokenId);
    }

    /// @inheritdoc IERC721
    function safeTransferFrom(address from, address to, uint256 tokenId, bytes calldata) external {
        transferFrom(from, to, tokenId);
    }

    /// @inheritdoc IERC721
    function transferFrom(address from, address to, uint256 tokenId) public {
        uint64 coupon = _id(tokenId);
        Word memory word = _read(coupon);
        address key = _keyOf(coupon, word);
        bool approved = word.flags & APPROVED != 0 && _approved[coupon] == msg.sender;
        if (msg.sender != key && !approved && !_operators[key][msg.sender]) {
            revert ERC721InsufficientApproval(msg.sender, tokenId);
        }
        if (_ownerOf(word) != from) revert ERC721IncorrectOwner(from, tokenId, _ownerOf(word));
        (uint64 member, bool isMember) = _holderOf(to);
        if (!isMember) revert BadHolder(to);
        _pass(coupon, word, member);
    }

    /// @dev Moves a member's coupon to another member.
    function _pass(uint64 coupon, Word memory word, uint64 to) internal {
        uint64 holder = _survivor(word.holder);
        if (_isLocked(holder)) revert MemberLocked(holder);
        _requireRegistered(to);
        --_balances[_memberAccount(word.holder)];
        ++_balances[_memberAccount(to)];
        _hand(coupon, word, to, true);
    }

    /// @dev The key of the member that holds the coupon; reverts for coupons that no member with a key holds.
    function _keyOf(uint64 coupon, Word memory word) private view returns (address key) {
        if (_isMembers(word)) key = registry.memberKey(_survivor(word.holder));
        if (key == address(0)) revert NotAllowed(coupon, msg.sender);
    }

    function _id(uint256 tokenId) private pure returns (uint64) {
        if (tokenId > type(uint64).max) revert UnknownCoupon(tokenId);
        return uint64(tokenId);
    }
}
