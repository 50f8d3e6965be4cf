// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICoupons} from "../../interfaces/ICoupons.sol";
import {IIncentivePools} from "../../interfaces/IIncentivePools.sol";
import {ILedgerDoors} from "../../interfaces/ILedgerDoors.sol";
import {CANCEL} from "../libraries/Groups.sol";
import {Incentives} from "../libraries/Incentives.sol";
import {Receipts} from "../libraries/Receipts.sol";
import {PoolBase} from "./PoolBase.sol";

/// @title Undoing the incentive of sales that were undone
/// @dev The use keeps what the rest of its sale generates, so refunds in parts end where one at once ends. What nobody
/// claimed goes back to the merchant with its age; what was claimed is set off against the claimer's later credits.
abstract contract PoolUndoing is PoolBase {
    uint256 private constant ANNUL_DAYS = 120;

    /// @dev What of a line's refunded amount was undone here.
    mapping(bytes32 leaf => uint256 amount) private _undone;
    /// @dev Units that the merchant has or is owed, though they are the platform's by what is left of a use: rounding made
    /// its part grow when nothing was there to give it. It gets them, or loses them first, when more is undone.
    mapping(uint96 use => uint256 units) private _ahead;

    /// @dev What became of the units that are taken back; `returned` of this epoch, and PREVIOUS higher of the one before.
    struct Back {
        uint256 returned;
        uint256 toSetOff;
        uint256 unowed;
    }

    /// @inheritdoc IIncentivePools
    function unwind(ILedgerDoors.ProvenLeaf calldata leaf) external {
        Receipts.Line memory line = Receipts.read(ledger, leaf);
        uint96 use = uint96((uint256(line.stream) << 64) | line.sequence);
        Use memory it = _known(use);
        if (it.alone) revert CameAlone(use);
        (uint256 refunded,) = ledger.refunded(line.leaf);
        // of goods that were sold on the sale stands, and so does what the coupon brought
        refunded -= ledger.settled(line.leaf);
        uint256 fresh = refunded - _undone[line.leaf];
        if (fresh == 0 || it.givenBack) revert NothingUndone(line.leaf);
        _undone[line.leaf] = refunded;
        _leave(use, it, it.basis - fresh);
    }

    /// @inheritdoc IIncentivePools
    function cancel(uint96 use) external {
        Use memory it = _known(use);
        if (msg.sender != servedCoupons) {
            _requireGroup(it.merchant, msg.sender, CANCEL);
            if (!it.alone) revert NotAlone(use);
            if (it.givenBack || ledger.currentDay() > uint256(it.day) + 1) revert TooLate(use);
        }
        _leave(use, it, 0);
    }

    /// @inheritdoc IIncentivePools
    function annul(uint96 use, string calldata reason) external restricted {
        Use memory it = _known(use);
        if (!it.alone) revert NotAlone(use);
        if (it.givenBack || ledger.currentDay() > uint256(it.day) + ANNUL_DAYS) revert TooLate(use);
        if (bytes(reason).length == 0) revert NoReason();
        emit WriteOffAnnulled(it.coupon, it.merchant, use, reason);
        _leave(use, it, 0);
    }

    /// @dev Leaves `basis` of the sale.
    function _leave(uint96 use, Use memory it, uint256 basis) private {
        ICoupons coupons = _coupons();
        ICoupons.Sharing memory sharing = _sharingOf(it.coupon);
        uint256 kept = Incentives.unitsDown(sharing, basis, _par);
        if (kept > it.units) kept = it.units;
        uint64 units = uint64(it.units - kept);
        bool gone = it.funded && !_isLive(it, sharing.cash);
        it.basis = uint40(basis);
        it.givenBack = basis == 0;
        Back memory back;
        // coins that expired are not collected again, and the use keeps saying what they were
        if (!gone) {
            back = _lower(use, it, sharing, kept);
            it.units = uint48(kept);
        }
        _saveUse(use, it);
        Aged memory returned = _agedAt(back.returned, 0);
        _clear(sharing.cash, returned);
        emit IncentiveUnwound(
            it.coupon,
            it.merchant,
            use,
            units,
            uint64(back.unowed),
            uint64(returned.current + returned.previous),
            uint64(back.toSetOff),
            gone ? units : 0
        );
        if (basis == 0) {
            --_campaigns[sharing.campaign].writeOffs;
            --_merchants[_merchantKey(it.merchant, sharing.cash)].writeOffs;
            coupons.giveBack(it.coupon, use);
        }
        _payMerchant(it.merchant, sharing.cash, returned);
    }

    /// @dev The use generates `kept` only; the caller stores it.
    function _lower(uint96 use, Use memory it, ICoupons.Sharing memory sharing, uint256 kept)
        private
        returns (Back memory back)
    {
        uint48 units = uint48(it.units - kept);
        MerchantMoney storage money = _merchants[_merchantKey(it.merchant, sharing.cash)];
        CampaignMoney storage all = _campaigns[sharing.campaign];
        money.generated -= units;
        if (!it.funded) {
            money.owed -= units;
            all.owed -= units;
            back.unowed = units;
        } else {
            int256 paid;
            (back, paid) = _takeBack(use, it, sharing, kept);
            all.funded -= units;
            all.paid = uint56(uint256(int256(uint256(all.paid)) - paid));
            all.returned += units;
        }
    }

    function _isLive(Use memory it, bool cash) private view returns (bool) {
        return cash || ledger.currentEpoch() <= uint256(it.epoch) + 1;
    }

    /// @dev Lowers everybody's part from that of `it.units` to that of `kept`; `paid` is what of the difference had left
    /// the coupon's pool. The platform has what rounding leaves over, so its part may grow by a few units instead.
    function _takeBack(uint96 use, Use memory it, ICoupons.Sharing memory sharing, uint256 kept)
        private
        returns (Back memory back, int256 paid)
    {
        Incentives.Parts memory less = _less(sharing, it.units, kept);
        uint256 age = it.epoch == _epochOf(sharing.cash) ? 0 : PREVIOUS;
        uint256 claimed = _oweClaimed(it, sharing, less);
        back.toSetOff = claimed;
        back.returned = (less.lazy - claimed) << age;
        int256 others = int256(it.units - kept) - int256(less.lazy);
        paid = others + int256(claimed);
        others -= int256(_takeFromMerchants(sharing, it.merchant, less, age, back));
        _settlePlatform(use, sharing, it.merchant, others, age, back);
    }

    /// @dev What each part loses.
    function _less(ICoupons.Sharing memory sharing, uint256 units, uint256 kept)
        private
        pure
        returns (Incentives.Parts memory less)
    {
        less = Incentives.partsDown(sharing, units);
        Incentives.Parts memory left = Incentives.partsDown(sharing, kept);
        less.first -= left.first;
        less.distributor -= left.distributor;
        less.holder -= left.holder;
        less.dataOwner -= left.dataOwner;
        less.dataUser -= left.dataUser;
        less.lazy -= left.lazy;
    }

    /// @dev Members that claimed owe what their part loses.
    function _oweClaimed(Use memory it, ICoupons.Sharing memory sharing, Incentives.Parts memory less)
        private
        returns (uint256 claimed)
    {
        if (it.claimed == 0) return 0;
        (uint64[] memory trail,) = _coupons().trailOf(it.coupon);
        for (uint256 place = sharing.merchants.length; place < trail.length; ++place) {
            if (it.claimed & (1 << place) == 0) continue;
            uint256 units = Incentives.memberPart(sharing, less, place);
            _owe(_subject(MEMBER, trail[place], sharing.cash), it.merchant, units);
            claimed += units;
        }
    }

    /// @return taken What the merchants of the trail and the data user lose together
    function _takeFromMerchants(
        ICoupons.Sharing memory sharing,
        uint32 writer,
        Incentives.Parts memory less,
        uint256 age,
        Back memory back
    ) private returns (uint256 taken) {
        uint256 count = sharing.merchants.length;
        for (uint256 i = 0; i <= count; ++i) {
            uint32 merchant = i < count ? sharing.merchants[i] : sharing.dataUser;
            uint256 units = i == 0 ? less.first : i < count ? less.distributor : less.dataUser;
            if (merchant == 0 || merchant == writer || units == 0) continue;
            _takeFrom(sharing.cash, MERCHANT, merchant, writer, units, age, back);
            taken += units;
        }
    }

    /// @dev Takes a part from the credits of a merchant, or of the platform beside them, and what they do not reach for
    /// from later ones.
    function _takeFrom(
        bool cash,
        uint8 kind,
        uint32 merchant,
        uint32 writer,
        uint256 units,
        uint256 age,
        Back memory back
    ) private {
        uint256 key = _merchantKey(merchant, cash);
        uint256 word = _creditsOf(key, cash);
        uint256 at = (kind == PLATFORM ? PLATFORMS : OWN) + age;
        uint256 held = uint56(word >> at);
        uint256 taken = units < held ? units : held;
        if (taken != 0) _credits[key] = word - (taken << at);
        back.returned += taken << age;
        back.toSetOff += units - taken;
        _owe(_subject(kind, kind == PLATFORM ? 0 : merchant, cash), writer, units - taken);
    }

    /// @dev What the others lose beyond what is undone is the platform's, as far as it was not claimed before.
    function _settlePlatform(
        uint96 use,
        ICoupons.Sharing memory sharing,
        uint32 writer,
        int256 loss,
        uint256 age,
        Back memory back
    ) private {
        uint256 ahead = _ahead[use];
        loss -= int256(ahead);
        uint256 missing;
        if (loss > 0) {
            _takeFrom(sharing.cash, PLATFORM, sharing.merchants[0], writer, uint256(loss), age, back);
        } else if (loss < 0) {
            missing = uint256(-loss);
            uint256 there = back.returned >> age;
            uint256 units = missing < there ? missing : there;
            uint256 key = _merchantKey(sharing.merchants[0], sharing.cash);
            _credits[key] = _creditsOf(key, sharing.cash) + (units << (PLATFORMS + age));
            back.returned -= units << age;
            missing -= units;
        }
        if (missing != ahead) _ahead[use] = missing;
    }
}
