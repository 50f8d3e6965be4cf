// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICashHolder} from "../../interfaces/ICashHolder.sol";
import {IGiftCertificates} from "../../interfaces/IGiftCertificates.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import "../libraries/ActReasons.sol" as R;
import {MemberSigned} from "../suite/MemberSigned.sol";
import {SuitePart} from "../suite/SuitePart.sol";

/// @title How gift certificates are kept
/// @notice Each change of a certificate's value comes with the same change of the sum and of the cash held.
abstract contract Certificates is MemberSigned, ICashHolder, IGiftCertificates {
    uint16 private constant REGISTERED = 1;
    uint16 private constant LOCKED_OR_FROZEN = 6;
    uint8 private constant KNOWN = 2;

    uint32 private immutable _shortest;
    uint32 private immutable _longest;

    /// @inheritdoc IGiftCertificates
    uint64 public count;
    /// @inheritdoc IGiftCertificates
    uint64 public outstanding;
    mapping(uint64 id => Certificate) private _certificates;
    mapping(uint96 key => Redemption) internal _redemptions;
    /// @inheritdoc IGiftCertificates
    mapping(address code => uint64) public certificateOf;

    constructor(address authority_, address ledger_, address registry_, uint32 shortest, uint32 longest)
        SuitePart(authority_, ledger_, registry_)
        MemberSigned("Tillnet GiftCertificates")
    {
        if (longest < shortest) revert BadUntil(0, shortest, longest);
        (_shortest, _longest) = (shortest, longest);
    }

    /// @inheritdoc IGiftCertificates
    function certificate(uint64 id) external view returns (Certificate memory) {
        return _certificates[id];
    }

    /// @inheritdoc ICashHolder
    function cashOwed() external view returns (uint256) {
        return outstanding;
    }

    /// @inheritdoc IGiftCertificates
    function redemption(uint32 stream, uint64 sequence) external view returns (Redemption memory) {
        return _redemptions[_key(stream, sequence)];
    }

    /// @inheritdoc IGiftCertificates
    function validity() external view returns (uint32 shortest, uint32 longest) {
        return (_shortest, _longest);
    }

    // --- changes --------------------------------------------------------------------------------------------------

    /// @dev The caller takes the cash.
    function _create(Terms calldata terms, BuyerKind kind, uint160 buyer) internal returns (uint64 id) {
        if (terms.amount == 0 || terms.amount > type(uint48).max) revert BadAmount(terms.amount, type(uint48).max);
        (uint256 first, uint256 last) = (block.timestamp + _shortest, block.timestamp + _longest);
        if (terms.until < first || terms.until > last) revert BadUntil(terms.until, first, last);
        if (terms.merchant != 0 && ledger.merchant(terms.merchant).flags & KNOWN == 0) {
            revert IRewardToken.UnknownMerchant(terms.merchant);
        }
        id = ++count;
        uint48 amount = uint48(terms.amount);
        outstanding += amount;
        Certificate storage place = _certificates[id];
        (place.value, place.face) = (amount, amount);
        (place.merchant, place.until) = (terms.merchant, terms.until);
        (place.buyerKind, place.buyer) = (kind, buyer);
        _setHolder(id, terms.member, terms.code);
        emit CertificateSold(id, kind, buyer, terms.member, amount, terms.merchant, terms.until, terms.code);
    }

    function _setHolder(uint64 id, uint64 member, address code) internal {
        if ((member == 0) == (code == address(0)) || certificateOf[code] != 0) revert BadHolder(member, code);
        if (member != 0) _registered(member);
        Certificate storage place = _certificates[id];
        if (place.code != address(0)) delete certificateOf[place.code];
        if (code != address(0)) certificateOf[code] = id;
        (place.member, place.code, place.uses) = (member, code, place.uses + 1);
    }

    /// @dev A part becomes a certificate of its own.
    function _splitOff(uint64 id, uint64 amount) internal {
        Certificate storage whole = _certificates[id];
        if (amount == 0 || amount >= whole.value) revert BadAmount(amount, whole.value - 1);
        uint48 part = uint48(amount);
        whole.value -= part;
        whole.face -= part;
        uint64 next = ++count;
        _certificates[next] = whole;
        (_certificates[next].value, _certificates[next].face) = (part, part);
        emit CertificateSplit(id, next, whole.member, part);
    }

    /// @dev The merchant is paid. Checked before: _problem.
    function _spend(uint64 id, Certificate memory it, uint32 merchant, uint48 amount) internal {
        (_certificates[id].value, _certificates[id].uses) = (it.value - amount, it.uses + 1);
        outstanding -= amount;
        emit CertificateRedeemed(id, merchant, it.member, amount, it.value - amount);
        ledger.creditPayable(merchant, amount);
    }

    /// @dev The merchant pays of its own (the callers asked), the face bounds it. What was signed with the code before does
    /// not count again.
    function _giveBack(uint64 id, Certificate memory it, uint32 merchant, uint48 amount) internal {
        (_certificates[id].value, _certificates[id].uses) = (it.value + amount, it.uses + 1);
        outstanding += amount;
        emit CertificateRestored(id, merchant, amount, it.value + amount);
        ledger.drawOn(merchant, amount, address(this));
    }

    /// @dev What is left goes to the buyer; what merchants give back later goes there too.
    function _end(uint64 id, Certificate memory it) internal {
        (_certificates[id].value, _certificates[id].face) = (0, it.face - it.value);
        outstanding -= it.value;
        emit CertificateExpired(id, it.buyerKind, it.buyer, it.value);
        if (it.buyerKind == BuyerKind.Account) _payCash(address(it.buyer), it.value);
        else if (it.buyerKind == BuyerKind.Member) ledger.creditValue(ledger.survivorOf(uint64(it.buyer)), it.value);
        else ledger.creditPayable(uint32(it.buyer), it.value);
    }

    // --- questions ------------------------------------------------------------------------------------------------

    /// @dev Why this cannot be spent here now, as a reason of acts; 0 = it can.
    function _problem(Certificate memory it, uint32 merchant, uint256 amount) internal view returns (uint8) {
        if (block.timestamp >= it.until) return R.ACT_TIME;
        if (it.merchant != 0 && it.merchant != merchant) return R.ACT_SCOPE;
        if (amount == 0 || amount > it.value) return R.ACT_AMOUNT;
        return 0;
    }

    /// @dev The same by typed errors; the ledger asks for an act whether the merchant is active.
    function _requireSpendable(uint64 id, Certificate memory it, uint32 merchant, uint256 amount) internal view {
        uint8 reason = _problem(it, merchant, amount);
        if (reason == R.ACT_TIME) revert CertificateOver(id, it.until);
        if (reason == R.ACT_SCOPE || ledger.merchant(merchant).flags & ACTIVE == 0) revert WrongMerchant(id, merchant);
        if (reason != 0) revert BadAmount(amount, it.value);
    }

    function _at(uint64 id) internal view returns (Certificate memory) {
        return _certificates[id];
    }

    /// @dev Was sold once.
    function _known(uint64 id) internal view returns (Certificate memory it) {
        it = _certificates[id];
        if (it.until == 0) revert NoCertificate(id);
    }

    /// @dev Has something left.
    function _existing(uint64 id) internal view returns (Certificate memory it) {
        it = _certificates[id];
        if (it.value == 0) revert NoCertificate(id);
    }

    function _heldByMember(uint64 id) internal view returns (Certificate memory it) {
        it = _existing(id);
        if (it.member == 0) revert HeldByCode(id);
        it.member = ledger.survivorOf(it.member);
    }

    function _registered(uint64 member) internal view returns (uint64) {
        if (ledger.account(member).flags & REGISTERED == 0) revert IRewardToken.UnknownMember(member);
        return member;
    }

    function _isLocked(uint64 member) internal view returns (bool) {
        return ledger.account(member).flags & LOCKED_OR_FROZEN != 0;
    }

    function _key(uint32 stream, uint64 sequence) internal pure returns (uint96) {
        return (uint96(stream) << 64) | sequence;
    }
}
