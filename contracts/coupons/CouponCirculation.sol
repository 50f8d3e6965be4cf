// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IConsents} from "../../interfaces/IConsents.sol";
import {ICoupons} from "../../interfaces/ICoupons.sol";
import {IIssuanceCap} from "../../interfaces/IIssuanceCap.sol";
import {CONSUME, OFFERS} from "../libraries/Groups.sol";
import {CouponOwners} from "./CouponOwners.sol";

/// @title Campaigns, and how coupons get from the platform to members
abstract contract CouponCirculation is CouponOwners {
    bytes32 private constant PASS_ON =
        keccak256("PassOn(uint64 coupon,uint64 from,uint64 to,uint256 nonce,uint256 deadline)");
    uint256 private constant LOT_SIZE = 65_536;
    uint8 private constant LAST_FACE = 2;

    /// @inheritdoc ICoupons
    address public immutable issuanceCap;
    /// @inheritdoc ICoupons
    address public immutable consents;
    /// @inheritdoc ICoupons
    uint32 public campaignCount;
    /// @inheritdoc ICoupons
    mapping(uint32 merchant => uint256) public handedTo;

    constructor(address issuanceCap_, address consents_) {
        issuanceCap = issuanceCap_;
        consents = consents_;
    }

    // --- the platform ---------------------------------------------------------------------------------------------

    /// @inheritdoc ICoupons
    function defineCampaign(Terms calldata terms, string calldata catalogue)
        external
        restricted
        returns (uint32 campaign)
    {
        _checkTerms(terms);
        campaign = ++campaignCount;
        _terms[campaign] = terms;
        emit CampaignDefined(campaign, terms, catalogue);
    }

    /// @inheritdoc ICoupons
    function issue(uint32 campaign, uint32 count) external restricted whenRunning returns (uint16 lot) {
        if (campaign == 0 || campaign > campaignCount) revert UnknownCampaign(campaign);
        Counts storage it = _counts[campaign];
        lot = it.lots;
        if (count == 0 || count > LOT_SIZE || lot == type(uint16).max) revert BadCount(count);
        it.lots = lot + 1;
        it.issued += count;
        _lots[_lotKey(campaign, lot)].count = count;
        _balances[PLATFORM] += count;
        emit CouponsIssued(campaign, lot, count);
        _announce(campaign, lot, count, address(0), PLATFORM);
        IIssuanceCap(issuanceCap).use(count);
    }

    /// @inheritdoc ICoupons
    function handLot(uint32 campaign, uint16 lot, uint32 merchant) external restricted {
        Lot memory it = _lots[_lotKey(campaign, lot)];
        if (it.count == 0) revert UnknownLot(campaign, lot);
        if (it.merchant != 0 || it.loose != 0) revert LotOpened(campaign, lot);
        _requireMerchant(merchant);
        _lots[_lotKey(campaign, lot)].merchant = merchant;
        _countHanded(campaign, merchant, it.count);
        _announce(campaign, lot, it.count, PLATFORM, _merchantAccount(merchant));
    }

    /// @inheritdoc ICoupons
    function handOut(uint64[] calldata coupons, uint32 merchant) external restricted {
        _requireMerchant(merchant);
        for (uint256 i = 0; i < coupons.length; ++i) {
            uint64 coupon = coupons[i];
            Word memory word = _read(coupon);
            if (word.hops != 0) revert NotHolder(coupon, PLATFORM);
            ++_lots[coupon >> 16].loose;
            _countHanded(uint32(coupon >> 32), merchant, 1);
            _hand(coupon, word, merchant, false);
        }
    }

    // --- merchants ------------------------------------------------------------------------------------------------

    /// @inheritdoc ICoupons
    function handOn(uint32 holder, uint64[] calldata coupons, uint32 merchant) external onlyGroup(holder, OFFERS) {
        _requireMerchant(merchant);
        for (uint256 i = 0; i < coupons.length; ++i) {
            _hand(coupons[i], _ofMerchant(coupons[i], holder), merchant, false);
        }
        _balances[_merchantAccount(holder)] -= coupons.length;
        _balances[_merchantAccount(merchant)] += coupons.length;
    }

    /// @inheritdoc ICoupons
    function give(uint32 holder, uint64[] calldata coupons, uint64[] calldata members)
        external
        onlyGroup(holder, OFFERS | CONSUME)
    {
        if (coupons.length != members.length) revert LengthsDiffer(coupons.length, members.length);
        for (uint256 i = 0; i < coupons.length; ++i) {
            Word memory word = _ofMerchant(coupons[i], holder);
            _requireRegistered(members[i]);
            ++_balances[_memberAccount(members[i])];
            _hand(coupons[i], word, members[i], true);
        }
        _balances[_merchantAccount(holder)] -= coupons.length;
    }

    // --- members --------------------------------------------------------------------------------------------------

    /// @inheritdoc ICoupons
    function passOn(uint64 coupon, uint64 from, uint64 to, uint256 deadline, bytes calldata signature) external {
        bytes32 terms = keccak256(abi.encode(PASS_ON, coupon, from, to, nonceOf[from], deadline));
        _requireMember(from, terms, deadline, signature);
        _passOn(coupon, from, to);
    }

    /// @inheritdoc ICoupons
    function passOnFor(uint64 coupon, uint64 from, uint64 to) external restricted {
        _passOn(coupon, from, to);
    }

    // --- inside ---------------------------------------------------------------------------------------------------

    function _checkTerms(Terms calldata terms) private view {
        bool worth =
            terms.face <= LAST_FACE && terms.faceValue != 0 && (terms.face != 0 || terms.faceValue <= BASIS_POINTS);
        if (!worth) revert BadFace(terms.face, terms.faceValue);
        uint256 data = uint256(terms.dataOwnerBps) + terms.dataUserBps;
        uint256 sum = uint256(terms.firstBps) + terms.distributorsBps + terms.memberBps + data;
        if (sum > BASIS_POINTS || (data != 0) != (terms.dataUser != 0)) revert BadWeights(sum);
        if (terms.dataUser != 0) _requireMerchant(terms.dataUser);
        if (terms.share && terms.incentive > BASIS_POINTS) revert BadIncentive(terms.incentive);
        if (terms.maxUses == 0) revert BadUses(terms.maxUses);
        if (terms.until != 0 && (terms.until <= terms.starts || terms.until <= block.timestamp)) {
            revert BadTimes(terms.starts, terms.until);
        }
    }

    function _ofMerchant(uint64 coupon, uint32 merchant) private view returns (Word memory word) {
        word = _read(coupon);
        if (word.hops == 0 || _isMembers(word) || word.holder != merchant) {
            revert NotHolder(coupon, _merchantAccount(merchant));
        }
    }

    function _passOn(uint64 coupon, uint64 from, uint64 to) private {
        Word memory word = _read(coupon);
        if (!_isMembers(word) || !_isHeldBy(word, from)) revert NotHolder(coupon, _memberAccount(from));
        _pass(coupon, word, to);
    }

    function _firstMember(uint64 coupon, Word memory word, uint64 member) internal override {
        ++_counts[uint32(coupon >> 32)].held;
        if (_terms[uint32(coupon >> 32)].dataOwnerBps != 0 && IConsents(consents).consentOf(member)) {
            word.flags |= CONSENTED;
            emit CouponTargeted(coupon, member);
        }
    }

    function _countHanded(uint32 campaign, uint32 merchant, uint32 count) private {
        _counts[campaign].handed += count;
        handedTo[merchant] += count;
        _balances[PLATFORM] -= count;
        _balances[_merchantAccount(merchant)] += count;
        emit CouponsHandedOut(campaign, merchant, count);
    }

    /// @dev ERC-721 wants an event for each token, also when one word moves them all.
    function _announce(uint32 campaign, uint16 lot, uint256 count, address from, address to) private {
        uint256 first = _lotKey(campaign, lot) << 16;
        for (uint256 i = 0; i < count; ++i) {
            emit IERC721.Transfer(from, to, first | i);
        }
    }

    function _lotKey(uint32 campaign, uint16 lot) internal pure returns (uint256) {
        return (uint256(campaign) << 16) | lot;
    }
}
