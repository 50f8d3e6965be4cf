// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {IActTarget} from "../../interfaces/IActTarget.sol";
import {ICoupons} from "../../interfaces/ICoupons.sol";
import {IIncentivePools} from "../../interfaces/IIncentivePools.sol";
import {
    ACT_AMOUNT,
    ACT_MEMBER,
    ACT_SCOPE,
    ACT_STATE,
    ACT_TIME,
    ACT_UNKNOWN,
    AUTHORISATION,
    LOCKED
} from "../libraries/ActReasons.sol";
import {CONSUME} from "../libraries/Groups.sol";
import {Incentives} from "../libraries/Incentives.sol";
import {MemberSigned} from "../suite/MemberSigned.sol";
import {SuitePart} from "../suite/SuitePart.sol";
import {CouponRecords} from "./CouponRecords.sol";

/// @title Universal coupons
contract Coupons is CouponRecords {
    uint256 private constant ACT_HEAD = 29; // kind 1 | coupon 8 | discount 6 | sale 8 | amount 6
    uint256 private constant UNDO_LENGTH = 9; // kind 1 | sequence 8
    bytes1 private constant UNDO = 0x81;
    uint256 private constant WITHOUT_BATCH = 0xffffff00; // and the number of the use, where others have their stream
    uint256 private constant MAX_AMOUNT = type(uint40).max;
    bytes32 private constant WRITE_OFF = keccak256(
        "WriteOff(uint64 coupon,uint32 merchant,uint64 sale,uint64 amount,uint64 discount,uint256 nonce,uint256 deadline)"
    );
    uint8 private constant PERCENTAGE = 0;
    uint8 private constant GIFT = 2;
    bytes1 private constant PRODUCT_LEAF = 0x03;
    // of a sale whose coupons came alone
    uint8 private constant HAS_COUPONS = 1;
    uint8 private constant HAS_LONELY_COUPON = 2;

    /// @inheritdoc ICoupons
    address public immutable pools;
    // named as ERC-721 wants them
    /* solhint-disable const-name-snakecase */
    /// @inheritdoc ICoupons
    string public constant name = "Till Coupon";
    /// @inheritdoc ICoupons
    string public constant symbol = "TCOUPON";
    /* solhint-enable const-name-snakecase */

    uint256 private immutable _tolerance;
    /// @dev The first use of a sale that has coupons 96 | which kind of coupons 8.
    mapping(uint256 merchantAndSale => uint256) private _sales;

    /// @dev What the core is told of a write-off. `use` 0 = it came without the batch; `sale` 0 = it came with lines.
    struct WriteOff {
        uint96 use;
        uint32 merchant;
        uint64 member;
        uint256 time;
        uint64 sale;
        bool alone;
        uint256 amount;
        uint256 discount;
        bytes32 product;
    }

    constructor(
        address authority_,
        address ledger_,
        address registry_,
        address pools_,
        address issuanceCap_,
        address consents_
    ) SuitePart(authority_, ledger_, registry_) MemberSigned("Till Coupon") CouponRecords(issuanceCap_, consents_) {
        pools = pools_;
        IIncentivePools(pools_).serve();
        _tolerance = ledger.clockTolerance();
    }

    // --- writing off ----------------------------------------------------------------------------------------------

    /// @inheritdoc IActTarget
    function applyAct(Act calldata act, bytes calldata data) external onlyLedger returns (uint256) {
        if (data[0] == UNDO) {
            _undo(act, data);
            return 0;
        }
        if (act.authorisation == 0) revert ActRefused(AUTHORISATION);
        if (data.length < ACT_HEAD) revert ActRefused(ACT_UNKNOWN);
        uint64 coupon = uint64(bytes8(data[1:9]));
        if (uint16(coupon) >= _lots[coupon >> 16].count) revert ActRefused(ACT_UNKNOWN);
        (bytes calldata product, bytes32[] calldata proof) = _productOf(data);
        WriteOff memory it;
        it.use = _useOf(act.stream, act.sequence);
        (it.merchant, it.member) = (act.merchant, act.member);
        bool near = act.time + _tolerance >= block.timestamp && act.time <= block.timestamp + _tolerance;
        it.time = near ? act.time : block.timestamp;
        it.discount = uint48(bytes6(data[9:15]));
        it.amount = act.amount;
        if (act.amount == 0) {
            (it.sale, it.amount) = (uint64(bytes8(data[15:23])), uint48(bytes6(data[23:29])));
            it.alone = true;
        }
        _writeOff(coupon, it, product, proof);
        return 0;
    }

    /// @inheritdoc ICoupons
    function writeOff(
        uint32 merchant,
        uint64 coupon,
        uint64 sale,
        uint64 amount,
        uint64 discount,
        bytes calldata product,
        bytes32[] calldata proof,
        uint256 deadline,
        bytes calldata signature
    ) external onlyGroup(merchant, CONSUME) whenRunning {
        WriteOff memory it;
        it.merchant = merchant;
        it.member = _survivor(_read(coupon).holder);
        if (registry.memberKey(it.member) != address(0)) {
            bytes32 terms = keccak256(
                abi.encode(WRITE_OFF, coupon, merchant, sale, amount, discount, nonceOf[it.member], deadline)
            );
            _requireMember(it.member, terms, deadline, signature);
        }
        it.time = block.timestamp;
        (it.sale, it.amount, it.discount) = (sale, amount, discount);
        it.alone = true;
        _writeOff(coupon, it, product, proof);
    }

    /// @inheritdoc ICoupons
    function giveBack(uint64 coupon, uint96 use) external {
        if (msg.sender != pools) revert NotPools(msg.sender);
        --_words[coupon].live;
        emit CouponGivenBack(coupon, use);
    }

    // --- the core -------------------------------------------------------------------------------------------------

    /// @dev Checks, marks the use, and has the pools generate and share the incentive.
    function _writeOff(uint64 coupon, WriteOff memory it, bytes calldata product, bytes32[] calldata proof) private {
        Word memory word = _read(coupon);
        Terms memory terms = _termsOf(coupon);
        _checkCoupon(coupon, word, terms, it);
        _checkBasket(coupon, terms, it);
        if (terms.productSet != 0) {
            it.product = keccak256(abi.encodePacked(PRODUCT_LEAF, product));
            if (product.length == 0 || MerkleProof.processProofCalldata(proof, it.product) != terms.productSet) {
                _refuse(it, ACT_SCOPE);
                revert ProductSetNotProved(coupon, terms.productSet);
            }
        }
        uint96 use = it.use != 0 ? it.use : _useOf(WITHOUT_BATCH + word.uses, coupon);
        if (it.alone) _checkStack(coupon, terms, it, use);

        if (word.uses != 0) _earlierUses[_numbered(coupon, word.uses - 1)] = word.lastUse;
        word.flags |= USED;
        ++word.uses;
        ++word.live;
        word.lastUse = use;
        _save(coupon, word);
        Sharing memory sharing = _sharing(coupon, word, terms);
        uint64 units = uint64(Incentives.unitsDown(sharing, it.amount, _par));
        emit CouponWrittenOff(
            coupon, it.merchant, it.member, use, it.sale, uint64(it.amount), uint64(it.discount), units, it.product
        );
        IIncentivePools.Sale memory sale =
            IIncentivePools.Sale(coupon, it.merchant, it.alone, uint40(it.amount), uint48(units));
        IIncentivePools(pools).generate(use, sharing, sale);
    }

    /// @dev Gives back what an earlier act of the stream used, on the same day.
    function _undo(Act calldata act, bytes calldata data) private {
        if (data.length != UNDO_LENGTH) revert ActRefused(ACT_UNKNOWN);
        uint96 use = _useOf(act.stream, uint64(bytes8(data[1:9])));
        IIncentivePools.Use memory it = IIncentivePools(pools).useOf(use);
        if (it.merchant == 0) revert ActRefused(ACT_UNKNOWN);
        if (it.merchant != act.merchant) revert ActRefused(ACT_SCOPE);
        if (!_isHeldBy(_words[it.coupon], act.member)) revert ActRefused(ACT_MEMBER);
        if (it.givenBack) revert ActRefused(ACT_STATE);
        if (it.day != ledger.currentDay()) revert ActRefused(ACT_TIME);
        IIncentivePools(pools).cancel(use);
    }

    function _checkCoupon(uint64 coupon, Word memory word, Terms memory terms, WriteOff memory it) private view {
        if (!_isMembers(word) || !_isHeldBy(word, it.member)) {
            _refuse(it, ACT_MEMBER);
            revert NotHolder(coupon, _memberAccount(it.member));
        }
        if (word.live == terms.maxUses || word.uses == type(uint8).max) {
            _refuse(it, ACT_STATE);
            revert CouponUsedUp(coupon);
        }
        if (it.time < terms.starts) {
            _refuse(it, ACT_TIME);
            revert NotValidYet(coupon, terms.starts);
        }
        if (terms.until != 0 && it.time >= terms.until) {
            _refuse(it, ACT_TIME);
            revert CouponExpired(coupon, terms.until);
        }
        if (_isLocked(it.member)) {
            _refuse(it, LOCKED);
            revert MemberLocked(it.member);
        }
    }

    /// @dev The basket is what is paid plus what the coupon gave, and the discount follows from it.
    function _checkBasket(uint64 coupon, Terms memory terms, WriteOff memory it) private pure {
        uint256 basket = it.amount + it.discount;
        if (basket > MAX_AMOUNT) {
            _refuse(it, ACT_AMOUNT);
            revert AmountTooLarge(basket);
        }
        if (basket == 0 && terms.face != GIFT) {
            _refuse(it, ACT_AMOUNT);
            revert NothingSold(coupon);
        }
        uint256 due;
        if (terms.face == PERCENTAGE) due = basket * terms.faceValue / BASIS_POINTS;
        else if (terms.face != GIFT) due = basket < terms.faceValue ? basket : terms.faceValue;
        if (it.discount != due) {
            _refuse(it, ACT_AMOUNT);
            revert BadDiscount(coupon, it.discount, due);
        }
        if (basket < terms.minimumBasket) {
            _refuse(it, ACT_SCOPE);
            revert BasketTooSmall(coupon, basket, terms.minimumBasket);
        }
    }

    /// @dev A coupon that cannot be stacked is the only one of its sale.
    function _checkStack(uint64 coupon, Terms memory terms, WriteOff memory it, uint96 use) private {
        if (it.sale == 0) {
            _refuse(it, ACT_SCOPE);
            revert NoSale(coupon);
        }
        uint256 key = (uint256(it.merchant) << 64) | it.sale;
        uint256 first = _sales[key];
        uint8 before = uint8(first);
        uint8 mark = terms.stackable ? HAS_COUPONS : HAS_LONELY_COUPON;
        // one that was taken back is not of the sale any more
        if (before == HAS_LONELY_COUPON && IIncentivePools(pools).useOf(uint96(first >> 8)).givenBack) before = 0;
        if (before == HAS_LONELY_COUPON || (before == HAS_COUPONS && mark == HAS_LONELY_COUPON)) {
            _refuse(it, ACT_SCOPE);
            revert NotStackable(coupon, it.sale);
        }
        if (before != mark) _sales[key] = (uint256(use) << 8) | mark;
    }

    /// @dev What follows the kind's head: `length 1 | product code | proof 32 * n`, or nothing.
    function _productOf(bytes calldata data) private pure returns (bytes calldata product, bytes32[] calldata proof) {
        product = data[0:0];
        uint256 length;
        uint256 end;
        if (data.length > ACT_HEAD) {
            end = ACT_HEAD + 1 + uint8(data[ACT_HEAD]);
            if (end > data.length || (data.length - end) % 32 != 0) revert ActRefused(ACT_SCOPE);
            product = data[ACT_HEAD + 1:end];
            length = (data.length - end) / 32;
        }
        assembly ("memory-safe") {
            proof.offset := add(data.offset, end)
            proof.length := length
        }
    }

    function _useOf(uint256 stream, uint64 sequence) private pure returns (uint96) {
        return uint96((stream << 64) | sequence);
    }

    function _refuse(WriteOff memory it, uint8 reason) private pure {
        if (it.use != 0) revert ActRefused(reason);
    }
}
