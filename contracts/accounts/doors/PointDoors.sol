// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ILedgerDoors} from "../../../interfaces/ILedgerDoors.sol";
import {IRewardToken} from "../../../interfaces/IRewardToken.sol";
import {
    ACCOUNT,
    ARREARS,
    DEPOSIT,
    EPOCH,
    FLAG_FROZEN,
    FLAG_IN_ARREARS,
    FLAG_LOCKED,
    FLAG_REGISTERED,
    ISSUED,
    MAX_56,
    MEMBER,
    MERCHANT,
    OWED,
    SUPPLY,
    SUPPLY_PAUSED,
    TOTALS,
    DOOR_TAKE_COINS,
    DOOR_REDEEM,
    DOOR_ISSUE,
    load,
    store
} from "../../libraries/Slots.sol";
import {Words} from "../../libraries/Words.sol";
import {DoorBase} from "./DoorBase.sol";

/// @title Doors of points: bought, given, taken back, expired, and moved between contracts with their age
abstract contract PointDoors is DoorBase {
    using SafeERC20 for IERC20;
    using Words for uint256;

    /// @notice IRewardToken.buyPoints
    function buyPoints(uint32 merchantId, uint64 amount) external {
        uint256 word = _touchMerchant(merchantId);
        uint256 units = uint256(amount) * _par;
        // the reserve backs every point there is, so this bounds them all
        if (uint256(uint64(load(TOTALS) >> 64)) * _par + units > MAX_56) revert IRewardToken.TooMuch(amount);
        store(MERCHANT | merchantId, word.withPrepaid(word.prepaid() + units));
        _takeCash(amount, 64);
        emit IRewardToken.PointsBought(merchantId, msg.sender, amount, uint64(units));
    }

    /// @notice IRewardToken.settleOwed
    function settleOwed(uint32 merchantId, uint64 member) external returns (uint256 points) {
        if (load(SUPPLY).supplyFlags() & SUPPLY_PAUSED != 0) revert IRewardToken.EarningPaused();
        uint256 place = OWED | _pair(merchantId, member);
        uint256 slot = _memberSlot(_survivor(member));
        uint256 account_ = _touch(slot);
        if (account_ & FLAG_FROZEN != 0) revert IRewardToken.AccountLocked(address(uint160(MEMBER | member)));
        uint256 word = _touchMerchant(merchantId);
        points = load(place) < word.prepaid() ? load(place) : word.prepaid();
        if (points == 0) revert IRewardToken.NothingDue();
        store(place, load(place) - points);
        store(MERCHANT | merchantId, word.withPrepaid(word.prepaid() - points).withIssued(word.issued() + points));
        _addIssued(points);
        account_ = _mintTo(slot, account_, points, 0);
        store(slot, account_.withEarned(account_.earned() + points));
        emit IRewardToken.OwedSettled(merchantId, member, points > type(uint64).max ? type(uint64).max : uint64(points));
    }

    /// @notice IRewardToken.collectArrears
    function collectArrears(uint32 merchantId, uint64 member) external returns (uint256 points) {
        if (merchantId == 0) revert IRewardToken.UnknownMerchant(0);
        uint256 place = ARREARS | _pair(merchantId, member);
        uint256 slot = _memberSlot(member);
        uint256 account_ = _touch(slot);
        points = load(place) < account_.balance() ? load(place) : account_.balance();
        if (points == 0) revert IRewardToken.NothingDue();
        (, uint256 old, uint256 recent) = account_.taken(points);
        account_ = _burnFrom(slot, account_, recent, old);
        store(slot, _reduceArrears(place, member, account_, points));
        uint256 word = _touchMerchant(merchantId);
        // what comes back was not given after all
        store(MERCHANT | merchantId, _subIssued(word.withPrepaid(word.prepaid() + points), points));
        emit IRewardToken.ArrearsCollected(merchantId, member, uint64(points));
    }

    /// @notice IRewardToken.forgiveArrears
    function forgiveArrears(uint32 merchantId, uint64 member, uint256 units) external restricted {
        if (merchantId == 0) revert IRewardToken.UnknownMerchant(0);
        uint256 place = ARREARS | _pair(merchantId, member);
        if (units == 0 || units > load(place)) revert IRewardToken.NothingDue();
        store(MEMBER | member, _reduceArrears(place, member, load(MEMBER | member), units));
        emit IRewardToken.ArrearsForgiven(merchantId, member, units);
    }

    /// @notice IRewardToken.claimExpired
    function claimExpired(uint32 merchantId, uint16 epoch) external returns (uint256 points) {
        if (uint256(epoch) + 2 > _epoch()) revert IRewardToken.NotExpired(epoch);
        _touchSupply();
        points = merchantId == 0 ? _claimForFund(epoch) : _claimForMerchant(merchantId, epoch);
        if (points == 0) revert IRewardToken.NothingDue();
        emit IRewardToken.ExpiredClaimed(merchantId, epoch, uint64(points));
    }

    // --- of the suite ---------------------------------------------------------------------------------------------

    /// @notice ILedgerDoors.issue
    function issue(uint32 merchantId, address to, uint64 units) external returns (uint64 given) {
        _requireDoor(DOOR_ISSUE);
        if (load(SUPPLY).supplyFlags() & SUPPLY_PAUSED != 0) revert IRewardToken.EarningPaused();
        uint256 slot = _receiverSlot(to);
        uint256 account = _touch(slot);
        if (account & FLAG_FROZEN != 0) revert IRewardToken.AccountLocked(to);
        uint256 word = _touchMerchant(merchantId);
        given = units < word.prepaid() ? units : uint64(word.prepaid());
        if (given == 0) return 0;
        store(MERCHANT | merchantId, word.withPrepaid(word.prepaid() - given).withIssued(word.issued() + given));
        _addIssued(given);
        account = _mintTo(slot, account, given, 0);
        if (account & FLAG_REGISTERED != 0) account = account.withEarned(account.earned() + given);
        store(slot, account);
        emit ILedgerDoors.PointsIssued(merchantId, to, msg.sender, given);
    }

    /// @notice ILedgerDoors.clawBack
    function clawBack(uint32 merchantId, uint64 member, uint64 units) external returns (uint64 clawedBack) {
        _requireDoor(DOOR_ISSUE);
        if (units == 0) revert IRewardToken.ZeroAmount();
        if (merchantId == 0) revert IRewardToken.UnknownMerchant(0);
        member = _survivor(member);
        uint256 slot = _memberSlot(member);
        _requireFree(slot);
        uint256 word = _touchMerchant(merchantId);
        uint256 account = _touch(slot);
        uint256 earned = account.earned();
        account = account.withEarned(earned > units ? earned - units : 0);
        clawedBack = units < account.balance() ? units : uint64(account.balance());
        if (clawedBack != 0) {
            // the newest first, as a refund of this epoch does
            uint256 recent = clawedBack < account.current() ? clawedBack : account.current();
            account = _burnFrom(slot, account, recent, clawedBack - recent);
            word = word.withPrepaid(word.prepaid() + clawedBack);
            store(MERCHANT | merchantId, _subIssuedNewest(merchantId, word, clawedBack));
        }
        uint64 debt = units - clawedBack;
        if (debt != 0) {
            _addArrears(merchantId, member, debt);
            account |= FLAG_IN_ARREARS;
        }
        store(slot, account);
        emit ILedgerDoors.PointsClawedBack(merchantId, member, msg.sender, clawedBack, debt);
    }

    /// @notice ILedgerDoors.takeCoins
    function takeCoins(uint64 member, uint64 units, address to) external returns (uint56 current, uint56 previous) {
        _requireDoor(DOOR_TAKE_COINS);
        uint256 slot = _openMember(member);
        uint256 account = _touch(slot);
        if (account.balance() < units) {
            revert ILedgerDoors.InsufficientCoins(address(uint160(slot)), account.current(), account.previous());
        }
        uint256 left;
        uint256 old;
        uint256 recent;
        (left, old, recent) = account.taken(units);
        store(slot, left);
        _receive(slot, to, recent, old);
        return (uint56(recent), uint56(old));
    }

    /// @notice ILedgerDoors.moveCoins
    function moveCoins(address to, uint56 current, uint56 previous) external {
        (uint256 slot, uint256 account) = _ownCoins(current, previous);
        store(slot, account.withCoins(account.current() - current, account.previous() - previous));
        _receive(slot, to, current, previous);
    }

    /// @notice ILedgerDoors.redeem
    function redeem(uint56 current, uint56 previous) external returns (uint64 amount) {
        _requireDoor(DOOR_REDEEM);
        (uint256 slot, uint256 account) = _ownCoins(current, previous);
        uint256 units = uint256(current) + previous;
        if (units % _par != 0) revert ILedgerDoors.NotAtPar(units);
        amount = uint64(units / _par);
        store(slot, _burnFrom(slot, account, current, previous));
        // the reserve backs every coin there is
        store(TOTALS, load(TOTALS) - (uint256(amount) << 64));
        emit ILedgerDoors.Redeemed(msg.sender, units, amount);
        IERC20(_cash).safeTransfer(msg.sender, amount);
    }

    /// @notice ILedgerDoors.returnPoints
    function returnPoints(uint32 merchantId, uint56 current, uint56 previous) external {
        (uint256 slot, uint256 account) = _ownCoins(current, previous);
        uint256 units = uint256(current) + previous;
        uint256 word = _touchMerchant(merchantId);
        // given back, they were not given after all: else a merchant could give and take the same points over and over,
        // and share in what expires by all of them
        word = _subIssuedNewest(merchantId, word.withPrepaid(word.prepaid() + units), units);
        store(MERCHANT | merchantId, word);
        store(slot, _burnFrom(slot, account, current, previous));
        emit ILedgerDoors.PointsReturned(merchantId, msg.sender, uint64(units));
    }

    /// @notice ILedgerDoors.restore
    function restore(uint64 member, uint56 current, uint56 previous) external returns (uint64 amount) {
        _requireDoor(DOOR_REDEEM);
        uint256 slot = _memberSlot(_survivor(member));
        _requireFree(slot);
        uint256 units = uint256(current) + previous;
        if (units % _par != 0) revert ILedgerDoors.NotAtPar(units);
        amount = uint64(units / _par);
        // the reserve backs every point there is, so this bounds them all
        if (uint256(uint64(load(TOTALS) >> 64)) * _par + units > MAX_56) revert IRewardToken.TooMuch(amount);
        store(slot, _mintTo(slot, _touch(slot), current, previous));
        emit ILedgerDoors.CoinsRestored(member, msg.sender, current, previous, amount);
        _takeCash(amount, 64);
    }

    // --- inside ---------------------------------------------------------------------------------------------------

    /// @return points A merchant's share, rounded down, of what was earned in an epoch and expired
    function _claimForMerchant(uint32 merchantId, uint16 epoch) private returns (uint256 points) {
        uint256 word = _touchMerchant(merchantId);
        uint256 place = ISSUED | (uint256(merchantId) << 16) | epoch;
        uint256 closed = load(EPOCH | epoch);
        if (load(place) != 0) points = (uint256(uint64(closed)) * load(place)) / (closed >> 64);
        store(place, 0);
        store(MERCHANT | merchantId, word.withPrepaid(word.prepaid() + points));
    }

    /// @dev What expired of an epoch in which no merchant issued anything goes to the guarantee fund, in whole minor
    /// units; the rest stays in the reserve.
    function _claimForFund(uint16 epoch) private returns (uint256 points) {
        uint256 closed = load(EPOCH | epoch);
        // then there are merchants to claim it
        if (closed >> 64 != 0) return 0;
        uint256 amount = closed / _par;
        points = amount * _par;
        store(EPOCH | epoch, closed - points);
        store(DEPOSIT, load(DEPOSIT) + amount);
        store(TOTALS, load(TOTALS) - (amount << 64) + amount);
    }

    /// @dev The sender's own account, touched, which has coins of these ages.
    function _ownCoins(uint56 current, uint56 previous) private returns (uint256 slot, uint256 account) {
        if (current == 0 && previous == 0) revert IRewardToken.ZeroAmount();
        slot = ACCOUNT | uint160(msg.sender);
        account = _touch(slot);
        if (account & (FLAG_LOCKED | FLAG_FROZEN) != 0) revert IRewardToken.AccountLocked(msg.sender);
        if (current > account.current() || previous > account.previous()) {
            revert ILedgerDoors.InsufficientCoins(msg.sender, account.current(), account.previous());
        }
    }

    /// @dev Coins that left the account in `slot` arrive with their age.
    function _receive(uint256 from, address to, uint256 current, uint256 previous) private {
        uint256 slot = _receiverSlot(to);
        uint256 account = _touch(slot);
        store(slot, account.withCoins(account.current() + current, account.previous() + previous));
        emit IERC20.Transfer(address(uint160(from)), address(uint160(slot)), current + previous);
    }

    /// @return account_ The member's word, without its flag when it owes nothing any more
    function _reduceArrears(uint256 place, uint64 member, uint256 account_, uint256 units) private returns (uint256) {
        store(place, load(place) - units);
        uint256 all = load(ARREARS | member) - units;
        store(ARREARS | member, all);
        return all == 0 ? account_ & ~FLAG_IN_ARREARS : account_;
    }
}
