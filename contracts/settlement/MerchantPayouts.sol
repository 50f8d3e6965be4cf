// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMerchantPayouts} from "../../interfaces/IMerchantPayouts.sol";
import {FINANCE} from "../libraries/Groups.sol";
import {SuitePart} from "../suite/SuitePart.sol";

/// @title Where a merchant's money goes
contract MerchantPayouts is SuitePart, IMerchantPayouts {
    struct Payout {
        address to;
        uint40 since;
        address next;
    }

    /// @inheritdoc IMerchantPayouts
    uint40 public immutable payoutDelay;

    mapping(uint32 merchant => Payout) private _payouts;

    constructor(address authority_, address ledger_, address registry_, uint40 payoutDelay_)
        SuitePart(authority_, ledger_, registry_)
    {
        payoutDelay = payoutDelay_;
    }

    /// @inheritdoc IMerchantPayouts
    function setPayout(uint32 merchant, address to) external onlyGroup(merchant, FINANCE) {
        Payout storage it = _payouts[merchant];
        bool first = it.since == 0;
        it.to = payoutNow(merchant);
        it.next = to;
        it.since = uint40(block.timestamp) + (first ? 0 : payoutDelay);
        emit PayoutSet(merchant, to, it.since);
    }

    /// @inheritdoc IMerchantPayouts
    function payOut(uint32 merchant, uint64 amount) external onlyGroup(merchant, FINANCE) {
        address to = payoutNow(merchant);
        if (to == address(0)) revert NoPayout(merchant);
        emit PaidOut(merchant, to, amount);
        ledger.takePayable(merchant, amount, to);
    }

    /// @inheritdoc IMerchantPayouts
    function payoutNow(uint32 merchant) public view returns (address) {
        Payout memory it = _payouts[merchant];
        return block.timestamp < it.since ? it.to : it.next;
    }

    /// @inheritdoc IMerchantPayouts
    function payoutNext(uint32 merchant) external view returns (address to, uint40 since) {
        return (_payouts[merchant].next, _payouts[merchant].since);
    }
}
