// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IAssetGateway} from "../../interfaces/IAssetGateway.sol";
import {ILedgerDoors} from "../../interfaces/ILedgerDoors.sol";
import {IPriceOracle} from "../../interfaces/IPriceOracle.sol";
import {AssetMath} from "../libraries/AssetMath.sol";
import {CANCEL, FINANCE} from "../libraries/Groups.sol";
import {SuitePart} from "../suite/SuitePart.sol";
import {GatewayVault} from "./GatewayVault.sol";

/// @title Paying in other assets
contract AssetGateway is GatewayVault, EIP712 {
    uint8 private constant LOCKED = 1;
    uint8 private constant PAID = 2;
    uint8 private constant LAPSED = 3;
    uint8 private constant CURRENT_RATE = 2;

    bytes32 private constant TERMS_OF_PAYMENT = keccak256(
        "Payment(address payer,address asset,uint32 merchant,uint64 amount,uint128 maxAsset,bytes32 reference,uint256 nonce,uint256 deadline)"
    );
    bytes32 private constant TERMS_OF_LOCK = keccak256(
        "RateLock(address payer,address asset,uint32 merchant,uint64 amount,uint128 maxAsset,bytes32 reference,uint256 nonce,uint256 deadline)"
    );
    bytes32 private constant LOCKED_PAYMENT = keccak256("LockedPayment(bytes32 sale,uint256 deadline)");

    /// @inheritdoc IAssetGateway
    IPriceOracle public immutable oracle;
    uint256 private immutable _lockTime;
    uint256 private immutable _depositBps;
    uint8 private immutable _maxLocks;

    mapping(bytes32 sale => State) private _states;
    /// @inheritdoc IAssetGateway
    mapping(uint32 merchant => mapping(address asset => uint8)) public merchantTerms;
    /// @inheritdoc IAssetGateway
    mapping(address payer => uint8) public openLocks;
    /// @inheritdoc IAssetGateway
    mapping(address payer => uint256) public payerNonce;

    constructor(address authority_, address ledger_, address registry_, address oracle_, Settings memory its)
        SuitePart(authority_, ledger_, registry_)
        GatewayVault(its.refundWindow)
        EIP712("AssetGateway", "1")
    {
        bool sound = its.lockTime >= 1 minutes && its.lockTime <= 1 days && its.refundWindow >= 1 days
            && its.refundWindow <= 366 days && its.depositBps != 0 && its.depositBps <= 1e4 && its.maxLocks != 0;
        if (!sound) revert BadSettings(its);
        oracle = IPriceOracle(oracle_);
        _lockTime = its.lockTime;
        _depositBps = its.depositBps;
        _maxLocks = its.maxLocks;
    }

    /// @inheritdoc IAssetGateway
    function setMerchantTerms(uint32 merchant, address asset, uint8 refunds) external onlyGroup(merchant, FINANCE) {
        _requireListed(asset);
        if (refunds > CURRENT_RATE) revert BadTerms(refunds);
        merchantTerms[merchant][asset] = refunds;
        emit MerchantTermsSet(merchant, asset, refunds);
    }

    /// @inheritdoc IAssetGateway
    function lockRate(Terms calldata terms, uint256 deadline, bytes calldata signature)
        external
        nonReentrant
        whenRunning
        returns (Sale memory sale)
    {
        _requirePayer(TERMS_OF_LOCK, terms, deadline, signature);
        if (openLocks[terms.payer] >= _maxLocks) revert TooManyLocks(terms.payer, _maxLocks);
        sale = _sell(terms);
        sale.deposit = _depositUp(sale.assetAmount);
        ++openLocks[terms.payer];
        _inventory.reserved += terms.amount;
        _vaults[terms.asset].held += sale.deposit;
        _states[_hash(sale)] = State(LOCKED, 0);
        emit RateLocked(sale.id, sale.payer, sale.merchant, sale);
        _pullExactly(terms.asset, terms.payer, sale.deposit);
    }

    /// @inheritdoc IAssetGateway
    function payLocked(Sale calldata sale, uint256 deadline, bytes calldata signature) external nonReentrant {
        bytes32 hash = _requireStatus(sale, LOCKED);
        _requireSigned(sale.payer, keccak256(abi.encode(LOCKED_PAYMENT, hash, deadline)), deadline, signature);
        uint256 until = sale.time + _lockTime;
        if (block.timestamp > until) revert LockOver(sale.id, until);
        _states[hash].status = PAID;
        --openLocks[sale.payer];
        _inventory.reserved -= sale.amount;
        _receive(sale);
    }

    /// @inheritdoc IAssetGateway
    function pay(Terms calldata terms, uint256 deadline, bytes calldata signature)
        external
        nonReentrant
        whenRunning
        returns (Sale memory sale)
    {
        _requirePayer(TERMS_OF_PAYMENT, terms, deadline, signature);
        sale = _sell(terms);
        _states[_hash(sale)] = State(PAID, 0);
        _receive(sale);
    }

    /// @inheritdoc IAssetGateway
    function lapse(Sale calldata sale) external {
        bytes32 hash = _requireStatus(sale, LOCKED);
        uint256 until = sale.time + _lockTime;
        if (block.timestamp <= until) revert LockOpen(sale.id, until);
        _states[hash].status = LAPSED;
        --openLocks[sale.payer];
        _inventory.reserved -= sale.amount;
        _inventory.free += sale.amount;
        _vaults[sale.asset].held -= sale.deposit;
        _vaults[sale.asset].free += sale.deposit;
        emit LockLapsed(sale.id, sale.payer, sale.deposit);
    }

    /// @inheritdoc IAssetGateway
    function refund(Sale calldata sale, uint64 amount)
        external
        nonReentrant
        onlyGroup(sale.merchant, FINANCE | CANCEL)
        returns (uint128 assetAmount)
    {
        bytes32 hash = _requireStatus(sale, PAID);
        uint256 until = sale.time + _refundWindow;
        if (block.timestamp > until) revert RefundWindowOver(sale.id, until);
        uint48 before = _states[hash].refunded;
        if (amount == 0) revert NothingToDo();
        if (amount > sale.amount - before) revert OverSale(sale.id, amount, sale.amount - before);
        _requireFunds(sale.merchant, amount);
        _states[hash].refunded = before + uint48(amount); // no more than the sale, as was asked
        // what the sale held of this part: the shares of all parts so far, less those before
        uint128 held = AssetMath.shareDown(sale.assetAmount, before + amount, sale.amount)
            - AssetMath.shareDown(sale.assetAmount, before, sale.amount);
        heldOfDay[sale.asset][_day(sale)] -= held;
        _vaults[sale.asset].held -= held;
        _vaults[sale.asset].free += held;
        assetAmount = sale.refunds == CURRENT_RATE
            ? AssetMath.assetForDown(amount, oracle.price(sale.asset), _listings[sale.asset].decimals)
            : held;
        _takeFree(sale.asset, assetAmount);
        _inventory.free += amount;
        emit AssetRefunded(sale.id, sale.payer, sale.merchant, uint48(amount), assetAmount);
        ILedgerDoors(address(ledger)).drawOn(sale.merchant, amount, address(this));
        _sendOrKeep(sale.asset, sale.payer, assetAmount);
    }

    /// @inheritdoc IAssetGateway
    function quote(address asset, uint64 amount)
        external
        view
        returns (uint128 assetAmount, uint128 deposit, uint64 price)
    {
        _requireListed(asset);
        _requireFits(amount);
        price = oracle.price(asset);
        assetAmount = AssetMath.assetForUp(amount, price, _listings[asset].decimals);
        deposit = _depositUp(assetAmount);
    }

    /// @inheritdoc IAssetGateway
    function hashOf(Sale calldata sale) external pure returns (bytes32) {
        return _hash(sale);
    }

    /// @inheritdoc IAssetGateway
    function stateOf(bytes32 sale) external view returns (State memory) {
        return _states[sale];
    }

    /// @inheritdoc IAssetGateway
    function settings() external view returns (Settings memory) {
        return Settings(uint32(_lockTime), uint32(_refundWindow), uint16(_depositBps), _maxLocks);
    }

    // --- inside ---------------------------------------------------------------------------------------------------

    /// @dev Checks a sale and takes its cash out of the free inventory.
    function _sell(Terms calldata terms) private returns (Sale memory sale) {
        _requireListed(terms.asset);
        if (terms.amount == 0) revert NothingToDo();
        uint48 amount = _requireFits(terms.amount);
        uint8 refunds = merchantTerms[terms.merchant][terms.asset];
        if (refunds == 0) revert NotAccepted(terms.merchant, terms.asset);
        _requireActive(terms.merchant);
        uint64 price = oracle.price(terms.asset);
        uint128 needed = AssetMath.assetForUp(amount, price, _listings[terms.asset].decimals);
        if (needed > terms.maxAsset) revert Slippage(needed, terms.maxAsset);
        _useLimits(terms.asset, amount);
        Inventory memory stock = _inventory;
        if (amount > stock.free) revert InventoryShort(amount, stock.free);
        stock.free -= amount;
        ++stock.sales;
        _inventory = stock;
        sale = Sale({
            id: stock.sales,
            payer: terms.payer,
            asset: terms.asset,
            merchant: terms.merchant,
            amount: amount,
            assetAmount: needed,
            deposit: 0,
            price: price,
            time: uint32(block.timestamp),
            refunds: refunds,
            reference_: terms.reference_
        });
    }

    /// @dev The asset comes in, the merchant is credited; the cash was taken out of the inventory before.
    function _receive(Sale memory sale) private {
        uint128 rest = sale.assetAmount - sale.deposit;
        _vaults[sale.asset].held += rest;
        heldOfDay[sale.asset][uint16(sale.time / 1 days)] += sale.assetAmount;
        emit AssetPaid(sale.id, sale.payer, sale.merchant, sale);
        if (rest != 0) _pullExactly(sale.asset, sale.payer, rest);
        ILedgerDoors(address(ledger)).creditPayable(sale.merchant, sale.amount);
    }

    /// @dev A merchant refunds out of what is its own; the guarantee fund is not for refunds that it makes of itself.
    function _requireFunds(uint32 merchant, uint256 amount) private view {
        uint256 funds = _ownFundsOf(merchant);
        if (amount > funds) revert MerchantShort(merchant, amount, funds);
    }

    function _depositUp(uint256 assetAmount) private view returns (uint128) {
        return uint128(Math.ceilDiv(assetAmount * _depositBps, 1e4));
    }

    function _requireStatus(Sale calldata sale, uint8 status) private view returns (bytes32 hash) {
        hash = _hash(sale);
        if (_states[hash].status != status) revert WrongStatus(sale.id, _states[hash].status);
    }

    function _requirePayer(bytes32 kind, Terms calldata terms, uint256 deadline, bytes calldata signature) private {
        if (signature.length == 0) {
            if (msg.sender != terms.payer) revert NotPayer(terms.payer);
            return;
        }
        // the struct's six words stand in the order of the type
        bytes32 signed = keccak256(abi.encode(kind, terms, payerNonce[terms.payer]++, deadline));
        _requireSigned(terms.payer, signed, deadline, signature);
    }

    function _requireSigned(address payer, bytes32 signed, uint256 deadline, bytes calldata signature) private view {
        if (signature.length == 0) {
            if (msg.sender != payer) revert NotPayer(payer);
            return;
        }
        if (block.timestamp > deadline) revert SignatureExpired(deadline);
        if (!SignatureChecker.isValidSignatureNow(payer, _hashTypedDataV4(signed), signature)) revert NotPayer(payer);
    }

    function _hash(Sale memory sale) private pure returns (bytes32) {
        return keccak256(abi.encode(sale));
    }

    function _day(Sale calldata sale) private pure returns (uint16) {
        return uint16(sale.time / 1 days);
    }
}
