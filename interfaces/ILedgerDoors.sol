// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IActTarget} from "./IActTarget.sol";

/// @title The ledger's doors for the other contracts of the suite
/// @notice What a coupon, an escrow or a gift does to members, merchants and coins, it does here. Each door that takes
/// from somebody is open to those contracts alone that the network's admin named for it; a door that only gives to
/// somebody and takes from the caller is open to everybody. Cash that comes in is taken from the caller by
/// `transferFrom`; money is in minor units, coins are in units.
/// @dev Doors of a contract are bits: 1 credit value, 2 take value, 4 take coins, 8 redeem and restore, 16 issue and claw back,
/// 32 take payable and deposits, 64 merge members, 128 settle lines.
/// Trust: a contract with a door can do to anybody what the door does; it must ask for the authority of whom it
/// concerns (a terminal through the batch, a member's signature, a merchant's group). Rounding favours backing.
interface ILedgerDoors {
    /// @notice A part of a payment's line, with the proof that the ledger accepted it.
    struct ProvenLeaf {
        bytes32 head;
        bytes32 body;
        bytes32 itemsRoot;
        bytes32 authorisation;
        bytes32 root;
        bytes32[] proof;
    }

    /// @notice What a batch has done so far and not booked yet: with the merchant (what is left of its prepaid points,
    /// what it sold, what of that members paid through the ledger), with the supply and with the totals. Points and
    /// coins in units, money in minor units.
    struct Unbooked {
        uint256 prepaid;
        uint256 sold;
        uint256 taken;
        uint256 minted;
        uint256 burntPrevious;
        uint256 burntCurrent;
        uint256 value;
        uint256 coins;
    }

    /// @notice The doors of a contract were set.
    event DoorsSet(address indexed part, uint256 doors);
    /// @notice Acts of this kind in a batch go to this contract; 0 = to none.
    event ActTargetSet(uint8 indexed kind, address indexed target);
    /// @notice Somebody paid cash to a merchant's payable.
    event PayableCredited(uint32 indexed merchant, address indexed payer, uint64 amount);
    /// @notice Cash left a merchant's payable.
    event PayableTaken(uint32 indexed merchant, address indexed part, address indexed to, uint64 amount);
    /// @notice What the guarantee fund had paid for a merchant came back to it from the merchant's payable.
    event FundRepaid(uint32 indexed merchant, uint64 amount);
    /// @notice Cash left a merchant's payable, then its deposit, then the guarantee fund, in this order.
    event DrawnOn(
        uint32 indexed merchant,
        address indexed part,
        address indexed to,
        uint64 fromPayable,
        uint64 fromDeposit,
        uint64 fromFund
    );
    /// @notice Cash left a member's stored value.
    event ValueTaken(uint64 indexed member, address indexed part, address indexed to, uint64 amount);
    /// @notice Coins were burnt for cash from the reserve.
    event Redeemed(address indexed holder, uint256 units, uint64 amount);
    /// @notice Coins that had been redeemed came back to a member against cash.
    event CoinsRestored(uint64 indexed member, address indexed part, uint56 current, uint56 previous, uint64 amount);
    /// @notice A merchant gave prepaid points outside of a payment, to a member or to a contract.
    event PointsIssued(uint32 indexed merchant, address indexed to, address indexed part, uint64 units);
    /// @notice Coins were burnt and became prepaid points of a merchant.
    event PointsReturned(uint32 indexed merchant, address indexed from, uint64 units);
    /// @notice Points went from a member back to a merchant outside of a refund; what was missing became arrears.
    event PointsClawedBack(
        uint32 indexed merchant, uint64 indexed member, address indexed part, uint64 clawedBack, uint64 arrears
    );
    /// @notice All that `from` had went to `into`; `from` is frozen.
    event MembersMerged(uint64 indexed from, uint64 indexed into, uint64 value, uint64 coins);
    /// @notice The points of a part of a line were taken back for good, and this part can be refunded no more.
    event LineSettled(
        bytes32 indexed leaf, address indexed part, uint48 amount, uint64 clawedBack, uint64 setOff, uint64 arrears
    );

    /// @notice The caller has no such door.
    error NoDoor(address part, uint256 door);
    /// @notice The member has less stored value.
    error InsufficientValue(uint64 member, uint256 held, uint256 amount);
    /// @notice The holder has fewer coins of this age.
    error InsufficientCoins(address holder, uint256 current, uint256 previous);
    /// @notice The merchant's payable holds less, when the guarantee fund has got back what the merchant owes it.
    error InsufficientPayable(uint32 merchant, uint256 held, uint256 amount);
    /// @notice The merchant's payable, its deposit and the guarantee fund together hold less.
    error InsufficientFunds(uint32 merchant, uint256 amount);
    /// @notice Coins become cash in whole minor units only.
    error NotAtPar(uint256 units);
    /// @notice Nothing is sent to nobody, and nothing from the ledger to itself.
    error BadReceiver(address to);
    /// @notice While an act of this member's own payment runs, nothing else may touch the member's account.
    error InAct(uint64 member);
    /// @notice While an act runs, nothing is posted and nothing is refunded.
    error ActRunning();
    /// @notice Only the ledger may call this of itself.
    error NotItself(address sender);
    /// @notice A member is not merged into itself, nor while it owes a merchant that is not named, nor when it is another.
    error CannotMerge(uint64 from, uint64 into);
    /// @notice Act kinds are 1 to 255.
    error BadActKind(uint8 kind);

    /// @notice Opens doors to a contract of the suite, or closes them. Network admin only.
    function setDoors(address part, uint256 doors) external;
    /// @notice Sets which contract acts of a kind go to. Network admin only.
    function setActTarget(uint8 kind, address target) external;

    /// @notice Pays cash to a merchant's payable. Open to all: the caller pays.
    function creditPayable(uint32 merchant, uint64 amount) external;
    /// @notice Pays cash into a member's stored value; the caller pays. Door 1.
    function creditValue(uint64 member, uint64 amount) external;
    /// @notice Takes cash from a member's stored value; refused when locked or frozen. Door 2.
    function takeValue(uint64 member, uint64 amount, address to) external;
    /// @notice Takes coins of a member, those of the previous epoch first, with their age; refused when locked or
    /// frozen. Door 4.
    function takeCoins(uint64 member, uint64 units, address to) external returns (uint56 current, uint56 previous);
    /// @notice Sends the caller's own coins, by age. Open to all.
    function moveCoins(address to, uint56 current, uint56 previous) external;
    /// @notice Burns the caller's own coins, by age, and pays it cash at par from the reserve. Door 8.
    function redeem(uint56 current, uint56 previous) external returns (uint64 amount);
    /// @notice Undoes a redemption: gives a member coins of these ages, for cash at par that the caller pays into the
    /// reserve. They count neither as issued nor as earned. Whole minor units only. Door 8.
    function restore(uint64 member, uint56 current, uint56 previous) external returns (uint64 amount);
    /// @notice Gives a merchant's prepaid points to an account, as far as they reach; they count as issued, and as
    /// earned if the account is a member's. Refused in a pause and to a frozen account. Door 16.
    /// @return given Units, at most `units`
    function issue(uint32 merchant, address to, uint64 units) external returns (uint64 given);
    /// @notice Burns the caller's own coins, by age, and adds them to a merchant's prepaid points. Open to all.
    function returnPoints(uint32 merchant, uint56 current, uint56 previous) external;
    /// @notice Takes points of a member back to a merchant, who did not issue them after all; what the member no
    /// longer has becomes arrears. Door 16.
    function clawBack(uint32 merchant, uint64 member, uint64 units) external returns (uint64 clawedBack);
    /// @notice Takes cash from a merchant's payable; what the guarantee fund paid for it goes back there first. Door 32.
    function takePayable(uint32 merchant, uint64 amount, address to) external;
    /// @notice Takes cash from a merchant's payable, then its deposit, then the guarantee fund. Door 32.
    function drawOn(uint32 merchant, uint64 amount, address to) external;
    /// @notice Moves all that a member has, and what it is owed by and owes to these merchants, to another member, and
    /// freezes it. What comes to the old number later (cash, coins, points, refunds of its payments) is the other's; debits
    /// of it are refused. May be repeated. Refused while it owes points to a merchant that is not named, and when one of
    /// the two is a third member by now. Door 64.
    function mergeMembers(uint64 from, uint64 into, uint32[] calldata merchants) external;
    /// @notice Takes back the points of a part of a line and makes the part unrefundable; no money moves. Door 128.
    function settleLine(ProvenLeaf calldata leaf, uint48 amount) external returns (uint64 clawedBack, uint64 arrears);

    /// @notice Lets the act of a payment run in a frame of its own, so that of a refused one nothing stays: books what the
    /// batch has not booked yet, registers the member if the payment does, and calls the target. The ledger calls it.
    /// @dev Reverts as the target does; with ActRefused(13) when it debited more than `act.debitLeft`; with InAct when
    /// it changed the account of a member whose payment has lines.
    function runAct(IActTarget.Act calldata act, Unbooked calldata unbooked, bytes calldata data)
        external
        returns (uint256 debited);

    /// @notice Minor units of the line with this leaf that were settled (settleLine): undone they count as, refunded they
    /// were not.
    function settled(bytes32 leaf) external view returns (uint256 amount);
    /// @notice The member that a merged one is now; a member that was never merged is itself.
    function survivorOf(uint64 member) external view returns (uint64 survivor);
    /// @notice The doors of a contract.
    function doorsOf(address part) external view returns (uint256 doors);
    /// @notice Where acts of a kind go.
    function actTarget(uint8 kind) external view returns (address target);
}
