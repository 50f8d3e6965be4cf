// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IEscrowPayment} from "../../interfaces/IEscrowPayment.sol";
import {ISettlementEscrow} from "../../interfaces/ISettlementEscrow.sol";

/// @title For measuring: a caller that keeps a payment's terms in its storage, as a Foundry test does
/// @notice The published figures of commerce-payments are those of such tests: a call whose terms are read from the
/// caller's storage, without the 21,000 of a transaction. benchmarks/suite_gas_escrow.py measures this in the same way.
contract EscrowMeter {
    ISettlementEscrow private _escrow;
    IEscrowPayment.Terms private _terms;
    bytes private _signature;
    IEscrowPayment.Permit private _permit;

    /// @notice What the calls below are about.
    function prepare(
        ISettlementEscrow escrow,
        IEscrowPayment.Terms calldata terms,
        bytes calldata signature,
        IEscrowPayment.Permit calldata permit
    ) external {
        (_escrow, _terms, _signature, _permit) = (escrow, terms, signature, permit);
    }

    /// @notice ISettlementEscrow.authorizeWithPermit of the whole amount
    function authorizeWithPermit() external {
        _escrow.authorizeWithPermit(_terms, _terms.amount, _signature, _permit);
    }

    /// @notice ISettlementEscrow.authorize of the whole amount
    function authorize() external {
        _escrow.authorize(_terms, _terms.amount, _signature);
    }

    /// @notice ISettlementEscrow.capture of the whole amount
    function capture() external {
        _escrow.capture(_terms, _terms.amount, 0);
    }

    /// @notice ISettlementEscrow.charge of the whole amount
    function charge() external {
        _escrow.charge(_terms, _terms.amount, 0, _signature);
    }

    /// @notice ISettlementEscrow.void
    function void() external {
        _escrow.void(_terms);
    }

    /// @notice ISettlementEscrow.reclaim
    function reclaim() external {
        _escrow.reclaim(_terms);
    }

    /// @notice ISettlementEscrow.refund of the whole amount
    function refund() external {
        _escrow.refund(_terms, _terms.amount);
    }
}
