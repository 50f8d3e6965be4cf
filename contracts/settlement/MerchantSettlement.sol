// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ICashHolder} from "../../interfaces/ICashHolder.sol";
import {ILedgerDoors} from "../../interfaces/ILedgerDoors.sol";
import {IMerchantPayouts} from "../../interfaces/IMerchantPayouts.sol";
import {IMerchantSettlement} from "../../interfaces/IMerchantSettlement.sol";
import {IEscrowPayment} from "../../interfaces/IEscrowPayment.sol";
import {SuitePart} from "../suite/SuitePart.sol";
import {EscrowWords} from "./EscrowWords.sol";

/// @title What merchants get for captured payments
abstract contract MerchantSettlement is SuitePart, ICashHolder, IMerchantSettlement {
    using EscrowWords for uint256;
    using EscrowWords for EscrowWords.Book;

    uint256 internal constant BASIS_POINTS = 10_000;
    uint256 private constant MAX_56 = type(uint56).max;
    uint256 private constant MOST_SHARES = 8;

    /// @dev How far it is reached for what held money does not pay: Own for what a merchant gives back of itself (what it
    /// owes the guarantee fund is set aside), Undone for what a till undoes on its day, Guaranteed for what the operator
    /// orders, which alone draws on that fund: else a merchant that was paid out could empty it with a friend.
    enum Reach {
        Own,
        Undone,
        Guaranteed
    }

    /// @dev What of a period's refunds was paid by others than the held money, and what of it the deposit has not got
    /// back; what the guarantee fund has not got back the ledger knows.
    struct Elsewhere {
        uint64 covered;
        uint64 carry;
    }

    /// @inheritdoc IMerchantSettlement
    uint16 public immutable settlementDays;
    /// @inheritdoc IMerchantSettlement
    IMerchantPayouts public immutable payouts;
    /// @inheritdoc IMerchantSettlement
    mapping(address receiver => uint256) public claimable;

    mapping(uint32 merchant => uint256) private _books;
    mapping(uint32 merchant => Elsewhere) private _elsewhere;
    mapping(uint32 merchant => FeeShare[]) private _shares;
    /// @dev authorized 64 | held 64 | fees 64 | claimable 64
    uint256 private _holdings;

    constructor(uint16 settlementDays_, address payouts_) {
        settlementDays = settlementDays_;
        payouts = IMerchantPayouts(payouts_);
    }

    /// @inheritdoc IMerchantSettlement
    function setMerchantTerms(uint32 merchant, uint16 feeBps, bool atOnce, FeeShare[] calldata shares)
        external
        restricted
    {
        registry.merchant(merchant); // reverts for one that is not there
        if (feeBps > BASIS_POINTS) revert BadFee(feeBps);
        _requireShares(feeBps, shares);
        EscrowWords.Book memory book = _books[merchant].book();
        if (book.gross != 0 || _elsewhere[merchant].covered != 0) _settle(merchant);
        book = EscrowWords.Book(0, 0, 0, 0, ledger.currentDay(), feeBps, atOnce, true);
        _books[merchant] = book.pack();
        delete _shares[merchant];
        for (uint256 i = 0; i < shares.length; ++i) {
            _shares[merchant].push(shares[i]);
        }
        emit MerchantTermsSet(merchant, feeBps, atOnce, shares);
    }

    /// @inheritdoc IMerchantSettlement
    function settle(uint32 merchant) external returns (Statement memory) {
        EscrowWords.Book memory book = _admitted(merchant);
        uint16 today = ledger.currentDay();
        if (today < book.day + settlementDays) revert NotSettlementDay(merchant, today, book.day + settlementDays);
        return _settle(merchant);
    }

    /// @inheritdoc IMerchantSettlement
    function claimFees(address to) external returns (uint256 amount) {
        amount = claimable[msg.sender];
        if (amount == 0) revert NothingToClaim(msg.sender);
        claimable[msg.sender] = 0;
        _holdings -= amount;
        emit FeesClaimed(msg.sender, to, amount);
        _payCash(to, amount);
    }

    // --- views ----------------------------------------------------------------------------------------------------

    /// @inheritdoc IMerchantSettlement
    function statementOf(uint32 merchant) public view returns (Statement memory it) {
        EscrowWords.Book memory book = _admitted(merchant);
        Elsewhere memory elsewhere = _elsewhere[merchant];
        uint256 held = book.heldOf();
        it.gross = uint64(book.gross);
        it.refunds = uint64(book.refunds) + elsewhere.covered;
        it.fees = uint64(book.fees);
        it.covered = elsewhere.covered;
        it.paidAtOnce = uint64(book.paid);
        uint256 owing = ledger.guaranteed(merchant) + elsewhere.carry;
        it.restored = uint64(held < owing ? held : owing);
        it.net = uint64(held) - it.restored;
        it.carryForward = uint64(owing) - it.restored;
    }

    /// @inheritdoc IMerchantSettlement
    function creditProcessing(uint32 merchant) external view returns (uint64 pending, uint16 day, uint64 payable_) {
        pending = statementOf(merchant).net;
        day = uint16(_books[merchant].book().day) + settlementDays;
        payable_ = ledger.merchant(merchant).payable_;
    }

    /// @inheritdoc IMerchantSettlement
    function merchantTerms(uint32 merchant) external view returns (bool, uint16, bool, FeeShare[] memory) {
        EscrowWords.Book memory book = _books[merchant].book();
        return (book.admitted, uint16(book.feeBps), book.atOnce, _shares[merchant]);
    }

    /// @inheritdoc ICashHolder
    function cashOwed() external view returns (uint256) {
        uint256 word = _holdings;
        return (word >> 192) + uint64(word >> 128) + uint64(word >> 64) + uint64(word);
    }

    /// @inheritdoc IMerchantSettlement
    function holdings() external view returns (Holdings memory) {
        uint256 word = _holdings;
        return Holdings(uint64(word >> 192), uint64(word >> 128), uint64(word >> 64), uint64(word));
    }

    // --- for payments ---------------------------------------------------------------------------------------------

    function _addAuthorized(uint256 amount) internal {
        uint256 word = _holdings;
        // no field of the holdings outgrows 64 bits, since this one never outgrows 56
        if ((word >> 192) + amount > MAX_56) revert IEscrowPayment.AmountTooLarge(amount);
        _holdings = word + (amount << 192);
    }

    function _subAuthorized(uint256 amount) internal {
        _holdings -= amount << 192;
    }

    /// @dev Books a captured amount, of which `authorized` was put aside before as cash. The fees of a period together are
    /// rounded down, not each: else nobody would owe any who captures by the cent.
    /// @return fee What the merchant does not get
    /// @return atOnce Whether the rest goes to its payable, by _creditAtOnce, when the cash is there
    function _book(uint32 merchant, uint256 amount, uint256 authorized, uint16 minFeeBps, uint16 maxFeeBps)
        internal
        returns (uint256 fee, bool atOnce)
    {
        EscrowWords.Book memory book = _admitted(merchant);
        if (book.feeBps < minFeeBps || book.feeBps > maxFeeBps) {
            revert FeeOutOfRange(uint16(book.feeBps), minFeeBps, maxFeeBps);
        }
        fee = Math.saturatingSub(((book.gross + amount) * book.feeBps) / BASIS_POINTS, book.fees);
        if (fee > amount) fee = amount; // what was undone may have left less than is due
        atOnce = book.atOnce;
        book.gross += amount;
        book.fees += fee;
        if (atOnce) book.paid += amount - fee;
        if (book.gross > MAX_56) revert IEscrowPayment.AmountTooLarge(book.gross);
        _books[merchant] = book.pack();
        uint256 word = _holdings - (authorized << 192) + (fee << 64);
        _holdings = atOnce ? word : word + ((amount - fee) << 128);
    }

    /// @dev A receiver that cannot receive does not block a capture: what the ledger refuses is held.
    function _creditAtOnce(uint32 merchant, uint256 net) internal {
        if (net == 0) return;
        try ledger.creditPayable(merchant, uint64(net)) {}
        catch {
            EscrowWords.Book memory book = _books[merchant].book();
            book.paid -= net;
            _books[merchant] = book.pack();
            _holdings += net << 128;
            emit HeldInstead(merchant, uint64(net));
        }
    }

    /// @dev Takes what a merchant has to give back, as cash in this contract: held money first, which is not the
    /// merchant's before its period is settled.
    function _drawOnMerchant(uint32 merchant, uint256 amount, Reach reach) internal {
        EscrowWords.Book memory book = _admitted(merchant);
        uint256 held = book.heldOf();
        uint256 part = amount < held ? amount : held;
        if (part != 0) {
            book.refunds += part;
            _books[merchant] = book.pack();
            _holdings -= part << 128;
        }
        uint64 rest = uint64(amount - part);
        if (rest == 0) return;
        uint64 payable_ = ledger.merchant(merchant).payable_;
        if (reach != Reach.Guaranteed) {
            uint256 needed = reach == Reach.Own ? rest + ledger.guaranteed(merchant) : rest;
            if (needed > payable_ && needed - payable_ > ledger.deposits(merchant)) {
                revert ILedgerDoors.InsufficientFunds(merchant, amount);
            }
        }
        Elsewhere storage elsewhere = _elsewhere[merchant];
        elsewhere.covered += rest;
        if (rest > payable_) {
            uint256 deposit = ledger.deposits(merchant);
            elsewhere.carry += rest - payable_ < deposit ? rest - payable_ : uint64(deposit);
        }
        ledger.drawOn(merchant, rest, address(this));
    }

    /// @dev Undoes _book if that was in this period and nothing of it was refunded, else the merchant pays all of it.
    function _unbook(uint32 merchant, uint256 amount, uint256 fee) internal {
        EscrowWords.Book memory book = _admitted(merchant);
        uint256 net = amount - fee;
        bool held = book.heldOf() >= net;
        bool whole = book.gross >= amount && book.fees >= fee;
        if (!(whole && (held || (book.paid >= net && _fundsOf(merchant) >= net)))) {
            _drawOnMerchant(merchant, amount, Reach.Undone);
            return;
        }
        book.gross -= amount;
        book.fees -= fee;
        if (!held) book.paid -= net;
        _books[merchant] = book.pack();
        _holdings -= (fee << 64) + (held ? net << 128 : 0);
        if (!held && net != 0) ledger.drawOn(merchant, uint64(net), address(this));
    }

    function _heldFor(uint32 merchant) internal view returns (uint256) {
        return _books[merchant].book().heldOf();
    }

    function _isAdmitted(uint32 merchant) internal view returns (bool) {
        return _books[merchant].book().admitted;
    }

    function _admitted(uint32 merchant) internal view returns (EscrowWords.Book memory book) {
        book = _books[merchant].book();
        if (!book.admitted) revert NotAdmitted(merchant);
    }

    // --- inside ---------------------------------------------------------------------------------------------------

    function _settle(uint32 merchant) private returns (Statement memory it) {
        it = statementOf(merchant);
        EscrowWords.Book memory book = _books[merchant].book();
        uint16 today = ledger.currentDay();
        _books[merchant] = EscrowWords.Book(0, 0, 0, 0, today, book.feeBps, book.atOnce, true).pack();
        uint64 toFund = uint64(Math.min(it.restored, ledger.guaranteed(merchant)));
        _elsewhere[merchant] = Elsewhere(0, _elsewhere[merchant].carry - (it.restored - toFund));
        _holdings -= ((uint256(it.net) + it.restored) << 128) + (uint256(it.fees) << 64) - it.fees;
        _creditFees(merchant, it.fees);
        // there is a net only when the guarantee fund has got back all
        address to = payouts.payoutNow(merchant);
        emit Settled(merchant, to, today, it);
        if (it.restored != 0) ledger.addDeposit(merchant, it.restored);
        if (it.net == 0) return it;
        if (to == address(0)) ledger.creditPayable(merchant, it.net);
        else _payCash(to, it.net);
    }

    /// @dev Each share is rounded down; the last receiver gets the rest.
    function _creditFees(uint32 merchant, uint256 fees) private {
        if (fees == 0) return;
        uint256 count = _shares[merchant].length;
        uint256 left = fees;
        for (uint256 i = 0; i < count; ++i) {
            FeeShare memory share = _shares[merchant][i];
            uint256 part = i + 1 == count ? left : (fees * share.bps) / BASIS_POINTS;
            left -= part;
            claimable[share.receiver] += part;
            emit FeeCredited(merchant, share.receiver, uint64(part));
        }
    }

    function _requireShares(uint256 feeBps, FeeShare[] calldata shares) private pure {
        uint256 sum = 0;
        bool named = true;
        for (uint256 i = 0; i < shares.length; ++i) {
            sum += shares[i].bps;
            if (shares[i].receiver == address(0)) named = false;
        }
        bool right = shares.length == 0 ? feeBps == 0 : sum == BASIS_POINTS && named && shares.length <= MOST_SHARES;
        if (!right) revert BadShares(shares.length, sum);
    }
}
