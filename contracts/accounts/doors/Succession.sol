// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IRewardToken} from "../../../interfaces/IRewardToken.sol";
import {ISuccession} from "../../../interfaces/ISuccession.sol";
import {
    ACCOUNT,
    ARREARS,
    DEPOSIT,
    EPOCH,
    EPOCH_FIELD,
    FLAG_FROZEN,
    FLAG_IN_ARREARS,
    FLAG_LOCKED,
    FLAG_REGISTERED,
    GUARANTEED,
    ISSUED,
    MAX_48,
    MAX_56,
    MEMBER,
    MERCHANT,
    MERCHANT_KNOWN,
    MERGED,
    OWED,
    PREDECESSOR,
    SUCCESSOR,
    SUPPLY,
    SUPPLY_PAUSED,
    TOTALS,
    UNITS_MOVED,
    load,
    store
} from "../../libraries/Slots.sol";
import {Words} from "../../libraries/Words.sol";
import {Refunds} from "../../rewards/Refunds.sol";
import {LedgerBase} from "../LedgerBase.sol";
import {DoorBase} from "./DoorBase.sol";

/// @title Doors from this ledger to the next, and from the one before
/// @dev Code of the ledger in a contract of its own, deployed before it, and with Refunds in its bag: what a transaction
/// creates is 48 KiB at most. The doors' fallback leads to it. All state is the ledger's; called directly it has no
/// authority and no other ledger.
contract Succession is DoorBase {
    using SafeERC20 for IERC20;
    using Words for uint256;

    /// @dev How long merchants and the fund stay, unless the admin sends them: more than refunds and chargebacks take.
    uint256 private constant GRACE = 180 days;

    /// @notice ILedger.refunds
    address public immutable refunds;

    constructor(address cash_, IRewardToken.Terms memory terms) LedgerBase(cash_, terms) {
        refunds = address(new Refunds(cash_, terms));
    }

    /// @notice ISuccession.setPredecessor
    function setPredecessor(address predecessor_) external restricted {
        if (load(PREDECESSOR) != 0) revert ISuccession.AlreadySet(predecessor());
        if (predecessor_.code.length == 0 || predecessor_ == address(this)) revert ISuccession.BadLedger(predecessor_);
        store(PREDECESSOR, uint160(predecessor_));
        emit ISuccession.PredecessorSet(predecessor_);
    }

    /// @notice ISuccession.setSuccessor
    function setSuccessor(address successor_) external restricted {
        if (load(SUCCESSOR) != 0) revert ISuccession.AlreadySet(successor());
        bool fits = successor_.code.length != 0 && ISuccession(successor_).predecessor() == address(this)
            && ISuccession(successor_).termsHash() == termsHash();
        if (!fits) revert ISuccession.BadLedger(successor_);
        store(SUCCESSOR, (block.timestamp << 160) | uint160(successor_));
        store(SUPPLY, load(SUPPLY) | (SUPPLY_PAUSED << 40));
        emit IRewardToken.Paused(msg.sender);
        emit ISuccession.SuccessorSet(successor_);
    }

    // --- out ------------------------------------------------------------------------------------------------------

    /// @notice ISuccession.emigrateHolders
    function emigrateHolders(address[] calldata holders) external {
        address to = _requireSuccessor();
        uint256[] memory words = new uint256[](holders.length);
        uint256 value;
        uint256 coins; // as the supply has them
        for (uint256 i = 0; i < holders.length; ++i) {
            uint256 word = _sendOff(holders[i]);
            words[i] = word;
            value += word.value();
            coins += (word.current() << 192) + (word.previous() << 128);
        }
        store(SUPPLY, _touchSupply() - coins);
        uint256 reserve = _reserveForUp(coins.supplyCurrent() + coins.supplyPrevious());
        _letGo(to, (value << 192) + (reserve << 64));
        ISuccession(to).immigrateHolders(holders, words, reserve);
    }

    /// @notice ISuccession.emigrateDebts
    function emigrateDebts(ISuccession.Pair[] calldata pairs) external {
        address to = _requireSuccessor();
        ISuccession.Debt[] memory debts = new ISuccession.Debt[](pairs.length);
        for (uint256 i = 0; i < pairs.length; ++i) {
            (uint32 merchantId, uint64 member) = (pairs[i].merchant, pairs[i].member);
            if (merchantId == 0) revert IRewardToken.UnknownMerchant(0);
            uint256 pair = _pair(merchantId, member);
            debts[i] = ISuccession.Debt(merchantId, member, load(OWED | pair), load(ARREARS | pair));
            store(OWED | pair, 0);
            store(ARREARS | pair, 0);
            uint256 left = load(ARREARS | member) - debts[i].arrears;
            store(ARREARS | member, left);
            if (left == 0) store(MEMBER | member, load(MEMBER | member) & ~FLAG_IN_ARREARS);
            emit ISuccession.DebtEmigrated(merchantId, member, debts[i].owed, debts[i].arrears);
        }
        ISuccession(to).immigrateDebts(debts);
    }

    /// @notice ISuccession.emigrateMerchants
    function emigrateMerchants(uint32[] calldata merchants) external {
        address to = _requireSuccessor();
        // refunds and chargebacks of the old contracts draw on a merchant's money here, and on the fund's
        if (block.timestamp < (load(SUCCESSOR) >> 160) + GRACE) _checkCanCall(msg.sender, msg.data);
        ISuccession.MerchantState[] memory states = new ISuccession.MerchantState[](merchants.length);
        uint256 units;
        uint256 sums;
        for (uint256 i = 0; i < merchants.length; ++i) {
            ISuccession.MerchantState memory state = states[i];
            uint32 id = merchants[i];
            if (id != 0) _takeOut(id, state);
            state.deposit = load(DEPOSIT | id);
            store(DEPOSIT | id, 0);
            units += state.word.prepaid();
            sums += (state.word.payableOf() << 128) + state.deposit;
            emit ISuccession.MerchantEmigrated(id, state);
        }
        uint256 reserve = _reserveForUp(units);
        _letGo(to, sums + (reserve << 64));
        ISuccession(to).immigrateMerchants(merchants, states, reserve);
    }

    // --- in -------------------------------------------------------------------------------------------------------

    /// @notice ISuccession.immigrateHolders
    function immigrateHolders(address[] calldata holders, uint256[] calldata words, uint256 reserve) external {
        _requirePredecessor();
        uint256 value;
        uint256 coins; // as the supply has them
        for (uint256 i = 0; i < holders.length; ++i) {
            uint256 slot = ACCOUNT | uint160(holders[i]);
            _requireFree(slot);
            uint256 word = words[i];
            value += word.value();
            coins += (word.current() << 192) + (word.previous() << 128);
            _addTo(slot, word);
            if (word.balance() != 0) emit IERC20.Transfer(address(0), holders[i], word.balance());
            emit ISuccession.HolderImmigrated(holders[i], word);
        }
        store(SUPPLY, _touchSupply() + coins);
        _takeIn((value << 192) + (reserve << 64));
    }

    /// @notice ISuccession.immigrateDebts
    function immigrateDebts(ISuccession.Debt[] calldata debts) external {
        _requirePredecessor();
        for (uint256 i = 0; i < debts.length; ++i) {
            ISuccession.Debt calldata debt = debts[i];
            uint256 place = OWED | _pair(debt.merchant, debt.member);
            store(place, load(place) + debt.owed);
            if (debt.arrears != 0) {
                _addArrears(debt.merchant, debt.member, debt.arrears);
                store(MEMBER | debt.member, _touch(MEMBER | debt.member) | FLAG_IN_ARREARS);
            }
            emit ISuccession.DebtImmigrated(debt.merchant, debt.member, debt.owed, debt.arrears);
        }
    }

    /// @notice ISuccession.immigrateMerchants
    function immigrateMerchants(
        uint32[] calldata merchants,
        ISuccession.MerchantState[] calldata states,
        uint256 reserve
    ) external {
        _requirePredecessor();
        uint256 sums = reserve << 64;
        for (uint256 i = 0; i < merchants.length; ++i) {
            ISuccession.MerchantState calldata state = states[i];
            uint32 id = merchants[i];
            if (id != 0) _bringIn(id, state);
            store(DEPOSIT | id, load(DEPOSIT | id) + state.deposit);
            sums += (state.word.payableOf() << 128) + state.deposit;
            emit ISuccession.MerchantImmigrated(id, state);
        }
        _takeIn(sums);
    }

    // --- views ----------------------------------------------------------------------------------------------------

    /// @notice ISuccession.predecessor
    function predecessor() public view returns (address) {
        return address(uint160(load(PREDECESSOR)));
    }

    /// @notice ISuccession.successor
    function successor() public view returns (address) {
        return address(uint160(load(SUCCESSOR)));
    }

    /// @notice ISuccession.mergedInto
    function mergedInto(uint64 member) public view returns (uint256 word) {
        word = load(MERGED | member);
        address before = predecessor();
        if (word == 0 && before != address(0)) word = ISuccession(before).mergedInto(member);
    }

    /// @notice ISuccession.termsHash
    function termsHash() public view returns (bytes32) {
        return _termsHash();
    }

    /// @notice ISuccession.inheritedRoot
    function inheritedRoot(bytes32 root) external view returns (uint256) {
        return msg.sender == successor() ? _rootWord(root) : 0;
    }

    /// @notice ISuccession.inheritedRefund
    function inheritedRefund(bytes32 leaf) external view returns (uint256) {
        return msg.sender == successor() ? _undone(leaf) : 0;
    }

    // --- inside ---------------------------------------------------------------------------------------------------

    /// @dev Empties an account; what it had.
    function _sendOff(address holder) private returns (uint256 word) {
        if (holder.code.length != 0 && holder != msg.sender) revert ISuccession.HoldsForOthers(holder);
        uint256 slot = ACCOUNT | uint160(holder);
        _requireFree(slot);
        word = _touch(slot);
        // it stays known here, for what contracts still give back to it; its debts go by themselves
        store(slot, word & (EPOCH_FIELD | FLAG_REGISTERED | FLAG_LOCKED | FLAG_FROZEN | FLAG_IN_ARREARS));
        word &= ~FLAG_IN_ARREARS;
        if (word.balance() != 0) emit IERC20.Transfer(holder, address(0), word.balance());
        emit ISuccession.HolderEmigrated(holder, word);
    }

    /// @dev Takes a merchant's word, debt to the fund and history out of this ledger.
    function _takeOut(uint32 id, ISuccession.MerchantState memory state) private {
        uint256 all = _touchSupply();
        uint256 word = _touchMerchant(id);
        state.word = word;
        store(SUPPLY, all - (word.issued() << 64));
        store(MERCHANT | id, uint24(word));
        state.guaranteed = load(GUARANTEED | id);
        store(GUARANTEED | id, 0);
        uint256 epoch = _epoch();
        if (epoch == 0) return;
        // what expires next is shared by what was issued in the epoch before
        uint256 place = ISSUED | (uint256(id) << 16) | (epoch - 1);
        state.issuedBefore = load(place);
        store(place, 0);
        store(EPOCH | (epoch - 1), load(EPOCH | (epoch - 1)) - (state.issuedBefore << 64));
    }

    /// @dev Adds a merchant that the predecessor took out; a merchant that is known here keeps its flags.
    function _bringIn(uint32 id, ISuccession.MerchantState calldata state) private {
        uint256 all = _touchSupply();
        store(SUPPLY, all + (state.word.issued() << 64));
        uint256 epoch = _epoch();
        uint256 mine = load(MERCHANT | id) & MERCHANT_KNOWN == 0 ? (epoch << 8) | uint8(state.word) : _touchMerchant(id);
        uint256 turnover = _min(uint48(mine >> 80) + uint256(uint48(state.word >> 80)), MAX_48);
        mine = mine.withPrepaid(mine.prepaid() + state.word.prepaid());
        mine = mine.withPayable(mine.payableOf() + state.word.payableOf());
        mine = mine.withIssued(mine.issued() + state.word.issued());
        store(MERCHANT | id, (mine & ~(MAX_48 << 80)) | (turnover << 80));
        store(GUARANTEED | id, load(GUARANTEED | id) + state.guaranteed);
        if (state.issuedBefore == 0) return;
        uint256 place = ISSUED | (uint256(id) << 16) | (epoch - 1);
        store(place, load(place) + state.issuedBefore);
        store(EPOCH | (epoch - 1), load(EPOCH | (epoch - 1)) + (state.issuedBefore << 64));
    }

    /// @dev Adds an account to what the holder has here. Tier and locks that come later count too.
    function _addTo(uint256 slot, uint256 word) private {
        uint256 mine = _touch(slot);
        store(
            slot,
            Words.accountWord(
                mine.value() + word.value(),
                mine.current() + word.current(),
                mine.previous() + word.previous(),
                _min(mine.earned() + word.earned(), MAX_48),
                mine.epochOf(),
                word.tier() != 0 ? word.tier() : mine.tier(),
                uint16(mine | word)
            )
        );
    }

    /// @dev Minor units of reserve for units that go over: rounded up over all that ever went, so that no fraction is
    /// counted twice.
    function _reserveForUp(uint256 units) private returns (uint256 reserve) {
        uint256 moved = load(UNITS_MOVED);
        store(UNITS_MOVED, moved + units);
        return (moved + units + _par - 1) / _par - (moved + _par - 1) / _par;
    }

    /// @dev Takes sums off the totals and lets the successor fetch their cash.
    function _letGo(address to, uint256 sums) private {
        store(TOTALS, load(TOTALS) - sums);
        uint256 amount = _held(sums);
        if (amount != 0) IERC20(_cash).forceApprove(to, amount);
    }

    /// @dev Adds sums to the totals and fetches their cash; all cash and all points fit 56 bits, as ever.
    function _takeIn(uint256 sums) private {
        uint256 word = load(TOTALS);
        uint256 amount = _held(sums);
        uint256 reserve = uint256(uint64(word >> 64)) + uint64(sums >> 64);
        if (_held(word) + amount > MAX_56 || reserve * _par > MAX_56) revert IRewardToken.TooMuch(amount);
        store(TOTALS, word + sums);
        if (amount != 0) IERC20(_cash).safeTransferFrom(msg.sender, address(this), amount);
    }

    function _requireSuccessor() private view returns (address to) {
        to = successor();
        if (to == address(0)) revert ISuccession.NoSuccessor();
    }

    function _requirePredecessor() private view {
        if (msg.sender != predecessor()) revert ISuccession.NotPredecessor(msg.sender);
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }
}
