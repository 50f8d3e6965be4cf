// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IAssetHolder} from "../../interfaces/IAssetHolder.sol";
import {ICashHolder} from "../../interfaces/ICashHolder.sol";
import {ILedgerDoors} from "../../interfaces/ILedgerDoors.sol";
import {IPeerExchange} from "../../interfaces/IPeerExchange.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {AgedCoins, AgedCoinsLib} from "../libraries/AgedCoins.sol";
import {CoinHolder} from "../suite/CoinHolder.sol";
import {AssetCustody} from "./AssetCustody.sol";

/// @title What is in offers, and how it comes and goes
/// @dev Coins always move with their age; the ledger's coin cannot refuse a receiver.
abstract contract OfferBook is CoinHolder, AssetCustody, ICashHolder, IAssetHolder, IPeerExchange {
    uint256 internal constant BPS = 1e4;
    uint16 internal constant MOST_BPS = 10;

    address internal immutable _coin;

    /// @inheritdoc IPeerExchange
    uint64 public offerCount;
    /// @inheritdoc IPeerExchange
    uint16 public feeBps;
    /// @inheritdoc IPeerExchange
    mapping(address token => bool) public isListed;
    mapping(bytes32 offer => uint256) private _tokensLeft;
    /// @dev The sum of what is left of all offers
    mapping(address token => uint256) private _allLeft;
    mapping(bytes32 offer => AgedCoins) private _coinsLeft;
    mapping(address token => uint256) private _tokenFees;
    AgedCoins private _coinFees;

    constructor(address ledger_) {
        _coin = ledger_;
    }

    /// @inheritdoc IPeerExchange
    function leftOf(Offer calldata offer) external view returns (uint256 left, uint256 current) {
        if (offer.sell != _coin) return (_tokensLeft[hashOf(offer)], 0);
        AgedCoins memory coins = _coinsLeft[hashOf(offer)].rolled(_epoch());
        return (coins.total(), coins.current);
    }

    /// @inheritdoc IPeerExchange
    function costOf(Offer calldata offer, uint128 amount) public pure returns (uint256 paid) {
        return Math.mulDiv(amount, offer.buyAmount, offer.sellAmount, Math.Rounding.Ceil);
    }

    /// @inheritdoc IPeerExchange
    function hashOf(Offer calldata offer) public pure returns (bytes32) {
        return keccak256(abi.encode(offer));
    }

    /// @inheritdoc IPeerExchange
    function claimable(address token, address owner) external view returns (uint256) {
        return _claims[token][owner];
    }

    /// @inheritdoc IPeerExchange
    function feesOf(address token) external view returns (uint256) {
        return token == _coin ? _coinFees.rolled(_epoch()).total() : _tokenFees[token];
    }

    /// @inheritdoc ICashHolder
    function cashOwed() external view returns (uint256) {
        return assetOwed(address(_cash));
    }

    /// @inheritdoc IAssetHolder
    function assetOwed(address token) public view returns (uint256) {
        return _allLeft[token] + _tokenFees[token] + _allClaims[token];
    }

    // --- what is left ---------------------------------------------------------------------------------------------

    function _putTokens(address token, bytes32 hash, uint256 amount) internal {
        _tokensLeft[hash] = amount;
        _allLeft[token] += amount;
    }

    function _putCoins(bytes32 hash, AgedCoins memory coins) internal {
        _coinsLeft[hash] = coins;
        _oweCoins(coins);
    }

    /// @dev Takes a part of what is left of an offer of tokens.
    function _takeTokens(Offer calldata offer, uint256 amount) internal returns (uint256 left) {
        bytes32 hash = hashOf(offer);
        left = _tokensLeft[hash];
        if (left == 0) revert UnknownOffer(offer.id);
        if (amount == 0 || amount > left) revert BadAmount(offer.id, amount, left);
        left -= amount;
        _tokensLeft[hash] = left;
        _allLeft[offer.sell] -= amount;
    }

    /// @dev Takes a part of what is left of an offer of coins, those that expire first.
    function _takeCoins(Offer calldata offer, uint256 amount) internal returns (AgedCoins memory taken, uint256 left) {
        bytes32 hash = hashOf(offer);
        AgedCoins memory coins = _coinsLeft[hash].rolled(_epoch());
        left = coins.total();
        if (left == 0) revert UnknownOffer(offer.id);
        if (amount == 0 || amount > left) revert BadAmount(offer.id, amount, left);
        (coins, taken) = coins.split(amount);
        _clearCoins(taken);
        left -= amount;
        if (left == 0) delete _coinsLeft[hash];
        else _coinsLeft[hash] = coins;
    }

    /// @dev Takes all; 0 of coins that have expired meanwhile.
    function _takeAll(Offer calldata offer) internal returns (uint256 tokens, AgedCoins memory coins) {
        bytes32 hash = hashOf(offer);
        if (offer.sell != _coin) {
            tokens = _tokensLeft[hash];
            if (tokens == 0) revert UnknownOffer(offer.id);
            delete _tokensLeft[hash];
            _allLeft[offer.sell] -= tokens;
            return (tokens, coins);
        }
        coins = _coinsLeft[hash];
        if (coins.total() == 0) revert UnknownOffer(offer.id);
        coins = coins.rolled(_epoch());
        delete _coinsLeft[hash];
        _clearCoins(coins);
    }

    // --- what comes and goes --------------------------------------------------------------------------------------

    /// @dev Takes what a taker pays, and hands it on to the maker, but for the fee.
    function _passOn(Offer calldata offer, address from, uint64 member, uint256 paid, uint256 fee) internal {
        if (offer.buy == _coin) {
            AgedCoins memory coins = member == 0 ? AgedCoinsLib.pull(ledger, from, paid) : _coinsOf(member, paid);
            (AgedCoins memory rest, AgedCoins memory kept) = coins.split(fee);
            if (fee != 0) {
                _coinFees = _coinFees.rolled(coins.epoch).plus(kept);
                _oweCoins(kept);
            }
            _sendCoins(offer.maker, rest);
        } else {
            _pullExactly(offer.buy, from, paid);
            if (fee != 0) _tokenFees[offer.buy] += fee;
            _sendOrKeep(offer.buy, offer.maker, paid - fee);
        }
    }

    /// @dev Takes all fees in a token out of the books.
    function _emptyFees(address token) internal returns (uint256 tokens, AgedCoins memory coins) {
        if (token == _coin) {
            coins = _coinFees.rolled(_epoch());
            delete _coinFees;
            _clearCoins(coins);
        } else {
            tokens = _tokenFees[token];
            delete _tokenFees[token];
        }
    }

    /// @dev Coins out of a member's account.
    function _coinsOf(uint64 member, uint256 units) internal returns (AgedCoins memory) {
        if (units > type(uint56).max) revert IRewardToken.TooMuch(units);
        (uint56 current, uint56 previous) =
            ILedgerDoors(address(ledger)).takeCoins(member, uint64(units), address(this));
        return AgedCoins(current, previous, _epoch());
    }

    function _sendCoins(address to, AgedCoins memory coins) internal {
        if (coins.total() != 0) ILedgerDoors(address(ledger)).moveCoins(to, coins.current, coins.previous);
    }

    /// @dev An offer of a member's coins is good as long as the key that made it is the member's.
    function _isOfItsKey(Offer calldata offer) internal view returns (bool) {
        return offer.member == 0 || registry.memberKey(offer.member) == offer.maker;
    }

    function _onUnsent(address token, address owner, uint256 amount) internal override {
        emit Unsent(token, owner, amount);
    }

    function _notReceived(address token, uint256 expected, uint256 received) internal pure override {
        revert NotReceived(token, expected, received);
    }
}
