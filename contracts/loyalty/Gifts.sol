// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IActTarget} from "../../interfaces/IActTarget.sol";
import {ICashHolder} from "../../interfaces/ICashHolder.sol";
import {IGifts} from "../../interfaces/IGifts.sol";
import {ILedgerDoors} from "../../interfaces/ILedgerDoors.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import "../libraries/ActReasons.sol" as R;
import {AgedCoins} from "../libraries/AgedCoins.sol";
import {CANCEL, CONSUME} from "../libraries/Groups.sol";
import {CoinHolder} from "../suite/CoinHolder.sol";
import {MemberSigned} from "../suite/MemberSigned.sol";
import {SuitePart} from "../suite/SuitePart.sol";
import {GiftCatalogue} from "./GiftCatalogue.sol";

/// @title Gifts that members take for their coins
contract Gifts is GiftCatalogue, MemberSigned, CoinHolder, ICashHolder {
    bytes32 private constant RESERVE = keccak256("Reserve(uint64 member,uint64 gift,uint256 nonce,uint256 deadline)");
    bytes32 private constant CANCEL_TERMS =
        keccak256("Cancel(uint64 member,uint128 reservation,uint256 nonce,uint256 deadline)");
    uint16 private constant LOCKED_OR_FROZEN = 6;
    uint8 private constant KIND = 6;
    uint8 private constant UNDO = 0x86;
    uint128 private constant AT_A_TILL = 1 << 96;

    uint256 private immutable _epochStart;
    uint256 private immutable _epochLength;

    uint128 private _count;
    /// @dev Cash parts of all that is reserved
    uint128 private _cashParts;
    mapping(uint128 id => Reservation) private _reservations;
    /// @inheritdoc IGifts
    mapping(uint64 gift => mapping(uint64 member => uint256)) public takenBy;

    constructor(address authority_, address ledger_, address registry_)
        SuitePart(authority_, ledger_, registry_)
        MemberSigned("Tillnet Gifts")
    {
        _epochStart = IRewardToken(ledger_).epochStart();
        _epochLength = IRewardToken(ledger_).epochLength();
    }

    // --- reserve, confirm, release --------------------------------------------------------------------------------

    /// @inheritdoc IGifts
    function reserve(uint64 id, uint64 member, uint256 deadline, bytes calldata signature)
        external
        whenRunning
        returns (uint128 reserved)
    {
        bytes32 terms = keccak256(abi.encode(RESERVE, member, id, nonceOf[member], deadline));
        _requireMember(member, terms, deadline, signature);
        Gift memory it = _known(id);
        if (ledger.merchant(_merchantOf(id)).flags & 1 == 0) revert GiftClosed(id);
        _requireNoProblem(_problem(id, it, member), id, it, member);
        reserved = ++_count;
        _take(reserved, id, it, member);
    }

    /// @inheritdoc IGifts
    function confirm(uint128 id) external {
        Reservation memory it = _inState(id, State.Reserved);
        _requireGroup(_merchantOf(it.gift), msg.sender, CONSUME);
        if (block.timestamp >= it.expires) revert ReservationOver(id, it.expires);
        _handOver(id, it);
    }

    /// @inheritdoc IGifts
    function cancel(uint128 id, uint256 deadline, bytes calldata signature) external {
        Reservation memory it = _inState(id, State.Reserved);
        uint64 member = ledger.survivorOf(it.member);
        bytes32 terms = keccak256(abi.encode(CANCEL_TERMS, member, id, nonceOf[member], deadline));
        _requireMember(member, terms, deadline, signature);
        _release(id, it);
    }

    /// @inheritdoc IGifts
    function release(uint128 id) external {
        Reservation memory it = _inState(id, State.Reserved);
        if (block.timestamp < it.expires) _requireGroup(_merchantOf(it.gift), msg.sender, CONSUME);
        _release(id, it);
    }

    /// @inheritdoc IGifts
    function takeBack(uint128 id) external {
        Reservation memory it = _inState(id, State.HandedOver);
        uint32 merchant = _merchantOf(it.gift);
        _requireGroup(merchant, msg.sender, CANCEL);
        uint64 amount = _paidFor(it);
        if (amount > _ownFundsOf(merchant)) revert ILedgerDoors.InsufficientFunds(merchant, amount);
        _takeBack(id, it);
    }

    // --- at a till ------------------------------------------------------------------------------------------------

    /// @inheritdoc IActTarget
    function applyAct(Act calldata act, bytes calldata data) external onlyLedger returns (uint256 debited) {
        if (act.amount != 0) revert ActRefused(R.ACT_SCOPE);
        // by the kind and nothing else: a pause and a closed merchant stop the one, not the other
        uint8 kind = uint8(data[0]);
        uint8 mode = kind == KIND && data.length > 1 ? uint8(data[1]) : 0xff;
        if (kind == UNDO && data.length == 9) _undoAtTill(act, _atTill(act.stream, uint64(bytes8(data[1:]))));
        else if (data.length == 10 && mode == 0) return _takeAtTill(act, uint64(bytes8(data[2:])));
        else if (data.length == 18 && mode == 1) _handOverAtTill(act, uint128(bytes16(data[2:])));
        else revert ActRefused(R.ACT_UNKNOWN);
    }

    function _takeAtTill(Act calldata act, uint64 id) private returns (uint256 debited) {
        Gift memory it = _gifts[id];
        if (it.hold == 0) revert ActRefused(R.ACT_UNKNOWN);
        if (_merchantOf(id) != act.merchant) revert ActRefused(R.ACT_SCOPE);
        uint8 reason = _problem(id, it, act.member);
        if (reason != 0) revert ActRefused(reason);
        debited = uint256(it.price) + it.cashPart;
        _requireDebit(act, it, debited);
        uint128 reserved = _atTill(act.stream, act.sequence);
        _take(reserved, id, it, act.member);
        _handOver(reserved, _reservations[reserved]);
    }

    function _handOverAtTill(Act calldata act, uint128 id) private {
        Reservation memory it = _reservations[id];
        if (it.state == State.None) revert ActRefused(R.ACT_UNKNOWN);
        if (_merchantOf(it.gift) != act.merchant) revert ActRefused(R.ACT_SCOPE);
        if (ledger.survivorOf(it.member) != act.member) revert ActRefused(R.ACT_MEMBER);
        if (it.state != State.Reserved) revert ActRefused(R.ACT_STATE);
        if (block.timestamp >= it.expires) revert ActRefused(R.ACT_TIME);
        _handOver(id, it);
    }

    function _undoAtTill(Act calldata act, uint128 id) private {
        Reservation memory it = _reservations[id];
        if (it.state == State.None) revert ActRefused(R.ACT_UNKNOWN);
        if (_merchantOf(it.gift) != act.merchant) revert ActRefused(R.ACT_SCOPE);
        if (ledger.survivorOf(it.member) != act.member) revert ActRefused(R.ACT_MEMBER);
        if (it.state != State.HandedOver) revert ActRefused(R.ACT_STATE);
        if (it.day != ledger.currentDay()) revert ActRefused(R.ACT_TIME);
        if (_paidFor(it) > _fundsOf(act.merchant)) revert ActRefused(R.ACT_STOCK);
        _takeBack(id, it);
    }

    function _requireDebit(Act calldata act, Gift memory it, uint256 debited) private view {
        IRewardToken.Account memory account = ledger.account(act.member);
        if (account.flags & LOCKED_OR_FROZEN != 0) revert ActRefused(R.LOCKED);
        if (act.authorisation == 0) revert ActRefused(R.AUTHORISATION);
        if (debited > act.debitLeft) revert ActRefused(R.STREAM_LIMIT);
        if (account.value < it.cashPart) revert ActRefused(R.VALUE);
        if (uint256(account.current) + account.previous < it.price * _par) revert ActRefused(R.COINS);
    }

    // --- views ----------------------------------------------------------------------------------------------------

    /// @inheritdoc ICashHolder
    function cashOwed() external view returns (uint256) {
        return _cashParts;
    }

    /// @inheritdoc IGifts
    function reservation(uint128 id) external view returns (Reservation memory) {
        return _reservations[id];
    }

    // --- inside ---------------------------------------------------------------------------------------------------

    /// @dev Why this member may not have this gift now, as a reason of acts; 0 = it may.
    function _problem(uint64 id, Gift memory it, uint64 member) private view returns (uint8) {
        if (!it.open) return R.ACT_STATE;
        if (block.timestamp < it.starts || (it.until != 0 && block.timestamp >= it.until)) return R.ACT_TIME;
        if (it.stock == 0) return R.ACT_STOCK;
        if (it.perMember != 0 && takenBy[id][member] >= it.perMember) return R.ACT_LIMIT;
        return 0;
    }

    function _requireNoProblem(uint8 reason, uint64 id, Gift memory it, uint64 member) private pure {
        if (reason == 0) return;
        if (reason == R.ACT_STATE) revert GiftClosed(id);
        if (reason == R.ACT_TIME) revert NotOffered(id, it.starts, it.until);
        if (reason == R.ACT_STOCK) revert OutOfStock(id);
        revert LimitReached(id, member, it.perMember);
    }

    /// @dev Takes one of the stock, and the member's coins and cash part.
    function _take(uint128 reserved, uint64 id, Gift memory it, uint64 member) private {
        _gifts[id].stock = it.stock - 1;
        ++takenBy[id][member];
        Reservation storage place = _reservations[reserved];
        (place.gift, place.member, place.state) = (id, member, State.Reserved);
        AgedCoins memory coins = AgedCoins(0, 0, _epoch());
        // the ledger is this network's own: it takes what is there, or reverts, and calls nobody but its cash
        if (it.price != 0) {
            (coins.current, coins.previous) = ledger.takeCoins(member, uint64(it.price * _par), address(this));
        }
        if (it.cashPart != 0) ledger.takeValue(member, it.cashPart, address(this));
        _oweCoins(coins);
        if (it.cashPart != 0) _cashParts += it.cashPart;
        uint32 expires = _expiry(coins, it.hold);
        (place.coins, place.expires) = (coins, expires);
        emit GiftReserved(reserved, id, member, coins.current, coins.previous, it.cashPart, expires);
    }

    /// @dev A reservation ends with its hold, or when the first of its coins expires.
    function _expiry(AgedCoins memory coins, uint24 hold) private view returns (uint32) {
        uint256 end = block.timestamp + hold;
        if (_epochLength == 0 || coins.total() == 0) return uint32(end);
        uint256 epochs = uint256(coins.epoch) + (coins.previous != 0 ? 1 : 2);
        uint256 last = _epochStart + epochs * _epochLength;
        return uint32(end < last ? end : last);
    }

    /// @dev The merchant is paid for a gift whose coins are all there (its hold is not over).
    function _handOver(uint128 id, Reservation memory it) private {
        AgedCoins memory coins = it.coins.rolled(_epoch());
        uint48 cashPart = _gifts[it.gift].cashPart;
        uint64 amount = uint64(coins.total() / _par) + cashPart;
        Reservation storage place = _reservations[id];
        (place.state, place.day) = (State.HandedOver, ledger.currentDay());
        _clear(coins, cashPart);
        emit GiftHandedOver(id, it.gift, it.member, amount);
        if (coins.total() != 0) ledger.redeem(coins.current, coins.previous);
        ledger.creditPayable(_merchantOf(it.gift), amount);
    }

    function _release(uint128 id, Reservation memory it) private {
        AgedCoins memory coins = it.coins.rolled(_epoch());
        uint48 cashPart = _gifts[it.gift].cashPart;
        _reservations[id].state = State.Released;
        _putBack(it);
        _clear(coins, cashPart);
        emit GiftReleased(id, it.gift, it.member, coins.current, coins.previous, cashPart);
        if (coins.total() != 0) {
            ledger.moveCoins(ledger.memberAccount(ledger.survivorOf(it.member)), coins.current, coins.previous);
        }
        if (cashPart != 0) ledger.creditValue(ledger.survivorOf(it.member), cashPart);
    }

    /// @dev The merchant has it: the callers asked.
    function _takeBack(uint128 id, Reservation memory it) private {
        AgedCoins memory coins = _now(it.coins);
        uint48 cashPart = _gifts[it.gift].cashPart;
        _reservations[id].state = State.TakenBack;
        _putBack(it);
        emit GiftTakenBack(id, it.gift, it.member, coins.current, coins.previous, cashPart);
        ledger.drawOn(_merchantOf(it.gift), _paidFor(it), address(this));
        uint64 member = ledger.survivorOf(it.member);
        if (coins.total() != 0) ledger.restore(member, coins.current, coins.previous);
        if (cashPart != 0) ledger.creditValue(member, cashPart);
    }

    /// @dev What the merchant got for a gift that was handed over.
    function _paidFor(Reservation memory it) private view returns (uint64) {
        return uint64(it.coins.total() / _par) + _gifts[it.gift].cashPart;
    }

    /// @dev What was put aside for a reservation is not held any more.
    function _clear(AgedCoins memory coins, uint48 cashPart) private {
        _clearCoins(coins);
        if (cashPart != 0) _cashParts -= cashPart;
    }

    /// @dev Coins that were spent, in the age that they have now: those of a closed epoch come back as current.
    function _now(AgedCoins memory coins) private view returns (AgedCoins memory) {
        uint16 epoch = _epoch();
        if (epoch == coins.epoch) return coins;
        if (epoch == coins.epoch + 1) return AgedCoins(coins.previous, coins.current, epoch);
        return AgedCoins(coins.current + coins.previous, 0, epoch);
    }

    /// @dev The gift is on the shelf again, and counts no more for the member.
    function _putBack(Reservation memory it) private {
        if (_gifts[it.gift].stock != type(uint32).max) ++_gifts[it.gift].stock;
        --takenBy[it.gift][it.member];
    }

    function _inState(uint128 id, State state) private view returns (Reservation memory it) {
        it = _reservations[id];
        if (it.state != state) revert WrongState(id, it.state);
    }

    function _atTill(uint32 stream, uint64 sequence) private pure returns (uint128) {
        return AT_A_TILL | (uint128(stream) << 64) | sequence;
    }
}
