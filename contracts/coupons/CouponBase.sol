// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {ICoupons} from "../../interfaces/ICoupons.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {MemberSigned} from "../suite/MemberSigned.sol";

/// @title What the parts of the coupons share: campaigns, lots, coupons and their trails in storage
/// @dev A coupon that goes platform -> merchant -> member costs one slot: a lot that a merchant got as a whole is one
/// word for all of its coupons, and only holders between the first merchant and the last have a place outside of the
/// coupon's word. That word names the last use; earlier ones of the same coupon have a slot each.
abstract contract CouponBase is MemberSigned, ICoupons {
    uint256 internal constant MAX_HOPS = 16;
    uint256 internal constant BASIS_POINTS = 10_000;
    address internal constant PLATFORM = address(bytes20(bytes12("Tillplatform")));
    uint160 private constant MERCHANTS = uint160(bytes20(bytes12("Tillmerchant")));
    uint160 private constant MEMBERS = uint160(bytes20(bytes12("Tillmember")));
    uint16 private constant FLAG_REGISTERED = 1;
    uint16 private constant FLAGS_LOCKED = 6; // locked or frozen

    uint8 internal constant USED = 1;
    uint8 internal constant CONSENTED = 2;
    uint8 internal constant APPROVED = 4;

    struct Lot {
        uint32 merchant;
        uint32 count;
        uint32 loose;
    }

    /// @dev `holder` is at the trail's last place.
    struct Word {
        uint32 firstMerchant;
        uint64 holder;
        uint8 hops;
        uint8 merchants;
        uint8 uses;
        uint8 live;
        uint8 flags;
        uint96 lastUse;
    }

    mapping(uint32 campaign => Terms) internal _terms;
    mapping(uint32 campaign => Counts) internal _counts;
    mapping(uint256 campaignAndLot => Lot) internal _lots;
    mapping(uint64 coupon => Word) internal _words;
    mapping(uint64 coupon => uint64[14]) internal _trails;
    mapping(uint256 couponAndNumber => uint96) internal _earlierUses;
    mapping(address holder => uint256) internal _balances;

    // --- reading --------------------------------------------------------------------------------------------------

    /// @dev The coupon as it is now: what has no word of its own yet is where its lot is.
    function _read(uint64 coupon) internal view returns (Word memory word) {
        word = _words[coupon];
        if (word.hops != 0) return word;
        Lot memory lot = _lots[coupon >> 16];
        if (uint16(coupon) >= lot.count) revert UnknownCoupon(coupon);
        if (lot.merchant != 0) {
            (word.firstMerchant, word.holder) = (lot.merchant, lot.merchant);
            (word.hops, word.merchants) = (1, 1);
        }
    }

    function _save(uint64 coupon, Word memory word) internal {
        _words[coupon] = word;
    }

    function _termsOf(uint64 coupon) internal view returns (Terms memory) {
        return _terms[uint32(coupon >> 32)];
    }

    function _isMembers(Word memory word) internal pure returns (bool) {
        return word.hops > word.merchants;
    }

    function _ownerOf(Word memory word) internal pure returns (address) {
        if (word.hops == 0) return PLATFORM;
        return _isMembers(word) ? _memberAccount(word.holder) : _merchantAccount(uint32(word.holder));
    }

    /// @dev Who stands at a place of the trail, 0 = the first merchant.
    function _at(uint64 coupon, Word memory word, uint256 place) internal view returns (uint64) {
        if (place == 0) return word.firstMerchant;
        if (place + 1 == word.hops) return word.holder;
        return _trails[coupon][place - 1];
    }

    function _merchantAccount(uint32 merchant) internal pure returns (address) {
        return address(MERCHANTS | merchant);
    }

    function _memberAccount(uint64 member) internal pure returns (address) {
        return address(MEMBERS | member);
    }

    /// @dev Whether a coupon of a member is this one's: of one that was merged it is the survivor's.
    function _isHeldBy(Word memory word, uint64 member) internal view returns (bool) {
        return word.holder == member || _survivor(word.holder) == member;
    }

    /// @dev Who a member is now.
    function _survivor(uint64 member) internal view returns (uint64) {
        return ledger.survivorOf(member);
    }

    /// @dev The member or merchant that an ERC-721 owner stands for.
    function _holderOf(address account) internal pure returns (uint64 id, bool isMember) {
        uint160 prefix = (uint160(account) >> 64) << 64;
        id = uint64(uint160(account));
        isMember = prefix == MEMBERS;
        if (!isMember && (prefix != MERCHANTS || id > type(uint32).max)) revert BadHolder(account);
    }

    // --- moving ---------------------------------------------------------------------------------------------------

    /// @dev Adds a holder to the trail. The caller has asked who may, and changes the balances.
    function _hand(uint64 coupon, Word memory word, uint64 to, bool toMember) internal {
        address from = _ownerOf(word);
        address receiver = toMember ? _memberAccount(to) : _merchantAccount(uint32(to));
        _checkHand(coupon, word, to, toMember, receiver);
        if (word.hops == 0) {
            (word.firstMerchant, word.merchants) = (uint32(to), 1);
        } else {
            if (word.hops >= 2) _trails[coupon][word.hops - 2] = word.holder;
            if (!toMember) ++word.merchants;
            else if (word.hops == word.merchants) _firstMember(coupon, word, to);
        }
        word.holder = to;
        ++word.hops;
        if (word.flags & APPROVED != 0) word.flags &= ~APPROVED;
        _save(coupon, word);
        emit IERC721.Transfer(from, receiver, coupon);
    }

    function _checkHand(uint64 coupon, Word memory word, uint64 to, bool toMember, address receiver) private view {
        if (word.flags & USED != 0) revert CouponUsed(coupon);
        if (word.hops == MAX_HOPS) revert TrailFull(coupon);
        // merchants come before members in a trail
        if (!toMember && _isMembers(word)) revert BadHolder(receiver);
        uint256 place = toMember ? word.merchants : 0;
        uint256 end = toMember ? word.hops : word.merchants;
        // members that were merged are one
        uint64 now_ = toMember && place < end ? _survivor(to) : to;
        for (; place < end; ++place) {
            uint64 before = _at(coupon, word, place);
            if ((toMember ? _survivor(before) : before) == now_) revert AlreadyInTrail(coupon, receiver);
        }
    }

    /// @dev From here on the coupon counts as held; its first member is the data owner if it consents.
    function _firstMember(uint64 coupon, Word memory word, uint64 member) internal virtual;

    /// @dev Members that get coupons are registered.
    function _requireRegistered(uint64 member) internal view {
        if (_memberFlags(member) & FLAG_REGISTERED == 0) revert IRewardToken.UnknownMember(member);
    }

    function _isLocked(uint64 member) internal view returns (bool) {
        return _memberFlags(member) & FLAGS_LOCKED != 0;
    }

    function _requireMerchant(uint32 merchant) internal view {
        if (merchant == 0 || merchant > registry.merchantCount()) revert IRewardToken.UnknownMerchant(merchant);
    }

    function _memberFlags(uint64 member) private view returns (uint16) {
        return ledger.account(member).flags;
    }
}
