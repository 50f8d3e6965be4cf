// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IInstalmentPlans} from "../../interfaces/IInstalmentPlans.sol";
import {ILedgerDoors} from "../../interfaces/ILedgerDoors.sol";
import {CANCEL, CONSUME, FINANCE} from "../libraries/Groups.sol";
import {MemberSigned} from "../suite/MemberSigned.sol";
import {SuitePart} from "../suite/SuitePart.sol";
import {Calendar} from "../value/Calendar.sol";

/// @title Purchases paid in instalments
contract InstalmentPlans is MemberSigned, IInstalmentPlans {
    bytes32 private constant PLAN_TYPE = keccak256(
        "Plan(address payer,uint64 member,uint32 merchant,address funder,uint64 price,uint64 interest,bool merchantPaysInterest,uint8 count,uint8 months,uint16 firstDay,uint40 openBy,uint256 salt)"
    );
    bytes32 private constant PAY_OFF_TYPE = keccak256("PayOff(bytes32 id,uint256 nonce,uint256 deadline)");
    uint256 private constant MAX_48 = type(uint48).max;
    uint256 private constant MOST_INSTALMENTS = 60;
    uint256 private constant LONGEST_PERIOD = 12;
    uint256 private constant MISSED_FOR_DEFAULT = 3;

    uint8 private constant OPENED = 1;
    uint8 private constant CLOSED = 2;
    uint8 private constant DEFAULTED = 4;

    /// @inheritdoc IInstalmentPlans
    mapping(address funder => mapping(uint32 merchant => uint64)) public lineOf;

    mapping(bytes32 id => Standing) private _standings;

    constructor(address authority_, address ledger_, address registry_)
        SuitePart(authority_, ledger_, registry_)
        MemberSigned("InstalmentPlans")
    {}

    /// @inheritdoc IInstalmentPlans
    function setLine(uint32 merchant, uint64 amount) external {
        registry.merchant(merchant); // reverts for one that is not there
        lineOf[msg.sender][merchant] = amount;
        emit LineSet(msg.sender, merchant, amount);
    }

    /// @inheritdoc IInstalmentPlans
    function open(Plan memory plan, bytes calldata signature)
        external
        onlyGroup(plan.merchant, CONSUME)
        returns (bytes32 id)
    {
        if (block.timestamp >= plan.openBy) revert OpenExpired(plan.openBy);
        _requireSound(plan);
        _requireActive(plan.merchant);
        id = _id(plan);
        if (_standings[id].flags != 0) revert AlreadyOpened(id);
        address signer = plan.payer == address(0) ? registry.memberKey(plan.member) : plan.payer;
        if (signer == address(0) || !SignatureChecker.isValidSignatureNow(signer, id, signature)) {
            revert NotSigned(id, signer);
        }
        uint64 advanced = 0;
        if (plan.funder != address(0)) {
            advanced = plan.price - (plan.merchantPaysInterest ? plan.interest : 0);
            uint64 line = lineOf[plan.funder][plan.merchant];
            if (line < advanced) revert LineTooShort(plan.funder, plan.merchant, line, advanced);
            lineOf[plan.funder][plan.merchant] = line - advanced;
        }
        _standings[id].flags = OPENED;
        emit PlanOpened(id, plan.merchant, plan.funder, uint64(_total(plan)), advanced, plan);
        if (advanced != 0) {
            _takeCash(plan.funder, advanced);
            ledger.creditPayable(plan.merchant, advanced);
        }
    }

    /// @inheritdoc IInstalmentPlans
    function collect(Plan memory plan) external returns (uint64 amount) {
        (bytes32 id, Standing memory it) = _open(plan);
        uint8 period = _periodsDue(plan);
        uint8 instalment = period < plan.count ? period : plan.count;
        amount = _due(plan, it, instalment);
        if (amount == 0) revert NothingDue(id);
        it.paid += uint48(amount);
        _standings[id] = it;
        // short gas does not make a missed instalment: what is left after such a failure does not reach for the rest
        if (_take(plan, amount)) {
            _close(id, plan, it);
            emit InstalmentPaid(id, plan.merchant, instalment, amount);
            _passOn(plan, amount);
            return amount;
        }
        if (it.missed >= period) revert StillMissed(id, amount);
        it.paid -= uint48(amount);
        it.missed = period;
        _standings[id] = it;
        emit InstalmentMissed(id, plan.merchant, instalment, amount);
        return 0;
    }

    /// @inheritdoc IInstalmentPlans
    function payOff(Plan memory plan, uint256 deadline, bytes calldata signature) external returns (uint64 amount) {
        (bytes32 id, Standing memory it) = _open(plan);
        uint64 member;
        if (plan.payer == address(0)) {
            member = ledger.survivorOf(plan.member);
            bytes32 terms = keccak256(abi.encode(PAY_OFF_TYPE, id, nonceOf[member], deadline));
            _requireMember(member, terms, deadline, signature);
        } else if (msg.sender != plan.payer) {
            revert NotPayer(msg.sender, plan.payer);
        }
        uint64 saved;
        (amount, saved) = _toPayOff(plan, it);
        it.paid += uint48(amount);
        it.credited += uint48(saved);
        _close(id, plan, it);
        emit PlanPaidOff(id, plan.merchant, amount, saved);
        if (amount == 0) return 0;
        if (plan.payer == address(0)) ledger.takeValue(member, amount, address(this));
        else _takeCash(plan.payer, amount);
        _passOn(plan, amount);
    }

    /// @inheritdoc IInstalmentPlans
    function refund(Plan memory plan, uint64 amount) external onlyGroup(plan.merchant, CANCEL) {
        bytes32 id = _id(plan);
        Standing memory it = _standings[id];
        if (it.flags & OPENED == 0) revert NotOpen(id);
        uint256 left = plan.price - it.refunded;
        if (amount == 0 || amount > left) revert ExceedsPrice(left, amount);
        it.refunded += uint48(amount);
        uint64 saved = 0;
        if (it.refunded == plan.price) {
            // all came back: from now on there is nothing to pay interest for, as if it were paid off
            (, saved) = _toPayOff(plan, it);
            it.credited += uint48(saved);
        }
        uint256 owed = _owed(plan, it);
        uint64 credited = amount < owed ? amount : uint64(owed);
        uint64 returned = amount - credited;
        it.credited += uint48(credited);
        bool wasOpen = it.flags & CLOSED == 0;
        if (wasOpen) _close(id, plan, it);
        else _standings[id] = it;
        emit PlanRefunded(id, plan.merchant, credited, returned, saved);
        uint64 drawn = returned + (plan.funder == address(0) ? 0 : credited);
        // the guarantee fund pays for what tills and the operator undo, not for what a merchant does
        if (drawn > _ownFundsOf(plan.merchant)) revert ILedgerDoors.InsufficientFunds(plan.merchant, drawn);
        if (drawn > returned) ledger.drawOn(plan.merchant, credited, plan.funder);
        if (returned == 0) return;
        if (plan.payer != address(0)) {
            ledger.drawOn(plan.merchant, returned, plan.payer);
        } else {
            ledger.drawOn(plan.merchant, returned, address(this));
            ledger.creditValue(plan.member, returned);
        }
    }

    /// @inheritdoc IInstalmentPlans
    function writeOff(Plan memory plan) external {
        (bytes32 id, Standing memory it) = _open(plan);
        if (plan.funder == address(0)) _requireGroup(plan.merchant, msg.sender, FINANCE);
        else if (msg.sender != plan.funder) revert NotPayer(msg.sender, plan.funder);
        uint256 missed = _missedInARow(plan, it);
        if (missed < MISSED_FOR_DEFAULT) revert NotDefaultable(id, missed);
        it.flags = OPENED | CLOSED | DEFAULTED;
        _standings[id] = it;
        emit PlanDefaulted(id, plan.merchant, plan.funder, uint64(_owed(plan, it)));
    }

    // --- views ----------------------------------------------------------------------------------------------------

    /// @inheritdoc IInstalmentPlans
    function idOf(Plan calldata plan) external view returns (bytes32) {
        return _id(plan);
    }

    /// @inheritdoc IInstalmentPlans
    function standing(bytes32 id) external view returns (Standing memory) {
        return _standings[id];
    }

    /// @inheritdoc IInstalmentPlans
    function dueNow(Plan calldata plan) external view returns (uint64 due, uint64 toPayOff) {
        (, Standing memory it) = _open(plan);
        due = _due(plan, it, _instalmentsDue(plan));
        (toPayOff,) = _toPayOff(plan, it);
    }

    /// @inheritdoc IInstalmentPlans
    function schedule(Plan calldata plan) external pure returns (uint16[] memory days_, uint64[] memory amounts) {
        days_ = new uint16[](plan.count);
        amounts = new uint64[](plan.count);
        for (uint256 i = 0; i < plan.count; ++i) {
            days_[i] = uint16(Calendar.monthsLater(plan.firstDay, i * plan.months));
            amounts[i] = uint64(_dueUp(plan, i + 1) - _dueUp(plan, i));
        }
    }

    // --- inside ---------------------------------------------------------------------------------------------------

    function _open(Plan memory plan) private view returns (bytes32 id, Standing memory it) {
        id = _id(plan);
        it = _standings[id];
        if (it.flags != OPENED) revert NotOpen(id);
    }

    /// @dev Stores where the plan stands, and closes it when nothing is owed any more.
    function _close(bytes32 id, Plan memory plan, Standing memory it) private {
        bool done = _owed(plan, it) == 0;
        if (done) it.flags |= CLOSED;
        _standings[id] = it;
        if (done) emit PlanClosed(id);
    }

    /// @dev Takes cash of who pays, if it is there and may be taken.
    function _take(Plan memory plan, uint64 amount) private returns (bool) {
        if (plan.payer == address(0)) {
            try ledger.takeValue(ledger.survivorOf(plan.member), amount, address(this)) {
                return true;
            } catch {
                return false;
            }
        }
        try _cash.transferFrom(plan.payer, address(this), amount) returns (bool moved) {
            return moved;
        } catch {
            return false;
        }
    }

    function _passOn(Plan memory plan, uint64 amount) private {
        if (plan.funder == address(0)) ledger.creditPayable(plan.merchant, amount);
        else _payCash(plan.funder, amount);
    }

    function _id(Plan memory plan) private view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(PLAN_TYPE, plan)));
    }

    /// @dev How many instalments are due today.
    function _instalmentsDue(Plan memory plan) private view returns (uint8) {
        uint8 period = _periodsDue(plan);
        return period < plan.count ? period : plan.count;
    }

    /// @dev The same as if there were no last one, so that its being late is counted too.
    function _periodsDue(Plan memory plan) private view returns (uint8) {
        uint256 today = ledger.currentDay();
        if (today < plan.firstDay) return 0;
        uint256 passed = Calendar.monthsPassed(plan.firstDay, today) / plan.months + 1;
        return passed < type(uint8).max ? uint8(passed) : type(uint8).max;
    }

    /// @dev From the first instalment that is not paid to the last period that was noted as missed.
    function _missedInARow(Plan memory plan, Standing memory it) private pure returns (uint256) {
        uint256 done = (uint256(it.paid) * plan.count) / _total(plan);
        return it.missed > done ? it.missed - done : 0;
    }

    /// @dev What is due up to this instalment and not paid: what was credited is taken off the end.
    function _due(Plan memory plan, Standing memory it, uint256 instalment) private pure returns (uint64) {
        uint256 due = _dueUp(plan, instalment);
        uint256 most = _total(plan) - it.credited;
        if (due > most) due = most;
        return due > it.paid ? uint64(due - it.paid) : 0;
    }

    function _toPayOff(Plan memory plan, Standing memory it) private view returns (uint64 amount, uint64 saved) {
        uint256 owed = _owed(plan, it);
        if (!plan.merchantPaysInterest) {
            saved = uint64((uint256(plan.interest) * (plan.count - _instalmentsDue(plan))) / plan.count);
            if (saved > owed) saved = uint64(owed);
        }
        amount = uint64(owed) - saved;
    }

    function _owed(Plan memory plan, Standing memory it) private pure returns (uint256) {
        return _total(plan) - it.paid - it.credited;
    }

    function _dueUp(Plan memory plan, uint256 instalment) private pure returns (uint256) {
        return (_total(plan) * instalment + plan.count - 1) / plan.count;
    }

    function _total(Plan memory plan) private pure returns (uint256) {
        return uint256(plan.price) + (plan.merchantPaysInterest ? 0 : plan.interest);
    }

    function _requireSound(Plan memory plan) private view {
        if (uint256(plan.price) + plan.interest > MAX_48) revert AmountTooLarge(uint256(plan.price) + plan.interest);
        if ((plan.payer == address(0)) == (plan.member == 0)) revert BadPayer(plan.payer, plan.member);
        bool counted = plan.count != 0 && plan.count <= MOST_INSTALMENTS;
        if (!counted || plan.months == 0 || plan.months > LONGEST_PERIOD) {
            revert BadInstalments(plan.count, plan.months);
        }
        uint16 today = ledger.currentDay();
        if (plan.firstDay < today) revert FirstDayOver(plan.firstDay, today);
        bool paid = !plan.merchantPaysInterest || (plan.funder != address(0) && plan.interest < plan.price);
        if (plan.price == 0 || !paid) revert BadPrice(plan.price, plan.interest, plan.funder);
    }
}
