// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ILedgerDoors} from "./ILedgerDoors.sol";

/// @title A discount for members who pay in the coin
/// @notice A member who pays a part of a sale in coins pays less for that part: 5 % less, or what the operator set. The
/// coins of the line are what the member pays. Who bears the difference is the merchant's rule: the merchant itself
/// (then it is recorded, no money moves) or the platform (then the merchant's payable is topped up from a fund that the
/// operator fills, as far as the operator's allowance for this merchant reaches). Money in minor units.
/// @dev A till asks for a discount by act 8, which comes with the payment's lines: `discount 6`; act 136, `sequence 8`,
/// undoes it on the same day (the lines are reversed by themselves). What comes back is the allowance's again, unless that
/// was set anew since. A discount is refused when it is more than the rate allows, rounded down: discount <= floor((coins + discount) * bps / 10,000).
/// Trust: a merchant could claim a discount that it did not give; the allowance bounds what that costs the platform.
/// When a line is refunded, anybody brings its proof, and the platform's share comes back from the merchant; of goods
/// that were sold on the sale stands.
interface ICoinDiscount {
    /// @notice Who bears the discount at a merchant; nobody: there is none.
    enum Bearer {
        Nobody,
        Merchant,
        Platform
    }

    /// @notice A merchant's rule; `allowance` is what the platform may still bear for it, `version` how often that was set.
    struct Rule {
        Bearer bearer;
        uint64 allowance;
        uint32 version;
    }

    /// @notice A discount that the platform bore: on which coins, how much, what came back after refunds, on which day of
    /// the network and under which version of the allowance.
    struct Given {
        uint32 merchant;
        uint48 coinAmount;
        uint48 discount;
        uint48 takenBack;
        uint16 day;
        uint32 version;
    }

    /// @notice The rate of the network was set.
    event RateSet(uint16 bps);
    /// @notice A merchant chose who bears its discounts.
    event BearerSet(uint32 indexed merchant, Bearer bearer);
    /// @notice What the platform may bear for a merchant was set.
    event AllowanceSet(uint32 indexed merchant, uint64 allowance);
    /// @notice The fund was filled.
    event FundFilled(address indexed from, uint64 amount);
    /// @notice The fund was emptied in part.
    event FundWithdrawn(address indexed to, uint64 amount);
    /// @notice A member paid in coins and got a discount.
    event DiscountGiven(
        uint32 indexed merchant,
        uint64 indexed member,
        uint32 stream,
        uint64 sequence,
        Bearer bearer,
        uint48 coinAmount,
        uint48 discount
    );
    /// @notice The platform's share of a discount came back after a refund.
    event DiscountTakenBack(uint32 indexed merchant, uint32 stream, uint64 sequence, uint64 amount);

    /// @notice A rate is below 10,000 basis points.
    error BadRate(uint256 bps);
    /// @notice The platform bears discounts only for merchants with an allowance.
    error NoAllowance(uint32 merchant);
    /// @notice The fund holds less.
    error FundUsedUp(uint256 held, uint256 amount);
    /// @notice An amount of 0.
    error ZeroAmount();
    /// @notice The platform bore no discount for this payment.
    error NoDiscount(uint32 stream, uint64 sequence);
    /// @notice The lines are not of this payment, not paid in coins, or not in rising order.
    error BadLines(uint32 stream, uint64 sequence);
    /// @notice Nothing of it was refunded that was not taken back.
    error NothingToTakeBack(uint32 stream, uint64 sequence);

    /// @notice Sets the network's rate. Operator only.
    function setRate(uint16 bps) external;
    /// @notice Sets who bears a merchant's discounts. OFFERS group.
    function setBearer(uint32 merchant, Bearer bearer) external;
    /// @notice Sets what the platform may bear for a merchant from now on. Operator only.
    function setAllowance(uint32 merchant, uint64 allowance) external;
    /// @notice Pays cash into the fund. Anybody.
    function fillFund(uint64 amount) external;
    /// @notice Takes cash out of the fund. Operator only.
    function withdrawFund(address to, uint64 amount) external;
    /// @notice Takes the platform's share of a refunded payment back from the merchant: its payable, its deposit, less what
    /// it owes the guarantee fund. `leaves` are the payment's coin lines in rising order, with their proofs. Anybody.
    function takeBack(ILedgerDoors.ProvenLeaf[] calldata leaves) external returns (uint64 amount);

    /// @notice The most that a member's `coinAmount` may have been discounted by, rounded down.
    function discountDown(uint64 coinAmount) external view returns (uint64);
    /// @notice What a member pays in coins for this price, rounded up.
    function priceUp(uint64 listPrice) external view returns (uint64);
    /// @notice The network's rate, basis points.
    function rateBps() external view returns (uint16);
    /// @notice Cash in the fund.
    function fund() external view returns (uint64);
    /// @notice A merchant's rule.
    function ruleOf(uint32 merchant) external view returns (Rule memory);
    /// @notice A discount that the platform bore.
    function givenOn(uint32 stream, uint64 sequence) external view returns (Given memory);
}
