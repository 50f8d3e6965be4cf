// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {EscrowTenders} from "./EscrowTenders.sol";
import {EscrowWords} from "./EscrowWords.sol";

/// @title The steps of a payment, without who may take them
abstract contract EscrowCore is EscrowTenders {
    using EscrowWords for uint256;
    using EscrowWords for Payment;

    bytes32 private constant TERMS_TYPE = keccak256(
        "Terms(address payer,uint32 merchant,uint64 member,uint8 tender,uint64 amount,uint40 authorizeBy,uint40 captureBy,uint40 refundBy,uint16 minFeeBps,uint16 maxFeeBps,uint64 minReward,uint256 salt)"
    );
    bytes32 private constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    uint256 private constant MAX_48 = type(uint48).max;
    uint256 private constant MAX_56 = type(uint56).max;
    uint8 private constant EXISTS = 1;
    uint16 private constant REGISTERED = 1;

    mapping(bytes32 id => uint256) private _payments;

    bytes32 private immutable _domain;
    uint256 private immutable _chain;

    /// @param escrow Whose payments these are: this contract, or the one that runs this code by delegatecall
    constructor(address escrow) {
        _domain = _makeDomain(escrow);
        _chain = block.chainid;
    }

    function _authorize(bytes32 id, Terms memory terms, uint256 amount) internal {
        Payment memory it = _newPayment(id, terms, amount);
        _payments[id] = it.pack();
        if (terms.tender != COINS) _addAuthorized(amount);
        emit PaymentAuthorized(id, terms.merchant, terms.member, uint64(amount), terms);
        _collect(id, terms, amount);
    }

    function _charge(bytes32 id, Terms memory terms, uint256 amount, uint256 reward) internal {
        Payment memory it = _newPayment(id, terms, amount);
        emit PaymentAuthorized(id, terms.merchant, terms.member, uint64(amount), terms);
        _collect(id, terms, amount);
        _take(id, terms, it, amount, reward, 0);
    }

    function _capture(bytes32 id, Terms memory terms, uint256 amount, uint256 reward) internal returns (uint256 fee) {
        if (amount == 0) revert ZeroAmount();
        Payment memory it = _known(id);
        if (block.timestamp >= terms.captureBy) revert CaptureExpired(terms.captureBy);
        if (amount > it.capturable) revert ExceedsAuthorized(id, it.capturable, amount);
        return _take(id, terms, it, amount, reward, terms.tender == COINS ? 0 : amount);
    }

    /// @return amount Minor units that were authorised and not captured
    /// @return expired Units of coins that have expired meanwhile
    function _free(bytes32 id, Terms memory terms) internal returns (uint256 amount, uint256 expired) {
        Payment memory it = _known(id);
        amount = it.capturable;
        if (amount == 0) revert NothingAuthorized(id);
        it.capturable = 0;
        _payments[id] = it.pack();
        if (terms.tender != COINS) _subAuthorized(amount);
        expired = _release(id, terms, amount);
    }

    /// @param reach Who pays what the merchant has not got
    /// @return taken Units that the payer's reward is smaller now
    function _refund(bytes32 id, Terms memory terms, uint256 amount, Reach reach) internal returns (uint256 taken) {
        if (amount == 0) revert ZeroAmount();
        Payment memory it = _known(id);
        uint256 left = it.captured - it.refunded;
        if (amount > left) revert ExceedsCaptured(id, left, amount);
        uint256 before = _keptDown(it);
        it.refunded += uint48(amount);
        taken = _hasExpired(it.rewardEpoch) ? 0 : before - _keptDown(it);
        _payments[id] = it.pack();
        _drawOnMerchant(terms.merchant, amount, reach);
        if (taken != 0) ledger.clawBack(terms.merchant, terms.member, uint64(taken));
        _giveBack(id, terms, amount);
    }

    /// @dev Undoes a capture, fee and all: the part is put aside again; coins, which were redeemed, go back to the member.
    function _undo(bytes32 id, Terms memory terms, uint256 amount, uint256 fee) internal {
        Payment memory it = _known(id);
        uint256 before = _keptDown(it);
        it.refunded += uint48(amount);
        uint256 taken = _hasExpired(it.rewardEpoch) ? 0 : before - _keptDown(it);
        _renew(it);
        bool again = terms.tender != COINS;
        if (again) it.capturable += uint48(amount);
        _payments[id] = it.pack();
        _unbook(terms.merchant, amount, fee);
        if (again) _addAuthorized(amount);
        emit CaptureUndone(id, terms.merchant, uint64(amount), uint64(taken));
        if (taken != 0) ledger.clawBack(terms.merchant, terms.member, uint64(taken));
        if (!again) _giveBack(id, terms, amount);
    }

    /// @dev A payment that is there.
    function _known(bytes32 id) internal view returns (Payment memory it) {
        it = _payment(id);
        if (it.flags == 0) revert UnknownPayment(id);
    }

    function _payment(bytes32 id) internal view returns (Payment memory) {
        return _payments[id].payment();
    }

    function _id(Terms memory terms) internal view returns (bytes32) {
        bytes32 domain = block.chainid == _chain ? _domain : _makeDomain(address(this));
        return MessageHashUtils.toTypedDataHash(domain, keccak256(abi.encode(TERMS_TYPE, terms)));
    }

    /// @dev The payer, or the member's registered key, sends or has signed the id.
    function _requireSigned(bytes32 id, Terms memory terms, bytes calldata signature)
        internal
        view
        returns (address signer)
    {
        signer = terms.tender == CASH ? terms.payer : registry.memberKey(terms.member);
        bool right = signature.length == 0
            ? msg.sender == signer
            : signer != address(0) && SignatureChecker.isValidSignatureNow(signer, id, signature);
        if (!right) revert NotSigned(id, signer);
    }

    /// @dev Points that are the payer's after what was refunded so far.
    function _keptDown(Payment memory it) internal pure returns (uint256) {
        if (it.captured == 0) return 0;
        return (uint256(it.reward) * (it.captured - it.refunded)) / it.captured;
    }

    /// @dev Points that capturing this much needs.
    function _neededUp(Terms memory terms, uint256 amount) internal pure returns (uint256) {
        return (uint256(terms.minReward) * amount + terms.amount - 1) / terms.amount;
    }

    /// @dev Checks the terms, all but their signature and `authorizeBy`.
    function _newPayment(bytes32 id, Terms memory terms, uint256 amount) private view returns (Payment memory it) {
        if (amount == 0) revert ZeroAmount();
        if (terms.amount > MAX_48) revert AmountTooLarge(terms.amount);
        if (terms.minReward > MAX_56) revert AmountTooLarge(terms.minReward);
        if (amount > terms.amount) revert ExceedsTerms(amount, terms.amount);
        bool byMember =
            terms.payer == address(0) && terms.member != 0 && (terms.tender == VALUE || terms.tender == COINS);
        bool byAddress = terms.payer != address(0) && terms.tender == CASH;
        if (!byMember && !byAddress) revert BadPayer(terms.payer, terms.member, terms.tender);
        if (terms.minReward != 0) _requireEarner(terms);
        if (terms.authorizeBy > terms.captureBy || terms.captureBy > terms.refundBy) {
            revert BadTimes(terms.authorizeBy, terms.captureBy, terms.refundBy);
        }
        if (terms.minFeeBps > terms.maxFeeBps || terms.maxFeeBps > BASIS_POINTS) {
            revert BadFeeRange(terms.minFeeBps, terms.maxFeeBps);
        }
        _admitted(terms.merchant);
        _requireActive(terms.merchant);
        if (block.timestamp >= terms.captureBy) revert CaptureExpired(terms.captureBy);
        if (_payments[id] != 0) revert AlreadyAuthorized(id);
        it.capturable = uint48(amount);
        it.flags = EXISTS;
    }

    /// @dev Points go to a member that is registered, and not for coins: else a refund could not take them back.
    function _requireEarner(Terms memory terms) private view {
        if (terms.member == 0 || terms.tender == COINS) revert NoReward(terms.member);
        if (ledger.account(terms.member).flags & REGISTERED == 0) revert IRewardToken.UnknownMember(terms.member);
    }

    /// @dev Takes `amount` of a payment, of which `authorized` is in the holdings as cash.
    function _take(
        bytes32 id,
        Terms memory terms,
        Payment memory it,
        uint256 amount,
        uint256 reward,
        uint256 authorized
    ) private returns (uint256 fee) {
        bool atOnce;
        uint256 needed = _neededUp(terms, amount);
        if (reward < needed) revert RewardBelow(reward, needed);
        if (reward != 0) _requireEarner(terms);
        _renew(it);
        it.capturable -= uint48(amount);
        it.captured += uint48(amount);
        it.capturedAt = uint32(block.timestamp);
        if (reward != 0) {
            uint256 all = reward + it.reward;
            if (all > MAX_56) revert AmountTooLarge(all);
            if (it.reward == 0) it.rewardEpoch = _epoch();
            it.reward = uint56(all);
        }
        _payments[id] = it.pack();
        (fee, atOnce) = _book(terms.merchant, amount, authorized, terms.minFeeBps, terms.maxFeeBps);
        emit PaymentCaptured(id, terms.merchant, uint64(amount), uint64(fee), uint64(reward));
        _realize(id, terms, amount);
        if (atOnce) _creditAtOnce(terms.merchant, amount - fee);
        if (reward != 0) {
            uint64 given = ledger.issue(terms.merchant, ledger.memberAccount(terms.member), uint64(reward));
            if (given < reward) revert RewardBelow(given, reward);
        }
    }

    function _makeDomain(address escrow) private view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPE, keccak256("SettlementEscrow"), keccak256("1"), block.chainid, escrow));
    }

    /// @dev A capture after a refund begins anew with what is left, so that refunds stay in proportion.
    function _renew(Payment memory it) private view {
        if (it.reward != 0 && _hasExpired(it.rewardEpoch)) it.reward = 0;
        if (it.refunded == 0) return;
        it.reward = uint56(_keptDown(it));
        it.captured -= it.refunded;
        it.refunded = 0;
    }
}
