// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILedger} from "../../interfaces/ILedger.sol";
import {ILedgerDoors} from "../../interfaces/ILedgerDoors.sol";
import {IPaymentProcessor} from "../../interfaces/IPaymentProcessor.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {handOver} from "../libraries/HandOver.sol";
import {SUPPLY, store} from "../libraries/Slots.sol";
import {Words} from "../libraries/Words.sol";
import {PaymentProcessor} from "../rewards/PaymentProcessor.sol";
import {AuthoritySlot} from "./AuthoritySlot.sol";
import {Coin} from "./Coin.sol";
import {LedgerBase} from "./LedgerBase.sol";
import {Doors} from "./doors/Doors.sol";

/// @title The ledger
/// @notice One contract for everything that a payment touches: posting (PaymentProcessor) and the coin's standards
/// (Coin). All else that it does (ILedger has the whole) is code of this same ledger that lies elsewhere.
/// @dev The compiler looks a function up in a list, 22 gas an entry: a function stands here only if it is hot.
contract RewardToken is AuthoritySlot, Coin, PaymentProcessor {
    address private immutable _refunds;
    address private immutable _doors;

    constructor(
        address authority_,
        address cash_,
        string memory name_,
        string memory symbol_,
        IRewardToken.Terms memory terms,
        address succession_
    ) Coin(name_, symbol_) LedgerBase(cash_, terms) AuthoritySlot(authority_) {
        if (ILedger(succession_).termsHash() != _termsHash()) revert IRewardToken.BadTerms(terms);
        store(SUPPLY, Words.supplyWord(0, 0, 0, _epoch(), 0));
        _refunds = ILedger(succession_).refunds();
        _doors = address(new Doors(cash_, terms, succession_));
    }

    /// @dev Everything else that the ledger does (ILedger).
    fallback() external {
        handOver(_undoes(msg.sig) ? _refunds : _doors);
    }

    /// @dev Of what Refunds has only these two are the ledger's.
    function _undoes(bytes4 asked) private pure returns (bool) {
        return asked == IPaymentProcessor.postRefunds.selector || asked == ILedgerDoors.settleLine.selector;
    }
}
