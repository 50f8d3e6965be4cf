// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Purchases paid in instalments
/// @notice A payer signs a plan: a price, interest, so many instalments every so many months. What is due follows from a
/// formula, so a plan takes one word of storage. Either a funder pays the merchant the price when the plan is opened,
/// gets the instalments and bears a default; or there is none, and the merchant gets the instalments as they arrive.
/// Money in minor units, days are the network's.
/// @dev Of a total of T in n instalments the first k are due together with ceil(T * k / n): rounding up, in favour of whom
/// it is owed, and the last one is never larger than the others. Instalment k (from 0) is due k * months after the first,
/// on the same day of the month, or the last day of a shorter one (31 January, 28 February, 31 March).
/// Trust: a merchant's CONSUME group opens what the payer signed; its CANCEL group gives back at the merchant's cost.
/// Anybody may collect what is due, to its creditor alone. A funder pays only within the line that it gave a merchant.
/// This contract holds no money between two transactions.
interface IInstalmentPlans {
    /// @notice What a payer signs. `payer` pays cash tokens that this contract may take (allowance), or it is 0 and
    /// `member` pays from stored value. `interest` is for the whole plan; the payer pays it on top of the price, or the
    /// merchant out of what the funder pays it. `openBy` is the first second at which it is too late to open it.
    struct Plan {
        address payer;
        uint64 member;
        uint32 merchant;
        address funder;
        uint64 price;
        uint64 interest;
        bool merchantPaysInterest;
        uint8 count;
        uint8 months;
        uint16 firstDay;
        uint40 openBy;
        uint256 salt;
    }

    /// @notice Where a plan stands: `paid` by the payer, `credited` without payment (interest that a pay-off saved, goods
    /// given back), `refunded` of the price, and the last period (counted from 1, beyond the last instalment too) in which
    /// something was due and could not be taken.
    /// @dev flags: 1 opened, 2 closed, 4 in default.
    struct Standing {
        uint48 paid;
        uint48 credited;
        uint48 refunded;
        uint8 missed;
        uint8 flags;
    }

    /// @notice A plan was opened; `advanced` is what the funder paid the merchant.
    event PlanOpened(
        bytes32 indexed id, uint32 indexed merchant, address indexed funder, uint64 total, uint64 advanced, Plan plan
    );
    /// @notice What was due up to this instalment was paid.
    event InstalmentPaid(bytes32 indexed id, uint32 indexed merchant, uint8 instalment, uint64 amount);
    /// @notice What was due up to this instalment could not be taken.
    event InstalmentMissed(bytes32 indexed id, uint32 indexed merchant, uint8 instalment, uint64 amount);
    /// @notice The payer paid the rest early and saved interest.
    event PlanPaidOff(bytes32 indexed id, uint32 indexed merchant, uint64 amount, uint64 saved);
    /// @notice Goods were given back: `credited` is owed no more, `returned` went to the payer; `saved` is interest that is
    /// owed no more since all of them came back.
    event PlanRefunded(bytes32 indexed id, uint32 indexed merchant, uint64 credited, uint64 returned, uint64 saved);
    /// @notice Nothing is owed any more.
    event PlanClosed(bytes32 indexed id);
    /// @notice Whom it was owed gave up the rest.
    event PlanDefaulted(bytes32 indexed id, uint32 indexed merchant, address indexed creditor, uint64 lost);
    /// @notice A funder allows plans of a merchant up to this sum from now on.
    event LineSet(address indexed funder, uint32 indexed merchant, uint64 amount);

    /// @notice A plan is paid by an address or by a member, and not by both.
    error BadPayer(address payer, uint64 member);
    /// @notice A plan has 1 to 60 instalments, 1 to 12 months apart.
    error BadInstalments(uint8 count, uint8 months);
    /// @notice The first instalment would be due before today.
    error FirstDayOver(uint16 firstDay, uint16 today);
    /// @notice A price of 0, or interest that the merchant is to pay without a funder, or that is not below the price.
    error BadPrice(uint64 price, uint64 interest, address funder);
    /// @notice Price and interest together are 2^48 - 1 at most.
    error AmountTooLarge(uint256 amount);
    /// @notice Too late to open it.
    error OpenExpired(uint40 openBy);
    /// @notice Not signed by who pays.
    error NotSigned(bytes32 id, address signer);
    /// @notice This plan was opened before.
    error AlreadyOpened(bytes32 id);
    /// @notice There is no such plan, or it is closed.
    error NotOpen(bytes32 id);
    /// @notice The funder's line for this merchant is shorter.
    error LineTooShort(address funder, uint32 merchant, uint256 line, uint256 amount);
    /// @notice Nothing is due today.
    error NothingDue(bytes32 id);
    /// @notice It could not be taken, as was noted before.
    error StillMissed(bytes32 id, uint256 amount);
    /// @notice Only who pays may do this.
    error NotPayer(address sender, address payer);
    /// @notice Less of the price is left to give back, or it is 0.
    error ExceedsPrice(uint256 left, uint256 amount);
    /// @notice Only whom it is owed may give it up, when the oldest instalment that is not paid was due three periods ago
    /// (its own counts as one), and the last of them was noted as missed; `missed` is how many it is.
    error NotDefaultable(bytes32 id, uint256 missed);

    /// @notice Sets up to what sum the sender funds plans of a merchant; it must let this contract take the cash.
    function setLine(uint32 merchant, uint64 amount) external;
    /// @notice Opens a plan that the payer, or the member's registered key, signed. CONSUME group.
    function open(Plan calldata plan, bytes calldata signature) external returns (bytes32 id);
    /// @notice Takes what is due; if the payer has not got it, notes that it was missed. Anybody.
    /// @return amount What was taken, 0 if it was missed
    function collect(Plan calldata plan) external returns (uint64 amount);
    /// @notice Pays all that is left, less the interest of instalments that are not due yet, rounded down. The payer
    /// itself, or the member's key by sender or signature (`PayOff(bytes32 id,uint256 nonce,uint256 deadline)`).
    function payOff(Plan calldata plan, uint256 deadline, bytes calldata signature) external returns (uint64 amount);
    /// @notice Gives back a part of the price: first it is owed no more (the merchant gives the funder what it had
    /// advanced for it), the rest goes to the payer; from the merchant's payable and its deposit, less what it owes the
    /// guarantee fund. When all of the price was given back, the interest of instalments that are not due yet is let off, as
    /// a pay-off does. CANCEL group.
    function refund(Plan calldata plan, uint64 amount) external;
    /// @notice Gives up what is left, after three missed periods in a row: the funder, or the merchant's FINANCE group.
    /// Goods may still be given back: what was written off first, then what was paid.
    function writeOff(Plan calldata plan) external;

    /// @notice The plan's id: its EIP-712 hash in this contract's domain ("InstalmentPlans", "1").
    function idOf(Plan calldata plan) external view returns (bytes32 id);
    /// @notice Where a plan stands.
    function standing(bytes32 id) external view returns (Standing memory);
    /// @notice What is due today and not paid, and what a pay-off today would cost.
    function dueNow(Plan calldata plan) external view returns (uint64 due, uint64 toPayOff);
    /// @notice The days and amounts of all instalments, as they were at first.
    function schedule(Plan calldata plan) external pure returns (uint16[] memory days_, uint64[] memory amounts);
    /// @notice Up to what sum a funder funds plans of a merchant.
    function lineOf(address funder, uint32 merchant) external view returns (uint64 amount);
}
