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
    uint256 private constant CANCEL_WITHIN = 1 days;

    /// @dev What of a line's refunded amount was undone here.
    mapping(bytes32 leaf => uint256 amount) private _undone;

    /// @dev What became of the units that are taken back.
    struct Back {
        Aged returned;
        uint256 toSetOff;
        uint256 unowed;
    }

    /// @inheritdoc IIncentivePools
    function unwind(uint64 coupon, uint8 use, ILedgerDoors.ProvenLeaf calldata leaf) external {
        Use memory it = _known(coupon, use);
        Receipts.Line memory line = Receipts.read(ledger, leaf);
        if (it.flags & ALONE != 0 || line.stream != it.stream || line.sequence != it.sequence) {
            revert NotThisSale(coupon, use, line.stream, line.sequence);
        }
        (uint256 refunded,) = ledger.refunded(line.leaf);
        uint256 fresh = refunded - _undone[line.leaf];
        if (fresh == 0) revert NothingUndone(line.leaf);
        _undone[line.leaf] = refunded;
        _undo(coupon, use, it, it.basis - fresh);
    }

    /// @inheritdoc IIncentivePools
    function cancel(uint64 coupon, uint8 use) external {
        Use memory it = _known(coupon, use);
        _requireGroup(it.merchant, msg.sender, CANCEL);
        if (it.flags & ALONE == 0) revert NotAlone(coupon, use);
        if (it.flags & GIVEN_BACK != 0 || block.timestamp > it.stream + CANCEL_WITHIN) revert TooLate(coupon, use);
        _undo(coupon, use, it, 0);
    }

    /// @dev Leaves `basis` of the sale.
    function _undo(uint64 coupon, uint8 use, Use memory it, uint256 basis) private {
        ICoupons coupons = _coupons();
        ICoupons.Sharing memory sharing = coupons.sharingOf(coupon);
        uint256 kept = Incentives.unitsDown(sharing, basis, _par);
        if (kept > it.units) kept = it.units;
        uint256 units = it.units - kept;
        bool gone = it.flags & FUNDED != 0 && !_isLive(it, sharing.cash);
        it.basis = uint40(basis);
        if (basis == 0) it.flags |= GIVEN_BACK;
        Back memory back;
        // coins that expired are not collected again, and the use keeps saying what they were
        if (!gone) {
            back = _lower(coupon, it, sharing, kept);
            it.units = uint48(kept);
        }
        _uses[_useKey(coupon, use)] = it;
        emit IncentiveUnwound(
            coupon,
            it.merchant,
            use,
            uint64(units),
            uint64(back.unowed),
            uint64(back.returned.current + back.returned.previous),
            uint64(back.toSetOff),
            gone ? uint64(units) : 0
        );
        if (basis == 0) coupons.giveBack(coupon, use);
        _payMerchant(it.merchant, sharing.cash, back.returned);
    }

    /// @dev The use generates `kept` only; the caller stores it.
    function _lower(uint64 coupon, Use memory it, ICoupons.Sharing memory sharing, uint256 kept)
        private
        returns (Back memory back)
    {
        uint64 units = uint64(it.units - kept);
        MerchantMoney storage money = _merchants[_merchantKey(it.merchant, sharing.cash)];
        CampaignMoney storage all = _campaigns[sharing.campaign];
        money.generated -= units;
        if (it.flags & FUNDED == 0) {
            money.owed -= units;
            all.owed -= units;
            back.unowed = units;
        } else {
            uint256 paid;
            (back, paid) = _takeBack(coupon, it, sharing, kept);
            all.funded -= units;
            all.paid -= uint64(paid);
            all.returned += units;
        }
    }

    function _isLive(Use memory it, bool cash) private view returns (bool) {
        return cash || ledger.currentEpoch() <= uint256(it.epoch) + 1;
    }

    /// @dev Lowers everybody's part from that of `it.units` to that of `kept`; `paid` is what of the difference had left the
    /// coupon's pool.
    function _takeBack(uint64 coupon, Use memory it, ICoupons.Sharing memory sharing, uint256 kept)
        private
        returns (Back memory back, uint256 paid)
    {
        Incentives.Parts memory was = Incentives.partsDown(sharing, it.units);
        Incentives.Parts memory now_ = Incentives.partsDown(sharing, kept);
        bool fresh = it.epoch == _epochOf(sharing.cash);
        uint256 lazy = was.lazy - now_.lazy;
        back.toSetOff = _oweClaimed(coupon, it, sharing, was, now_);
        _give(back, lazy - back.toSetOff, fresh);
        uint256 platform = it.units - kept - lazy;
        paid = platform + back.toSetOff;
        for (uint256 i = 0; i < sharing.merchants.length; ++i) {
            uint256 less = i == 0 ? was.first - now_.first : was.distributor - now_.distributor;
            platform -= _takeFrom(sharing, sharing.merchants[i], it.merchant, less, fresh, back);
        }
        if (sharing.dataUser != 0) {
            uint256 less = was.dataUser - now_.dataUser;
            platform -= _takeFrom(sharing, sharing.dataUser, it.merchant, less, fresh, back);
        }
        _takeFromPlatform(sharing, it.merchant, platform, fresh, back);
    }

    /// @dev Members that claimed more than they have now owe the difference.
    function _oweClaimed(
        uint64 coupon,
        Use memory it,
        ICoupons.Sharing memory sharing,
        Incentives.Parts memory was,
        Incentives.Parts memory now_
    ) private returns (uint256 claimed) {
        if (it.claimed == 0) return 0;
        (uint64[] memory trail,) = _coupons().trailOf(coupon);
        for (uint256 place = sharing.merchants.length; place < trail.length; ++place) {
            if (it.claimed & (1 << place) == 0) continue;
            uint256 less = Incentives.memberPart(sharing, was, place) - Incentives.memberPart(sharing, now_, place);
            _owe(_subject(MEMBER, trail[place], sharing.cash), it.merchant, less);
            claimed += less;
        }
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
        _credits[key] = credits;
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
        _credits[key] = credits;
        _give(back, taken, fresh);
        back.toSetOff += units - taken;
        _owe(_subject(PLATFORM, 0, sharing.cash), writer, units - taken);
    }

    function _give(Back memory back, uint256 units, bool fresh) private pure {
        if (fresh) back.returned.current += units;
        else back.returned.previous += units;
    }
}
