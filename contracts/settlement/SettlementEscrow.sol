// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {IActTarget} from "../../interfaces/IActTarget.sol";
import {ISettlementEscrow} from "../../interfaces/ISettlementEscrow.sol";
import {AgedCoins} from "../libraries/AgedCoins.sol";
import {CANCEL, CONSUME} from "../libraries/Groups.sol";
import {handOver} from "../libraries/HandOver.sol";
import {SuitePart} from "../suite/SuitePart.sol";
import {EscrowCore} from "./EscrowCore.sol";
import {EscrowTill} from "./EscrowTill.sol";
import {MerchantSettlement} from "./MerchantSettlement.sol";

/// @title Payments in two steps
/// @notice Who may take each step; the steps are EscrowCore's, what comes from tills EscrowTill's.
contract SettlementEscrow is EscrowCore, IActTarget, ISettlementEscrow {
    /// @inheritdoc ISettlementEscrow
    uint40 public immutable chargebackWindow;
    /// @notice The part of this contract's code that acts in a batch go to.
    address public immutable till;

    constructor(
        address authority_,
        address ledger_,
        address registry_,
        uint16 settlementDays_,
        address payouts_,
        uint40 chargebackWindow_
    )
        SuitePart(authority_, ledger_, registry_)
        MerchantSettlement(settlementDays_, payouts_)
        EscrowCore(address(this))
    {
        chargebackWindow = chargebackWindow_;
        till = address(new EscrowTill(authority_, ledger_, registry_, settlementDays_, payouts_));
    }

    /// @inheritdoc IActTarget
    function applyAct(Act calldata, bytes calldata) external returns (uint256) {
        handOver(till);
    }

    /// @inheritdoc ISettlementEscrow
    function authorize(Terms memory terms, uint64 amount, bytes calldata signature) public returns (bytes32 id) {
        if (block.timestamp >= terms.authorizeBy) revert AuthorizeExpired(terms.authorizeBy);
        id = _id(terms);
        // a signature is for one authorisation: a stranger would use it up with an amount of its own
        if (msg.sender != _requireSigned(id, terms, signature)) _requireGroup(terms.merchant, msg.sender, CONSUME);
        _authorize(id, terms, amount);
    }

    /// @inheritdoc ISettlementEscrow
    function authorizeWithPermit(Terms memory terms, uint64 amount, bytes calldata signature, Permit calldata permit)
        external
        returns (bytes32 id)
    {
        // whoever carries the permit alone, first, changes nothing: the allowance is there then
        try IERC20Permit(address(_cash))
            .permit(terms.payer, address(this), amount, permit.deadline, permit.v, permit.r, permit.s) {}
            catch {}
        return authorize(terms, amount, signature);
    }

    /// @inheritdoc ISettlementEscrow
    function capture(Terms memory terms, uint64 amount, uint64 reward) external onlyGroup(terms.merchant, CONSUME) {
        _capture(_id(terms), terms, amount, reward);
    }

    /// @inheritdoc ISettlementEscrow
    function charge(Terms memory terms, uint64 amount, uint64 reward, bytes calldata signature)
        external
        onlyGroup(terms.merchant, CONSUME)
        returns (bytes32 id)
    {
        if (block.timestamp >= terms.authorizeBy) revert AuthorizeExpired(terms.authorizeBy);
        id = _id(terms);
        _requireSigned(id, terms, signature);
        _charge(id, terms, amount, reward);
    }

    /// @inheritdoc ISettlementEscrow
    function void(Terms memory terms) external onlyGroup(terms.merchant, CANCEL) {
        bytes32 id = _id(terms);
        (uint256 amount, uint256 expired) = _free(id, terms);
        emit PaymentVoided(id, uint64(amount), uint64(expired));
    }

    /// @inheritdoc ISettlementEscrow
    function reclaim(Terms memory terms) external {
        if (block.timestamp < terms.captureBy) revert NotReclaimable(terms.captureBy);
        bytes32 id = _id(terms);
        (uint256 amount, uint256 expired) = _free(id, terms);
        emit PaymentReclaimed(id, uint64(amount), uint64(expired));
    }

    /// @inheritdoc ISettlementEscrow
    function refund(Terms memory terms, uint64 amount) external onlyGroup(terms.merchant, CANCEL) {
        if (block.timestamp >= terms.refundBy) revert RefundExpired(terms.refundBy);
        bytes32 id = _id(terms);
        uint256 taken = _refund(id, terms, amount, Reach.Own);
        emit PaymentRefunded(id, terms.merchant, amount, uint64(taken));
    }

    /// @inheritdoc ISettlementEscrow
    function chargeBack(Terms memory terms, uint64 amount, string calldata reason) external restricted {
        if (bytes(reason).length == 0) revert NoReason();
        bytes32 id = _id(terms);
        uint256 until = uint256(_known(id).capturedAt) + chargebackWindow;
        if (block.timestamp >= until) revert ChargebackExpired(until);
        uint256 taken = _refund(id, terms, amount, Reach.Guaranteed);
        emit PaymentChargedBack(id, terms.merchant, amount, uint64(taken), reason);
    }

    /// @inheritdoc ISettlementEscrow
    function idOf(Terms memory terms) external view returns (bytes32) {
        return _id(terms);
    }

    /// @inheritdoc ISettlementEscrow
    function payment(bytes32 id) external view returns (Payment memory) {
        return _payment(id);
    }

    /// @inheritdoc ISettlementEscrow
    function coinsOf(bytes32 id) external view returns (uint56 current, uint56 previous) {
        AgedCoins memory held = _coinsHeld(id);
        return (held.current, held.previous);
    }

    /// @inheritdoc ISettlementEscrow
    function expectedRefund(Terms memory terms)
        external
        view
        returns (uint64 amount, uint40 until, uint64 points, bool funded)
    {
        Payment memory it = _known(_id(terms));
        amount = it.captured - it.refunded;
        until = terms.refundBy;
        points = _hasExpired(it.rewardEpoch) ? 0 : uint64(_keptDown(it));
        funded = _heldFor(terms.merchant) + _ownFundsOf(terms.merchant) >= amount;
    }
}
