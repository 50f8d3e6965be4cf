// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IEscrowPayment} from "../../interfaces/IEscrowPayment.sol";
import {AgedCoins} from "../libraries/AgedCoins.sol";
import {CoinHolder} from "../suite/CoinHolder.sol";
import {EscrowWords} from "./EscrowWords.sol";
import {MerchantSettlement} from "./MerchantSettlement.sol";

/// @title How each tender comes in and goes back
/// @notice Cash tokens and stored value are held as cash. Coins are held as coins, by age, in one word a payment.
abstract contract EscrowTenders is MerchantSettlement, CoinHolder, IEscrowPayment {
    using EscrowWords for uint256;

    uint8 internal constant CASH = 0;
    uint8 internal constant COINS = 1;
    uint8 internal constant VALUE = 2;

    uint256 private immutable _epochStart;
    uint256 private immutable _epochLength;

    mapping(bytes32 id => uint256) private _coins;

    constructor() {
        _epochStart = ledger.epochStart();
        _epochLength = ledger.epochLength();
    }

    /// @dev Coins held for a payment, rolled to now.
    function _coinsHeld(bytes32 id) internal view returns (AgedCoins memory held) {
        (held,) = _coins[id].coins(_epoch());
    }

    /// @dev Puts the payer's money aside.
    function _collect(bytes32 id, Terms memory terms, uint256 amount) internal {
        if (terms.tender == CASH) {
            _takeCash(terms.payer, amount);
        } else if (terms.tender == VALUE) {
            ledger.takeValue(terms.member, uint64(amount), address(this));
        } else {
            (uint56 current, uint56 previous) = ledger.takeCoins(terms.member, uint64(amount * _par), address(this));
            uint16 epoch = _epoch();
            uint256 expiry = _firstExpiry(epoch, previous != 0);
            if (terms.captureBy > expiry) revert CoinsExpireBefore(expiry, terms.captureBy);
            AgedCoins memory held = AgedCoins(current, previous, epoch);
            _coins[id] = EscrowWords.packCoins(held, AgedCoins(0, 0, epoch));
            _oweCoins(held);
        }
    }

    /// @dev Makes cash of a part that is captured: coins are redeemed, those that expire first, first.
    function _realize(bytes32 id, Terms memory terms, uint256 amount) internal {
        if (terms.tender != COINS) return;
        (AgedCoins memory held, AgedCoins memory spent) = _coins[id].coins(_epoch());
        AgedCoins memory taken;
        (held, taken) = held.split(amount * _par);
        _coins[id] = EscrowWords.packCoins(held, spent.plus(taken));
        _clearCoins(taken);
        ledger.redeem(taken.current, taken.previous);
    }

    /// @dev Gives back what was put aside and not captured. Coins go back as they are; `expired` are those that expired.
    function _release(bytes32 id, Terms memory terms, uint256 amount) internal returns (uint256 expired) {
        if (terms.tender != COINS) {
            _giveCash(terms, amount);
            return 0;
        }
        (AgedCoins memory held, AgedCoins memory spent) = _coins[id].coins(_epoch());
        expired = amount * _par - held.total();
        _coins[id] = EscrowWords.packCoins(AgedCoins(0, 0, held.epoch), spent);
        _clearCoins(held);
        if (held.total() != 0) ledger.moveCoins(ledger.memberAccount(terms.member), held.current, held.previous);
    }

    /// @dev Gives back a captured part, for which the cash is here. The coins that would live longest come back first.
    function _giveBack(bytes32 id, Terms memory terms, uint256 amount) internal {
        if (terms.tender != COINS) {
            _giveCash(terms, amount);
            return;
        }
        (AgedCoins memory held, AgedCoins memory spent) = _coins[id].coins(_epoch());
        uint256 units = amount * _par;
        uint56 current = units < spent.current ? uint56(units) : spent.current;
        uint56 previous = uint56(units) - current;
        spent = AgedCoins(spent.current - current, spent.previous - previous, spent.epoch);
        _coins[id] = EscrowWords.packCoins(held, spent);
        ledger.restore(terms.member, current, previous);
    }

    /// @dev Whether points of this epoch have expired: they are not taken back any more.
    function _hasExpired(uint16 epoch) internal view returns (bool) {
        return _epochLength != 0 && _epoch() > uint256(epoch) + 1;
    }

    function _giveCash(Terms memory terms, uint256 amount) private {
        if (terms.tender == CASH) _payCash(terms.payer, amount);
        else ledger.creditValue(terms.member, uint64(amount));
    }

    /// @dev When the first of coins that are in a wallet in this epoch expire.
    function _firstExpiry(uint16 epoch, bool some) internal view returns (uint256) {
        if (_epochLength == 0) return type(uint256).max;
        return _epochStart + (uint256(epoch) + (some ? 1 : 2)) * _epochLength;
    }
}
