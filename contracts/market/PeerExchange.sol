// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IPeerExchange} from "../../interfaces/IPeerExchange.sol";
import {AgedCoins, AgedCoinsLib} from "../libraries/AgedCoins.sol";
import {MemberSigned} from "../suite/MemberSigned.sol";
import {SuitePart} from "../suite/SuitePart.sol";
import {OfferBook} from "./OfferBook.sol";

/// @title Members trade coin against other assets
contract PeerExchange is OfferBook, MemberSigned, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    uint16 private constant LOCKED_OR_FROZEN = 6;
    bytes32 private constant MAKE_OFFER = keccak256(
        "MakeOffer(uint64 member,address buy,uint128 sellAmount,uint128 buyAmount,uint32 expiry,address counterparty,uint256 nonce,uint256 deadline)"
    );
    bytes32 private constant TAKE_OFFER =
        keccak256("TakeOffer(uint64 member,bytes32 offer,uint128 amount,uint256 nonce,uint256 deadline)");
    bytes32 private constant CANCEL_OFFER =
        keccak256("CancelOffer(uint64 member,bytes32 offer,uint256 nonce,uint256 deadline)");

    constructor(address authority_, address ledger_, address registry_, uint16 feeBps_)
        SuitePart(authority_, ledger_, registry_)
        OfferBook(ledger_)
        MemberSigned("PeerExchange")
    {
        isListed[ledger_] = true;
        isListed[address(_cash)] = true;
        _setFee(feeBps_);
    }

    /// @inheritdoc IPeerExchange
    function setToken(address token, bool listed) external restricted {
        if (token == _coin || token == address(_cash)) revert AlwaysListed(token);
        if (token.code.length == 0) revert NotListed(token);
        isListed[token] = listed;
        emit TokenListed(token, listed);
    }

    /// @inheritdoc IPeerExchange
    function setFee(uint16 feeBps_) external restricted {
        _setFee(feeBps_);
    }

    /// @inheritdoc IPeerExchange
    function takeFees(address token, address to) external restricted nonReentrant {
        (uint256 tokens, AgedCoins memory coins) = _emptyFees(token);
        uint256 amount = tokens + coins.total();
        if (amount == 0) revert NothingToClaim(token, address(this));
        emit FeesTaken(token, to, amount);
        if (token == _coin) _sendCoins(to, coins);
        else IERC20(token).safeTransfer(to, amount);
    }

    /// @inheritdoc IPeerExchange
    function make(address sell, address buy, uint128 sellAmount, uint128 buyAmount, uint32 expiry, address counterparty)
        external
        nonReentrant
        whenRunning
        returns (Offer memory offer)
    {
        offer = _offer(msg.sender, 0, sell, buy, sellAmount, buyAmount, expiry, counterparty);
        bytes32 hash = keccak256(abi.encode(offer));
        if (sell == _coin) {
            _putCoins(hash, AgedCoinsLib.pull(ledger, msg.sender, sellAmount));
            emit OfferMade(offer.id, msg.sender, 0, offer);
        } else {
            _putTokens(sell, hash, sellAmount);
            emit OfferMade(offer.id, msg.sender, 0, offer);
            _pullExactly(sell, msg.sender, sellAmount);
        }
    }

    /// @inheritdoc IPeerExchange
    function makeForMember(
        uint64 member,
        address buy,
        uint128 sellAmount,
        uint128 buyAmount,
        uint32 expiry,
        address counterparty,
        uint256 deadline,
        bytes calldata signature
    ) external nonReentrant whenRunning returns (Offer memory offer) {
        bytes32 signed = keccak256(
            abi.encode(MAKE_OFFER, member, buy, sellAmount, buyAmount, expiry, counterparty, nonceOf[member], deadline)
        );
        _requireMember(member, signed, deadline, signature);
        address key = registry.memberKey(member);
        offer = _offer(key, member, _coin, buy, sellAmount, buyAmount, expiry, counterparty);
        _putCoins(keccak256(abi.encode(offer)), _coinsOf(member, sellAmount));
        emit OfferMade(offer.id, key, member, offer);
    }

    /// @inheritdoc IPeerExchange
    function take(Offer calldata offer, uint128 amount, uint56 leastCurrent, address receiver)
        external
        nonReentrant
        whenRunning
        returns (uint256 paid)
    {
        return _take(offer, amount, leastCurrent, receiver, msg.sender, 0);
    }

    /// @inheritdoc IPeerExchange
    function takeForMember(
        uint64 member,
        Offer calldata offer,
        uint128 amount,
        uint256 deadline,
        bytes calldata signature
    ) external nonReentrant whenRunning returns (uint256 paid) {
        if (offer.buy != _coin) revert NotForCoins(offer.id);
        bytes32 signed = keccak256(abi.encode(TAKE_OFFER, member, hashOf(offer), amount, nonceOf[member], deadline));
        _requireMember(member, signed, deadline, signature);
        address key = registry.memberKey(member);
        return _take(offer, amount, 0, key, key, member);
    }

    /// @inheritdoc IPeerExchange
    function cancel(Offer calldata offer) external nonReentrant {
        bool open = block.timestamp >= offer.expiry || !_isOfItsKey(offer);
        if (!open && msg.sender != offer.maker) revert NotMaker(offer.id, msg.sender);
        _cancel(offer);
    }

    /// @inheritdoc IPeerExchange
    function cancelForMember(Offer calldata offer, uint256 deadline, bytes calldata signature) external nonReentrant {
        bytes32 signed =
            keccak256(abi.encode(CANCEL_OFFER, offer.member, hashOf(offer), nonceOf[offer.member], deadline));
        _requireMember(offer.member, signed, deadline, signature);
        _cancel(offer);
    }

    /// @inheritdoc IPeerExchange
    function claim(address token, address to) external nonReentrant {
        uint256 amount = _clearClaim(token, msg.sender);
        if (amount == 0) revert NothingToClaim(token, msg.sender);
        emit Claimed(token, msg.sender, to, amount);
        IERC20(token).safeTransfer(to, amount);
    }

    // --- inside ---------------------------------------------------------------------------------------------------

    function _setFee(uint16 feeBps_) private {
        if (feeBps_ > MOST_BPS) revert FeeTooHigh(feeBps_);
        feeBps = feeBps_;
        emit FeeSet(feeBps_);
    }

    /// @dev A new offer with the next number.
    function _offer(
        address maker,
        uint64 member,
        address sell,
        address buy,
        uint128 sellAmount,
        uint128 buyAmount,
        uint32 expiry,
        address counterparty
    ) private returns (Offer memory) {
        _requireListed(sell);
        _requireListed(buy);
        bool sound = sellAmount != 0 && buyAmount != 0 && sell != buy && expiry > block.timestamp
            && (sell != _coin || sellAmount <= type(uint56).max) && (buy != _coin || buyAmount <= type(uint56).max);
        if (!sound) revert BadOffer(sell, buy, sellAmount, buyAmount, expiry);
        return Offer(++offerCount, maker, member, sell, buy, sellAmount, buyAmount, expiry, counterparty);
    }

    function _take(
        Offer calldata offer,
        uint128 amount,
        uint56 leastCurrent,
        address receiver,
        address taker,
        uint64 member
    ) private returns (uint256 paid) {
        if (block.timestamp >= offer.expiry) revert OfferExpired(offer.id, offer.expiry);
        if (offer.counterparty != address(0) && offer.counterparty != taker) revert NotCounterparty(offer.id, taker);
        _requireStanding(offer);
        _requireListed(offer.sell);
        _requireListed(offer.buy);
        if (receiver == address(0) || receiver == address(this)) revert BadReceiver(receiver);
        AgedCoins memory coins;
        uint256 left;
        if (offer.sell == _coin) {
            (coins, left) = _takeCoins(offer, amount);
            if (coins.current < leastCurrent) revert CoinsTooOld(offer.id, coins.current, leastCurrent);
        } else {
            left = _takeTokens(offer, amount);
        }
        paid = costOf(offer, amount);
        uint256 fee = paid * feeBps / BPS;
        emit OfferTaken(offer.id, taker, receiver, amount, paid, fee, left);
        _passOn(offer, taker, member, paid, fee);
        if (offer.sell == _coin) _sendCoins(receiver, coins);
        else _sendOrKeep(offer.sell, receiver, amount);
    }

    function _cancel(Offer calldata offer) private {
        (uint256 tokens, AgedCoins memory coins) = _takeAll(offer);
        emit OfferCancelled(offer.id, offer.sell == _coin ? coins.total() : tokens);
        if (offer.sell != _coin) _sendOrKeep(offer.sell, offer.maker, tokens);
        else _sendCoins(offer.member == 0 ? offer.maker : ledger.memberAccount(offer.member), coins);
    }

    /// @dev What a member may not do with its coins now, its offers do not do for it.
    function _requireStanding(Offer calldata offer) private view {
        if (offer.member == 0) return;
        if (!_isOfItsKey(offer)) revert OfferVoid(offer.id, offer.member);
        if (ledger.account(offer.member).flags & LOCKED_OR_FROZEN != 0) revert MemberLocked(offer.id, offer.member);
    }

    function _requireListed(address token) private view {
        if (!isListed[token]) revert NotListed(token);
    }
}
