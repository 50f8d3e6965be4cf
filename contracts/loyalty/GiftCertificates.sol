// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IActTarget} from "../../interfaces/IActTarget.sol";
import {IGiftCertificates} from "../../interfaces/IGiftCertificates.sol";
import {ILedgerDoors} from "../../interfaces/ILedgerDoors.sol";
import "../libraries/ActReasons.sol" as R;
import {CANCEL, FINANCE} from "../libraries/Groups.sol";
import {Certificates} from "./Certificates.sol";

/// @title Gift certificates
/// @notice Buying, giving, splitting, spending and ending; how one is kept stands in Certificates.
contract GiftCertificates is Certificates {
    uint8 private constant KIND = 7;
    uint8 private constant UNDO = 0x87;
    bytes32 private constant BUY = keccak256(
        "Buy(uint64 buyer,uint64 amount,uint32 merchant,uint32 until,uint64 member,address code,uint256 nonce,uint256 deadline)"
    );
    bytes32 private constant GIVE =
        keccak256("Give(uint64 from,uint64 certificate,uint64 to,address code,uint256 nonce,uint256 deadline)");
    bytes32 private constant SPLIT =
        keccak256("Split(uint64 from,uint64 certificate,uint64[] amounts,uint256 nonce,uint256 deadline)");
    bytes32 private constant SPEND = keccak256(
        "Spend(uint64 member,uint64 certificate,uint32 merchant,uint64 amount,uint256 nonce,uint256 deadline)"
    );
    bytes32 private constant CLAIM = keccak256("Claim(uint64 certificate,uint64 member,uint32 uses)");
    bytes32 private constant REDEEM = keccak256("Redeem(uint64 certificate,uint32 merchant,uint64 amount,uint32 uses)");

    constructor(address authority_, address ledger_, address registry_, uint32 shortest, uint32 longest)
        Certificates(authority_, ledger_, registry_, shortest, longest)
    {}

    // --- buying ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IGiftCertificates
    function buy(Terms calldata terms) external whenRunning returns (uint64 id) {
        id = _create(terms, BuyerKind.Account, uint160(msg.sender));
        _takeCash(msg.sender, terms.amount);
    }

    /// @inheritdoc IGiftCertificates
    function buyWithValue(uint64 buyer, Terms calldata terms, uint256 deadline, bytes calldata signature)
        external
        whenRunning
        returns (uint64 id)
    {
        bytes32 signed = keccak256(
            abi.encode(
                BUY,
                buyer,
                terms.amount,
                terms.merchant,
                terms.until,
                terms.member,
                terms.code,
                nonceOf[buyer],
                deadline
            )
        );
        _requireMember(buyer, signed, deadline, signature);
        id = _create(terms, BuyerKind.Member, buyer);
        ledger.takeValue(buyer, terms.amount, address(this));
    }

    /// @inheritdoc IGiftCertificates
    function sell(uint32 seller, uint64 buyer, Terms calldata terms)
        external
        whenRunning
        onlyGroup(seller, FINANCE)
        returns (uint64 id)
    {
        if (buyer == 0) id = _create(terms, BuyerKind.Merchant, seller);
        else id = _create(terms, BuyerKind.Member, _registered(buyer));
        ledger.takePayable(seller, terms.amount, address(this));
    }

    // --- giving ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IGiftCertificates
    function give(uint64 id, uint64 to, address code, uint256 deadline, bytes calldata signature) external {
        uint64 from = _heldByMember(id).member;
        bytes32 signed = keccak256(abi.encode(GIVE, from, id, to, code, nonceOf[from], deadline));
        _requireMember(from, signed, deadline, signature);
        // given to a code it would be spent by that
        if (_isLocked(from)) revert MemberLocked(from);
        _setHolder(id, to, code);
        emit CertificateGiven(id, from, to, code);
    }

    /// @inheritdoc IGiftCertificates
    function claim(uint64 id, uint64 member, bytes calldata signature) external {
        address code = _requireCode(id, keccak256(abi.encode(CLAIM, id, member, _existing(id).uses)), signature);
        _setHolder(id, member, address(0));
        emit CertificateGiven(id, 0, member, code);
    }

    /// @inheritdoc IGiftCertificates
    function split(uint64 id, uint64[] calldata amounts, uint256 deadline, bytes calldata signature)
        external
        returns (uint64 first)
    {
        uint64 from = _heldByMember(id).member;
        bytes32 list = keccak256(abi.encodePacked(amounts));
        bytes32 signed = keccak256(abi.encode(SPLIT, from, id, list, nonceOf[from], deadline));
        _requireMember(from, signed, deadline, signature);
        first = count + 1;
        for (uint256 i = 0; i < amounts.length; ++i) {
            _splitOff(id, amounts[i]);
        }
    }

    // --- spending -------------------------------------------------------------------------------------------------

    /// @inheritdoc IGiftCertificates
    function redeem(uint64 id, uint32 merchant, uint64 amount, uint256 deadline, bytes calldata signature)
        external
        whenRunning
    {
        Certificate memory it = _heldByMember(id);
        bytes32 signed = keccak256(abi.encode(SPEND, it.member, id, merchant, amount, nonceOf[it.member], deadline));
        _requireMember(it.member, signed, deadline, signature);
        if (_isLocked(it.member)) revert MemberLocked(it.member);
        _requireSpendable(id, it, merchant, amount);
        _spend(id, it, merchant, uint48(amount));
    }

    /// @inheritdoc IGiftCertificates
    function redeemByCode(uint64 id, uint32 merchant, uint64 amount, bytes calldata signature) external whenRunning {
        Certificate memory it = _existing(id);
        _requireCode(id, keccak256(abi.encode(REDEEM, id, merchant, amount, it.uses)), signature);
        _requireSpendable(id, it, merchant, amount);
        _spend(id, it, merchant, uint48(amount));
    }

    /// @inheritdoc IGiftCertificates
    function giveBack(uint64 id, uint32 merchant, uint64 amount) external onlyGroup(merchant, CANCEL) {
        Certificate memory it = _known(id);
        if (it.merchant != 0 && it.merchant != merchant) revert WrongMerchant(id, merchant);
        uint256 most = it.face - it.value;
        if (amount == 0 || amount > most) revert BadAmount(amount, most);
        if (amount > _ownFundsOf(merchant)) revert ILedgerDoors.InsufficientFunds(merchant, amount);
        _giveBack(id, it, merchant, uint48(amount));
    }

    /// @inheritdoc IGiftCertificates
    function expire(uint64 id) external {
        Certificate memory it = _existing(id);
        if (block.timestamp < it.until) revert NotOver(id, it.until);
        _end(id, it);
    }

    // --- at a till ------------------------------------------------------------------------------------------------

    /// @inheritdoc IActTarget
    function applyAct(Act calldata act, bytes calldata data) external onlyLedger returns (uint256 debited) {
        // by the kind and nothing else: a pause and a closed merchant stop the one, not the other
        uint8 kind = uint8(data[0]);
        if (kind == UNDO && data.length == 9) {
            _undoAtTill(act, uint64(bytes8(data[1:])));
            return 0;
        }
        uint8 mode = kind == KIND && data.length > 1 ? uint8(data[1]) : 0xff;
        if (!(mode == 0 && data.length == 16) && !(mode == 1 && data.length == 81)) {
            revert ActRefused(R.ACT_UNKNOWN);
        }
        (uint64 id, uint48 amount) = (uint64(bytes8(data[2:])), uint48(bytes6(data[10:])));
        Certificate memory it = _at(id);
        uint8 reason = it.value == 0 ? R.ACT_UNKNOWN : _problem(it, act.merchant, amount);
        if (reason != 0) revert ActRefused(reason);
        if (mode == 0) debited = _requireMembers(act, it, amount);
        else _requireCodeAtTill(act, id, it, amount, data[16:]);
        _redemptions[_key(act.stream, act.sequence)] = Redemption(id, amount, act.merchant, ledger.currentDay(), false);
        _spend(id, it, act.merchant, amount);
    }

    /// @return debited What counts against the stream's limit
    function _requireMembers(Act calldata act, Certificate memory it, uint48 amount)
        private
        view
        returns (uint256 debited)
    {
        if (it.member == 0 || ledger.survivorOf(it.member) != act.member) revert ActRefused(R.ACT_MEMBER);
        if (_isLocked(act.member)) revert ActRefused(R.LOCKED);
        if (act.authorisation == 0) revert ActRefused(R.AUTHORISATION);
        if (amount > act.debitLeft) revert ActRefused(R.STREAM_LIMIT);
        return amount;
    }

    function _requireCodeAtTill(
        Act calldata act,
        uint64 id,
        Certificate memory it,
        uint48 amount,
        bytes calldata signature
    ) private view {
        bytes32 signed = keccak256(abi.encode(REDEEM, id, act.merchant, uint64(amount), it.uses));
        if (!_isByCode(it.code, signed, signature)) revert ActRefused(R.ACT_MEMBER);
    }

    function _undoAtTill(Act calldata act, uint64 sequence) private {
        Redemption storage done = _redemptions[_key(act.stream, sequence)];
        if (done.amount == 0) revert ActRefused(R.ACT_UNKNOWN);
        if (done.merchant != act.merchant) revert ActRefused(R.ACT_SCOPE);
        if (done.undone) revert ActRefused(R.ACT_STATE);
        if (done.day != ledger.currentDay()) revert ActRefused(R.ACT_TIME);
        Certificate memory it = _at(done.certificate);
        // a clerk gave it back before
        if (done.amount > it.face - it.value) revert ActRefused(R.ACT_AMOUNT);
        if (done.amount > _fundsOf(act.merchant)) revert ActRefused(R.ACT_STOCK);
        done.undone = true;
        _giveBack(done.certificate, it, act.merchant, done.amount);
    }

    // --- codes ----------------------------------------------------------------------------------------------------

    function _requireCode(uint64 id, bytes32 structHash, bytes calldata signature) private view returns (address code) {
        code = _existing(id).code;
        if (!_isByCode(code, structHash, signature)) revert BadCode(id, code);
    }

    function _isByCode(address code, bytes32 structHash, bytes calldata signature) private view returns (bool) {
        (address signer,,) = ECDSA.tryRecover(_hashTypedDataV4(structHash), signature);
        return code != address(0) && signer == code;
    }
}
