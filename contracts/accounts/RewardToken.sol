// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IActTarget} from "../../interfaces/IActTarget.sol";
import {ILedgerDoors} from "../../interfaces/ILedgerDoors.sol";
import {IPaymentProcessor} from "../../interfaces/IPaymentProcessor.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {ISuccession} from "../../interfaces/ISuccession.sol";
import {
    ACCOUNT,
    ACT,
    ARREARS,
    CAP,
    DEPOSIT,
    DOORS,
    EPOCH,
    GUARANTEED,
    MAX_48,
    MAX_56,
    MEMBER,
    MERCHANT,
    OWED,
    RULE,
    STREAM,
    STREAM_REFUNDS,
    SUPPLY,
    SUPPLY_PAUSED,
    TERMINALS,
    TIERS,
    TOTALS,
    VETO,
    load,
    store
} from "../libraries/Slots.sol";
import {Words} from "../libraries/Words.sol";
import {PaymentProcessor} from "../rewards/PaymentProcessor.sol";
import {Refunds} from "../rewards/Refunds.sol";
import {Coin} from "./Coin.sol";
import {LedgerBase} from "./LedgerBase.sol";
import {Doors} from "./doors/Doors.sol";

/// @title The ledger
/// @notice One contract for everything that a payment touches: posting (PaymentProcessor), the coin's standards (Coin)
/// and the views. Its doors lead to Doors, refunds to Refunds, which are code of this same ledger.
contract RewardToken is Coin, PaymentProcessor, AccessManaged {
    using Words for uint256;

    /// @notice The part of the ledger's code that undoes payments.
    address public immutable refunds;
    /// @notice The part of the ledger's code that the doors lead to.
    address public immutable doors;
    /// @notice The part of the ledger's code that leads to the next ledger.
    address public immutable succession;

    constructor(
        address authority_,
        address cash_,
        string memory name_,
        string memory symbol_,
        Terms memory terms,
        address succession_
    ) Coin(name_, symbol_) LedgerBase(cash_, terms) AccessManaged(authority_) {
        if (ISuccession(succession_).termsHash() != _termsHash()) revert BadTerms();
        succession = succession_;
        store(SUPPLY, Words.supplyWord(0, 0, 0, _epoch(), 0));
        refunds = address(new Refunds(cash_, terms));
        doors = address(new Doors(cash_, terms));
    }

    /// @dev What is not said here is what a ledger and its successor ask of each other (ISuccession).
    fallback() external {
        _handOver(succession);
    }

    /// @inheritdoc IPaymentProcessor
    function postRefunds(uint32, Refund[] calldata) external {
        _handOver(refunds);
    }

    // --- doors of the operator and the Registry --------------------------------------------------------------

    /// @inheritdoc IRewardToken
    function setStream(uint32, address, uint40, uint40) external restricted {
        _handOver(doors);
    }

    /// @inheritdoc IRewardToken
    function setTerminals(uint32, uint32, uint8, uint256) external restricted {
        _handOver(doors);
    }

    /// @inheritdoc IRewardToken
    function setMerchant(uint32, uint8) external restricted {
        _handOver(doors);
    }

    /// @inheritdoc IRewardToken
    function enrol(uint64[] calldata) external restricted {
        _handOver(doors);
    }

    /// @inheritdoc IRewardToken
    function setMemberFlags(uint64, uint16) external restricted {
        _handOver(doors);
    }

    /// @inheritdoc IRewardToken
    function setTier(uint64[] calldata, uint8) external restricted {
        _handOver(doors);
    }

    /// @inheritdoc IRewardToken
    function pause() external restricted {
        _handOver(doors);
    }

    /// @inheritdoc IRewardToken
    function unpause() external restricted {
        _handOver(doors);
    }

    // --- doors of RewardRules --------------------------------------------------------------------------------

    /// @inheritdoc IRewardToken
    function setRule(uint32, uint16, uint256, uint256) external restricted {
        _handOver(doors);
    }

    /// @inheritdoc IRewardToken
    function vetoRule(uint32, uint16) external restricted {
        _handOver(doors);
    }

    /// @inheritdoc IRewardToken
    function raiseBudget(uint32, uint16, uint56) external restricted {
        _handOver(doors);
    }

    // --- doors of everybody and finance ----------------------------------------------------------------------

    /// @inheritdoc IRewardToken
    function buyPoints(uint32, uint64) external {
        _handOver(doors);
    }

    /// @inheritdoc IRewardToken
    function settleOwed(uint32, uint64) external returns (uint256) {
        _handOver(doors);
    }

    /// @inheritdoc IRewardToken
    function collectArrears(uint32, uint64) external returns (uint256) {
        _handOver(doors);
    }

    /// @inheritdoc IRewardToken
    function forgiveArrears(uint32, uint64, uint256) external restricted {
        _handOver(doors);
    }

    /// @inheritdoc IRewardToken
    function claimExpired(uint32, uint16) external returns (uint256) {
        _handOver(doors);
    }

    /// @inheritdoc IRewardToken
    function recharge(uint64, uint64) external restricted {
        _handOver(doors);
    }

    /// @inheritdoc IRewardToken
    function addDeposit(uint32, uint64) external {
        _handOver(doors);
    }

    // --- doors of the suite -----------------------------------------------------------------------------------------

    /// @inheritdoc ILedgerDoors
    function setDoors(address, uint256) external restricted {
        _handOver(doors);
    }

    /// @inheritdoc ILedgerDoors
    function setActTarget(uint8, address) external restricted {
        _handOver(doors);
    }

    /// @notice ISuccession.setPredecessor
    function setPredecessor(address) external restricted {
        _handOver(succession);
    }

    /// @notice ISuccession.setSuccessor
    function setSuccessor(address) external restricted {
        _handOver(succession);
    }

    /// @inheritdoc ILedgerDoors
    function creditPayable(uint32, uint64) external {
        _handOver(doors);
    }

    /// @inheritdoc ILedgerDoors
    function creditValue(uint64, uint64) external {
        _handOver(doors);
    }

    /// @inheritdoc ILedgerDoors
    function takeValue(uint64, uint64, address) external {
        _handOver(doors);
    }

    /// @inheritdoc ILedgerDoors
    function takeCoins(uint64, uint64, address) external returns (uint56, uint56) {
        _handOver(doors);
    }

    /// @inheritdoc ILedgerDoors
    function moveCoins(address, uint56, uint56) external {
        _handOver(doors);
    }

    /// @inheritdoc ILedgerDoors
    function redeem(uint56, uint56) external returns (uint64) {
        _handOver(doors);
    }

    /// @inheritdoc ILedgerDoors
    function issue(uint32, address, uint64) external returns (uint64) {
        _handOver(doors);
    }

    /// @inheritdoc ILedgerDoors
    function returnPoints(uint32, uint56, uint56) external {
        _handOver(doors);
    }

    /// @inheritdoc ILedgerDoors
    function restore(uint64, uint56, uint56) external returns (uint64) {
        _handOver(doors);
    }

    /// @inheritdoc ILedgerDoors
    function clawBack(uint32, uint64, uint64) external returns (uint64) {
        _handOver(doors);
    }

    /// @inheritdoc ILedgerDoors
    function takePayable(uint32, uint64, address) external {
        _handOver(doors);
    }

    /// @inheritdoc ILedgerDoors
    function drawOn(uint32, uint64, address) external {
        _handOver(doors);
    }

    /// @inheritdoc ILedgerDoors
    function mergeMembers(uint64, uint64, uint32[] calldata) external {
        _handOver(doors);
    }

    /// @inheritdoc ILedgerDoors
    function runAct(IActTarget.Act calldata, Unbooked calldata, bytes calldata) external returns (uint256) {
        _handOver(doors);
    }

    /// @inheritdoc ILedgerDoors
    function settleLine(ProvenLeaf calldata, uint48) external returns (uint64, uint64) {
        _handOver(refunds);
    }

    // --- views ------------------------------------------------------------------------------------------------------

    /// @inheritdoc IRewardToken
    function accountOf(address holder) public view returns (Account memory) {
        (uint256 word,) = load(ACCOUNT | uint160(holder)).rolled(_epoch());
        return Account(
            uint56(word >> 200),
            uint56(word >> 144),
            uint56(word >> 88),
            uint48(word >> 40),
            uint16(word >> 24),
            uint8(word >> 16),
            uint16(word)
        );
    }

    /// @inheritdoc IRewardToken
    function account(uint64 member) external view returns (Account memory) {
        return accountOf(memberAccount(member));
    }

    /// @inheritdoc IRewardToken
    function memberAccount(uint64 member) public pure returns (address) {
        return address(uint160(MEMBER | member));
    }

    /// @inheritdoc IRewardToken
    function merchant(uint32 id) external view returns (Merchant memory) {
        uint256 word = load(MERCHANT | id);
        uint256 epoch = _epoch();
        uint256 issued = word.merchantEpoch() == epoch ? word.issued() : 0;
        return Merchant(
            uint64(word >> 192), uint64(word >> 128), uint48(word >> 80), uint56(issued), uint16(epoch), uint8(word)
        );
    }

    /// @inheritdoc IRewardToken
    function rule(uint32 merchantId, uint16 version) external view returns (Rule memory) {
        uint256 key = _ruleKey(merchantId, version);
        uint256 word = load(RULE | key);
        return Rule(
            uint40(word >> 216),
            uint40(word >> 176),
            uint32(word >> 144),
            uint32(word >> 112),
            uint56(word >> 56),
            uint48(word >> 8),
            uint8(word),
            uint64(load(VETO | key)),
            load(TIERS | key)
        );
    }

    /// @inheritdoc IRewardToken
    function stream(uint32 id) external view returns (Stream memory) {
        uint256 word = load(STREAM | id);
        uint256 back = load(STREAM_REFUNDS | id);
        return Stream(
            address(uint160(word >> 96)),
            uint40(word >> 56),
            uint16(word >> 40),
            uint40(word),
            uint16(back >> 40) == _day() ? uint40(back) : 0,
            uint40(back >> 56)
        );
    }

    /// @inheritdoc IRewardToken
    function supply() external view returns (Supply memory) {
        (uint256 current, uint256 previous) = _supplyNow();
        uint256 word = load(SUPPLY);
        uint256 epoch = _epoch();
        uint256 issued = word.supplyEpoch() == epoch ? word.supplyIssued() : 0;
        return Supply(uint64(current), uint64(previous), uint64(issued), uint16(epoch), uint8(word.supplyFlags()));
    }

    /// @inheritdoc IRewardToken
    function totals() public view returns (Totals memory) {
        uint256 word = load(TOTALS);
        return Totals(uint64(word >> 192), uint64(word >> 128), uint64(word >> 64), uint64(word));
    }

    /// @inheritdoc IRewardToken
    function terminals(uint32 merchantId, uint32 streamId, uint8 page) external view returns (uint256) {
        return load(_terminalsSlot(merchantId, streamId, page));
    }

    /// @inheritdoc IRewardToken
    function owed(uint32 merchantId, uint64 member) external view returns (uint256) {
        return load(OWED | _pair(merchantId, member));
    }

    /// @inheritdoc IRewardToken
    function arrears(uint32 merchantId, uint64 member) external view returns (uint256) {
        return load(ARREARS | _pair(merchantId, member));
    }

    /// @inheritdoc IRewardToken
    function deposits(uint32 merchantId) external view returns (uint256) {
        return load(DEPOSIT | merchantId);
    }

    /// @inheritdoc IRewardToken
    function guaranteed(uint32 merchantId) external view returns (uint256) {
        return load(GUARANTEED | merchantId);
    }

    /// @inheritdoc IRewardToken
    function usedOfCap(uint32 merchantId, uint16 version, uint64 member) external view returns (uint256) {
        uint256 word = load(CAP | (_ruleKey(merchantId, version) << 64) | member);
        return word >> 240 == _day() ? word & MAX_56 : 0;
    }

    /// @inheritdoc IRewardToken
    function expiry(uint16 epoch) external view returns (uint256 issued, uint256 expired) {
        uint256 word = load(EPOCH | epoch);
        (issued, expired) = (word >> 64, uint64(word));
        // what the next write will book
        word = load(SUPPLY);
        uint256 from = word.supplyEpoch();
        if (from == _epoch()) return (issued, expired);
        if (epoch == from) issued = word.supplyIssued();
        if (epoch == from && _epoch() > from + 1) expired = word.supplyCurrent();
        if (uint256(epoch) + 1 == from) expired = word.supplyPrevious();
    }

    /// @inheritdoc IPaymentProcessor
    function refunded(bytes32 leaf) external view returns (uint256 amount, uint256 points) {
        uint256 word = _undone(leaf);
        return (word & MAX_48, word >> 48);
    }

    /// @inheritdoc IRewardToken
    function rootDay(bytes32 root) external view returns (uint16) {
        return uint16(_rootWord(root) >> 64);
    }

    /// @inheritdoc IRewardToken
    function paused() public view returns (bool) {
        return load(SUPPLY).supplyFlags() & SUPPLY_PAUSED != 0;
    }

    // --- the network's terms ----------------------------------------------------------------------------------------

    /// @inheritdoc IRewardToken
    function cash() external view returns (address) {
        return _cash;
    }

    /// @inheritdoc IRewardToken
    function unitsPerMinorUnit() external view returns (uint64) {
        return uint64(_par);
    }

    /// @inheritdoc IRewardToken
    function maxLineAmount() external view returns (uint48) {
        return uint48(_maxLineAmount);
    }

    /// @inheritdoc IRewardToken
    function epochStart() external view returns (uint32) {
        return uint32(_epochStart);
    }

    /// @inheritdoc IRewardToken
    function epochLength() external view returns (uint32) {
        return uint32(_epochLength);
    }

    /// @inheritdoc IRewardToken
    function utcOffset() external view returns (int32) {
        return int32(_utcOffset);
    }

    /// @inheritdoc IRewardToken
    function clockTolerance() external view returns (uint32) {
        return uint32(_clockTolerance);
    }

    /// @inheritdoc IRewardToken
    function currentEpoch() external view returns (uint16) {
        return uint16(_epoch());
    }

    /// @inheritdoc IRewardToken
    function currentDay() external view returns (uint16) {
        return uint16(_day());
    }

    /// @inheritdoc ILedgerDoors
    function doorsOf(address part) external view returns (uint256) {
        return load(DOORS | uint160(part));
    }

    /// @inheritdoc ILedgerDoors
    function actTarget(uint8 kind) external view returns (address) {
        return address(uint160(load(ACT | kind)));
    }

    // --- inside -----------------------------------------------------------------------------------------------------

    /// @dev Runs the same call in the ledger's other code, and ends with what it returns or reverts with.
    function _handOver(address code) private {
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, 0, calldatasize())
            let done := delegatecall(gas(), code, free, calldatasize(), 0, 0)
            returndatacopy(free, 0, returndatasize())
            if iszero(done) { revert(free, returndatasize()) }
            return(free, returndatasize())
        }
    }

    function _ruleKey(uint32 merchantId, uint16 version) private pure returns (uint256) {
        return (uint256(merchantId) << 16) | version;
    }

    function _terminalsSlot(uint32 merchantId, uint32 streamId, uint8 page) private pure returns (uint256) {
        return TERMINALS | (uint256(merchantId) << 40) | (uint256(streamId) << 8) | page;
    }
}
