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
    /// @dev What of a line's refunded amount was undone here.
    mapping(bytes32 leaf => uint256 amount) private _undone;

    /// @dev What became of the units that are taken back.
    struct Back {
        Aged returned;
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
        uint256 fresh = refunded - _undone[line.leaf];
        if (fresh == 0 || it.givenBack) revert NothingUndone(line.leaf);
        _undone[line.leaf] = refunded;
        _leave(use, it, it.basis - fresh);
    }

    /// @inheritdoc IIncentivePools
    function cancel(uint96 use) external {
        Use memory it = _known(use);
        _requireGroup(it.merchant, msg.sender, CANCEL);
        if (!it.alone) revert NotAlone(use);
        if (it.givenBack || ledger.currentDay() > uint256(it.day) + 1) revert TooLate(use);
        _leave(use, it, 0);
    }

    /// @inheritdoc IIncentivePools
    function undo(uint96 use) external onlyCoupons {
        _leave(use, _known(use), 0);
    }

    /// @dev Leaves `basis` of the sale.
    function _leave(uint96 use, Use memory it, uint256 basis) private {
        ICoupons coupons = _coupons();
        ICoupons.Sharing memory sharing = coupons.sharingOf(it.coupon);
        uint256 kept = Incentives.unitsDown(sharing, basis, _par);
        if (kept > it.units) kept = it.units;
        uint64 units = uint64(it.units - kept);
        bool gone = it.funded && !_isLive(it, sharing.cash);
        it.basis = uint40(basis);
        it.givenBack = basis == 0;
        Back memory back;
        // coins that expired are not collected again, and the use keeps saying what they were
        if (!gone) {
            back = _lower(it, sharing, kept);
            it.units = uint48(kept);
        }
        _saveUse(use, it);
        _clear(sharing.cash, back.returned);
        emit IncentiveUnwound(
            it.coupon,
            it.merchant,
            use,
            units,
            uint64(back.unowed),
            uint64(back.returned.current + back.returned.previous),
            uint64(back.toSetOff),
            gone ? units : 0
        );
        if (basis == 0) {
            --_campaigns[sharing.campaign].writeOffs;
            coupons.giveBack(it.coupon, use);
        }
        _payMerchant(it.merchant, sharing.cash, back.returned);
    }

    /// @dev The use generates `kept` only; the caller stores it.
    function _lower(Use memory it, ICoupons.Sharing memory sharing, uint256 kept) private returns (Back memory back) {
        uint48 units = uint48(it.units - kept);
        MerchantMoney storage money = _merchants[_merchantKey(it.merchant, sharing.cash)];
        CampaignMoney storage all = _campaigns[sharing.campaign];
        money.generated -= units;
        if (!it.funded) {
            money.owed -= units;
            all.owed -= units;
            back.unowed = units;
        } else {
            uint256 paid;
            (back, paid) = _takeBack(it, sharing, kept);
            all.funded -= units;
            all.paid -= uint56(paid);
            all.returned += units;
        }
    }

    function _isLive(Use memory it, bool cash) private view returns (bool) {
        return cash || ledger.currentEpoch() <= uint256(it.epoch) + 1;
    }

    /// @dev Lowers everybody's part from that of `it.units` to that of `kept`; `paid` is what of the difference had left
    /// the coupon's pool.
    function _takeBack(Use memory it, ICoupons.Sharing memory sharing, uint256 kept)
        private
        returns (Back memory back, uint256 paid)
    {
        Incentives.Parts memory less = _less(sharing, it.units, kept);
        bool fresh = it.epoch == _epochOf(sharing.cash);
        uint256 claimed = _oweClaimed(it, sharing, less);
        back.toSetOff = claimed;
        _give(back, less.lazy - claimed, fresh);
        uint256 others = it.units - kept - less.lazy;
        paid = others + claimed;
        others -= _takeFromMerchants(sharing, it.merchant, less, fresh, back);
        _takeFromPlatform(sharing, it.merchant, others, fresh, back);
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
        bool fresh,
        Back memory back
    ) private returns (uint256 taken) {
        for (uint256 i = 0; i < sharing.merchants.length; ++i) {
            uint256 units = i == 0 ? less.first : less.distributor;
            taken += _takeFrom(sharing, sharing.merchants[i], writer, units, fresh, back);
        }
        if (sharing.dataUser != 0) taken += _takeFrom(sharing, sharing.dataUser, writer, less.dataUser, fresh, back);
    }

    /// @dev Takes a merchant's part from its credits, and what they do not reach for from later ones.
    function _takeFrom(
        ICoupons.Sharing memory sharing,
        uint32 merchant,
        uint32 writer,
        uint256 units,
        bool fresh,
        Back memory back
    ) private returns (uint256) {
        if (merchant == writer || units == 0) return 0;
        uint256 key = _merchantKey(merchant, sharing.cash);
        Credits memory credits = _creditsOf(key, _epochOf(sharing.cash));
        uint256 held = fresh ? credits.current : credits.previous;
        uint256 taken = units < held ? units : held;
        if (fresh) credits.current -= uint56(taken);
        else credits.previous -= uint56(taken);
        _save(key, credits);
        _give(back, taken, fresh);
        back.toSetOff += units - taken;
        _owe(_subject(MERCHANT, merchant, sharing.cash), writer, units - taken);
        return units;
    }

    function _takeFromPlatform(
        ICoupons.Sharing memory sharing,
        uint32 writer,
        uint256 units,
        bool fresh,
        Back memory back
    ) private {
        uint256 key = _merchantKey(sharing.merchants[0], sharing.cash);
        Credits memory credits = _creditsOf(key, _epochOf(sharing.cash));
        uint256 held = fresh ? credits.platformCurrent : credits.platformPrevious;
        uint256 taken = units < held ? units : held;
        if (fresh) credits.platformCurrent -= uint56(taken);
        else credits.platformPrevious -= uint56(taken);
        _save(key, credits);
        _give(back, taken, fresh);
        back.toSetOff += units - taken;
        _owe(_subject(PLATFORM, 0, sharing.cash), writer, units - taken);
    }

    function _give(Back memory back, uint256 units, bool fresh) private pure {
        if (fresh) back.returned.current += units;
        else back.returned.previous += units;
    }
}
