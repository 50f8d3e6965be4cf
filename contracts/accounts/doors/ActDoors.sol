// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IActTarget} from "../../../interfaces/IActTarget.sol";
import {ILedgerDoors} from "../../../interfaces/ILedgerDoors.sol";
import {IPaymentProcessor} from "../../../interfaces/IPaymentProcessor.sol";
import {ACT, FLAG_REGISTERED, IN_ACT, MEMBER, MERCHANT, NOBODY, keep, load, store} from "../../libraries/Slots.sol";
import {Words} from "../../libraries/Words.sol";
import {DoorBase} from "./DoorBase.sol";

/// @title The door from a batch to the contracts of the suite
/// @dev The posting loop calls it in the ledger (BatchPosting, acted). It holds sequences, the stream's limit and, of a
/// payment with lines, the member's account: nothing in here may change these, all else it reads anew afterwards.
abstract contract ActDoors is DoorBase {
    using Words for uint256;

    uint8 private constant STREAM_LIMIT = 13;
    /// @dev What the target gets, always: the loop sees to it that it is there.
    uint256 private constant ACT_GAS = 900_000;

    /// @notice ILedgerDoors.runAct
    function runAct(IActTarget.Act calldata act, ILedgerDoors.Unbooked calldata unbooked, bytes calldata data)
        external
        returns (uint256 debited)
    {
        if (msg.sender != address(this)) revert ILedgerDoors.NotItself(msg.sender);
        uint256 points = _bookMerchant(act.merchant, unbooked.prepaid, unbooked.sold, unbooked.taken);
        _bookSupply(unbooked.minted + points, unbooked.burntPrevious, unbooked.burntCurrent);
        _bookTotals(unbooked.value, unbooked.coins);
        uint256 slot = MEMBER | act.member;
        uint256 account = load(slot);
        if (account & FLAG_REGISTERED == 0) {
            // the loop has seen that the payment enrols
            account = _touch(slot) | FLAG_REGISTERED;
            store(slot, account);
            emit IPaymentProcessor.MemberEnrolled(act.member);
        }
        bool held = act.amount != 0;
        keep(IN_ACT, held ? slot : NOBODY);
        address target = address(uint160(load(ACT | uint8(data[0]))));
        debited = IActTarget(target).applyAct{gas: ACT_GAS}(act, data);
        keep(IN_ACT, 0);
        if (debited > act.debitLeft) revert IActTarget.ActRefused(STREAM_LIMIT);
        if (held && load(slot) != account) revert ILedgerDoors.InAct(act.member);
    }

    /// @dev What the loop does at the end of a merchant's section (closeMerchant).
    function _bookMerchant(uint32 merchantId, uint256 prepaid, uint256 sold, uint256 taken)
        private
        returns (uint256 points)
    {
        if (sold == 0) return 0;
        uint256 word = _touchMerchant(merchantId);
        points = word.prepaid() - prepaid;
        word = word.withPrepaid(prepaid).withPayable(word.payableOf() + taken).withIssued(word.issued() + points);
        store(MERCHANT | merchantId, word.withTurnover(word.turnover() + sold));
    }
}
