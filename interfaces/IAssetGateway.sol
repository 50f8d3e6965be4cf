// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IPriceOracle} from "./IPriceOracle.sol";

/// @title Paying in other assets
/// @notice A payer gives wrapped bitcoin, ether or a stablecoin at the oracle's price; the merchant's payable is credited
/// at once from cash that the operator put in (the inventory). A rate can be locked for a while: that reserves the
/// cash, and costs a deposit that counts towards the payment, or is lost when the payer lets the lock lapse.
/// Refunds go back in the asset, at the rate of the sale or at the current one, as the merchant's terms said when it
/// was sold: the merchant gives its cash back to the inventory, and the asset leaves the vault. What has been paid in
/// stays in the vault until the refund window of its day has passed; only then is it free for the operator to sell.
/// @dev Nothing but a hash is stored of a sale: who calls brings the sale, as AssetPaid or RateLocked told it.
/// Trust: the operator lists plain tokens only (no rebasing); the gateway measures what it receives, and refuses a token
/// that takes a fee. The operator bears the price's movement between payment and its own sale of the asset; at the
/// current rate a refund may need more of the asset than was paid in, which must be free in the vault.
/// Rounding: what a payer pays is rounded up, what it gets back is rounded down, to the asset's smallest unit.
interface IAssetGateway {
    /// @notice The network's settings: how long a rate is locked and refunds are possible (seconds), the deposit (basis
    /// points of the amount), and how many locks a payer may hold.
    struct Settings {
        uint32 lockTime;
        uint32 refundWindow;
        uint16 depositBps;
        uint8 maxLocks;
    }

    /// @notice What a payer agrees to: `amount` in minor units for the merchant, for `maxAsset` base units of the asset at
    /// most. `reference_` is the sale's own at the merchant.
    struct Terms {
        address payer;
        address asset;
        uint32 merchant;
        uint64 amount;
        uint128 maxAsset;
        bytes32 reference_;
    }

    /// @notice A sale, or a rate locked for one. `assetAmount` is all that the payer pays, `deposit` what of it was paid
    /// with the lock; `refunds` the merchant's terms: 1 at the rate of the sale, 2 at the current one.
    struct Sale {
        uint64 id;
        address payer;
        address asset;
        uint32 merchant;
        uint48 amount;
        uint128 assetAmount;
        uint128 deposit;
        uint64 price;
        uint32 time;
        uint8 refunds;
        bytes32 reference_;
    }

    /// @notice `status`: 0 unknown, 1 locked, 2 paid, 3 lapsed; `refunded` in minor units.
    struct State {
        uint8 status;
        uint48 refunded;
    }

    /// @notice A listed asset: its decimals, the largest payment, what it may pay a day (UTC), and what it paid on `day`;
    /// minor units.
    struct Listing {
        uint8 decimals;
        bool listed;
        uint48 paymentLimit;
        uint48 dayLimit;
        uint16 day;
        uint48 used;
    }

    /// @notice Base units in the vault: free for the operator to take; held for locks and open refund windows.
    struct Vault {
        uint128 free;
        uint128 held;
    }

    event AssetListed(address indexed asset, uint8 decimals, uint48 paymentLimit, uint48 dayLimit);
    /// @notice Cash came into the inventory.
    event InventoryFunded(address indexed from, uint64 amount);
    event InventoryTaken(address indexed to, uint64 amount);
    /// @notice Somebody added to the free part of the vault.
    event AssetAdded(address indexed asset, address indexed from, uint256 amount);
    event AssetTaken(address indexed asset, address indexed to, uint128 amount);
    /// @notice The refund windows of the sales of a day have passed; what they held is free.
    event DayReleased(address indexed asset, uint16 indexed day, uint128 amount);
    /// @notice How a merchant refunds sales in an asset: 0 it does not take it, 1 rate of the sale, 2 current rate.
    event MerchantTermsSet(uint32 indexed merchant, address indexed asset, uint8 refunds);
    event RateLocked(uint64 indexed id, address indexed payer, uint32 indexed merchant, Sale sale);
    event LockLapsed(uint64 indexed id, address indexed payer, uint128 forfeited);
    /// @notice Paid: the merchant's payable was credited `sale.amount`.
    event AssetPaid(uint64 indexed id, address indexed payer, uint32 indexed merchant, Sale sale);
    /// @notice Refunded `amount` minor units as `assetAmount` base units.
    event AssetRefunded(
        uint64 indexed id, address indexed payer, uint32 indexed merchant, uint48 amount, uint128 assetAmount
    );
    /// @notice The asset could not be sent to its owner, who may claim it.
    event Unsent(address indexed asset, address indexed owner, uint256 amount);
    event Claimed(address indexed asset, address indexed owner, address to, uint256 amount);

    /// @notice Settings that contradict themselves.
    error BadSettings(Settings settings);
    /// @notice Not an asset that can be paid in, or not listed.
    error NotListed(address asset);
    /// @notice The cash and the coin of the network are not foreign assets.
    error OwnToken(address asset);
    /// @notice The token says that it has other decimals, or more than 18.
    error WrongDecimals(address asset, uint256 stated, uint256 found);
    /// @notice The merchant does not take this asset.
    error NotAccepted(uint32 merchant, address asset);
    /// @notice Merchant's terms are 0, 1 or 2.
    error BadTerms(uint8 refunds);
    /// @notice An amount of 0.
    error NothingToDo();
    /// @notice A payment and a limit are 2^48 - 1 at most, the inventory 2^64 - 1.
    error AmountTooLarge(uint256 amount);
    /// @notice More than one payment in this asset may be.
    error OverPaymentLimit(address asset, uint256 amount, uint256 limit);
    /// @notice More than this asset may pay today.
    error OverDayLimit(address asset, uint256 amount, uint256 left);
    /// @notice It would cost more of the asset than the payer allows.
    error Slippage(uint256 needed, uint256 allowed);
    /// @notice The inventory has less cash left.
    error InventoryShort(uint256 amount, uint256 left);
    /// @notice The vault has less of the asset that is free.
    error VaultShort(address asset, uint256 amount, uint256 free);
    /// @notice The merchant's payable and deposit hold less.
    error MerchantShort(uint32 merchant, uint256 amount, uint256 funds);
    /// @notice Another amount arrived than was sent: the token takes a fee or lies.
    error NotReceived(address asset, uint256 expected, uint256 received);
    /// @notice The payer holds as many locks as it may; lapsed ones count until `lapse` is called.
    error TooManyLocks(address payer, uint8 bound);
    /// @notice Neither sent nor signed by the payer.
    error NotPayer(address payer);
    /// @notice The signature's deadline is over.
    error SignatureExpired(uint256 deadline);
    /// @notice The sale is not in the state that this asks for.
    error WrongStatus(uint64 id, uint8 status);
    /// @notice The lock has ended.
    error LockOver(uint64 id, uint256 until);
    /// @notice The lock has not ended.
    error LockOpen(uint64 id, uint256 until);
    /// @notice Too late for a refund.
    error RefundWindowOver(uint64 id, uint256 until);
    /// @notice Sales of this day may still be refunded.
    error RefundWindowOpen(address asset, uint16 day, uint256 until);
    /// @notice More than is left of the sale.
    error OverSale(uint64 id, uint256 amount, uint256 left);

    /// @notice Lists an asset with its limits in minor units, or changes them; limit 0 closes it. Operator only.
    function setAsset(address asset, uint8 decimals, uint64 paymentLimit, uint64 dayLimit) external;
    /// @notice Puts cash into the inventory; the caller pays. Open to all.
    function fund(uint64 amount) external;
    /// @notice Takes cash that is not reserved out of the inventory. Finance only.
    function takeInventory(uint64 amount, address to) external;
    /// @notice Adds to the free part of the vault; the caller pays. Open to all.
    function addAsset(address asset, uint128 amount) external;
    /// @notice Takes what is free out of the vault, to sell it. Finance only.
    function takeAsset(address asset, uint128 amount, address to) external;
    /// @notice Frees what sales of a day (days since 1970, UTC) held, once their refund windows have passed. Open to all.
    function releaseDay(address asset, uint16 day) external;
    /// @notice Says whether a merchant takes an asset, and how it refunds. Its finance group.
    function setMerchantTerms(uint32 merchant, address asset, uint8 refunds) external;

    /// @notice Locks today's rate for a payment; the payer, or whoever brings its signature (RateLock) until `deadline`.
    /// The payer has approved the gateway for the asset.
    function lockRate(Terms calldata terms, uint256 deadline, bytes calldata signature) external returns (Sale memory);
    /// @notice Pays at a locked rate; the payer, or whoever brings its signature (LockedPayment). In a pause, too: it was
    /// agreed on before, and the payer would lose its deposit.
    function payLocked(Sale calldata sale, uint256 deadline, bytes calldata signature) external;
    /// @notice Pays at the current rate; the payer, or whoever brings its signature (Payment).
    function pay(Terms calldata terms, uint256 deadline, bytes calldata signature) external returns (Sale memory);
    /// @notice Ends a lock that was not used in time: the cash is free again, the deposit is the operator's. Open to all.
    function lapse(Sale calldata sale) external;
    /// @notice Gives back `amount` minor units of a sale, from the merchant's payable and deposit, less what it owes the
    /// guarantee fund. The merchant's finance or cancel group.
    /// @return assetAmount Base units that went to the payer
    function refund(Sale calldata sale, uint64 amount) external returns (uint128 assetAmount);
    /// @notice Sends what could not be sent to the caller before.
    function claim(address asset, address to) external;

    /// @notice What a payment would cost now: base units, what of it a lock takes, and the price.
    function quote(address asset, uint64 amount)
        external
        view
        returns (uint128 assetAmount, uint128 deposit, uint64 price);
    /// @notice The key of a sale.
    function hashOf(Sale calldata sale) external pure returns (bytes32);
    /// @notice The state of a sale, by its hash.
    function stateOf(bytes32 sale) external view returns (State memory);
    /// @notice An asset's decimals and limits.
    function listing(address asset) external view returns (Listing memory);
    /// @notice What is in the vault of an asset.
    function vault(address asset) external view returns (Vault memory);
    /// @notice What the sales of a day hold of an asset.
    function heldOfDay(address asset, uint16 day) external view returns (uint128);
    /// @notice Cash that is free, cash that is reserved, and how many sales and locks there were.
    function inventory() external view returns (uint64 free, uint64 reserved, uint64 sales);
    /// @notice How a merchant refunds sales in an asset; 0: it does not take it.
    function merchantTerms(uint32 merchant, address asset) external view returns (uint8 refunds);
    /// @notice Locks of a payer that were neither used nor lapsed.
    function openLocks(address payer) external view returns (uint8);
    /// @notice The nonce that the payer's next signed terms name.
    function payerNonce(address payer) external view returns (uint256);
    /// @notice What an owner may claim of an asset.
    function claimable(address asset, address owner) external view returns (uint256);
    /// @notice Where prices come from.
    function oracle() external view returns (IPriceOracle);
    /// @notice The network's settings.
    function settings() external view returns (Settings memory);
}
