// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IRegistry} from "../../interfaces/IRegistry.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {TwoPeople} from "../governance/TwoPeople.sol";
import {ALL_GROUPS, TERMINAL_KEYS} from "../libraries/Groups.sol";
import {Mandates} from "./Mandates.sol";

/// @title Merchants, stores, terminals and members
/// @notice Keeps who is who; the bits that the posting path reads are the ledger's.
contract Registry is Mandates {
    uint256 private constant MAX_TERMINALS = 65_536;
    uint16 private constant LOCKED = 2;
    uint16 private constant FROZEN = 4;

    /// @inheritdoc IRegistry
    uint32 public merchantCount;

    mapping(uint32 id => Merchant) private _merchants;
    mapping(uint32 merchantId => mapping(uint32 store => bytes32)) private _storeNames;
    mapping(bytes8 id => Terminal) private _terminals;
    mapping(uint32 merchantId => mapping(uint256 number => bytes8)) private _numbers;

    modifier onlyTerminalsGroup(bytes8 id) {
        uint32 merchantId = _known(id).merchant;
        if (!inGroup(merchantId, msg.sender, TERMINAL_KEYS)) {
            revert NotInGroup(merchantId, msg.sender, TERMINAL_KEYS);
        }
        _;
    }

    constructor(address authority_, address ledger_, uint40 patience_)
        AccessManaged(authority_)
        TwoPeople(patience_)
        Mandates(ledger_)
    {}

    // --- merchants ------------------------------------------------------------------------------------------------

    /// @inheritdoc IRegistry
    function onboardMerchant(bytes32 name, address admin, NewStore[] calldata stores)
        external
        restricted
        returns (uint32 id)
    {
        id = ++merchantCount;
        _merchants[id].name = name;
        _merchants[id].active = true;
        emit MerchantOnboarded(id, admin, name);
        _setGroups(id, admin, ALL_GROUPS);
        IRewardToken(ledger).setMerchant(id, 1);
        _addStores(id, stores);
    }

    /// @inheritdoc IRegistry
    function addStores(uint32 merchantId, NewStore[] calldata stores) external restricted {
        _requireMerchant(merchantId);
        _addStores(merchantId, stores);
    }

    /// @inheritdoc IRegistry
    function addTerminals(uint32 merchantId, uint32 store, NewTerminal[] calldata terminals_) external restricted {
        _requireMerchant(merchantId);
        if (store >= _merchants[merchantId].stores) revert UnknownStore(merchantId, store);
        _addTerminals(merchantId, store, terminals_);
    }

    /// @inheritdoc IRegistry
    function setMerchantActive(uint32 merchantId, bool active) external restricted {
        _requireMerchant(merchantId);
        _merchants[merchantId].active = active;
        emit MerchantActivated(merchantId, active);
        IRewardToken(ledger).setMerchant(merchantId, active ? 1 : 0);
    }

    // --- terminals ------------------------------------------------------------------------------------------------

    /// @inheritdoc IRegistry
    function handOver(bytes8[] calldata ids, uint32 toStream) external restricted {
        for (uint256 i = 0; i < ids.length; ++i) {
            Terminal storage it = _known(ids[i]);
            uint32 fromStream = it.stream;
            if (fromStream == toStream) continue;
            bool active = it.active;
            if (active) _setBit(it.merchant, fromStream, it.number, false);
            it.stream = toStream;
            if (active) _setBit(it.merchant, toStream, it.number, true);
            emit TerminalHandedOver(ids[i], fromStream, toStream);
        }
    }

    /// @inheritdoc IRegistry
    function setTerminalActive(bytes8 id, bool active) external onlyTerminalsGroup(id) {
        Terminal storage it = _terminals[id];
        if (it.active == active) return;
        it.active = active;
        emit TerminalActivated(id, active);
        _setBit(it.merchant, it.stream, it.number, active);
    }

    /// @inheritdoc IRegistry
    function rotateTerminalKey(bytes8 id, address signer) external onlyTerminalsGroup(id) {
        Terminal storage it = _terminals[id];
        if (it.signer == signer) revert SameKey(id);
        it.previousSigner = it.signer;
        it.signer = signer;
        emit TerminalKeyRotated(id, signer, it.previousSigner);
    }

    /// @inheritdoc IRegistry
    function retireTerminalKey(bytes8 id) external onlyTerminalsGroup(id) {
        Terminal storage it = _terminals[id];
        emit TerminalKeyRetired(id, it.previousSigner);
        it.previousSigner = address(0);
    }

    /// @inheritdoc IRegistry
    function setFloorLimit(bytes8 id, uint64 floorLimit) external restricted {
        _known(id).floorLimit = floorLimit;
        emit FloorLimitSet(id, floorLimit);
    }

    // --- members --------------------------------------------------------------------------------------------------

    /// @inheritdoc IRegistry
    function enrolMembers(uint64[] calldata members) external restricted {
        IRewardToken(ledger).enrol(members);
    }

    /// @inheritdoc IRegistry
    function setMemberState(uint64 member, bool locked, bool frozen) external restricted {
        IRewardToken(ledger).setMemberFlags(member, (locked ? LOCKED : 0) | (frozen ? FROZEN : 0));
    }

    /// @inheritdoc IRegistry
    function setTier(uint64[] calldata members, uint8 tier) external restricted {
        IRewardToken(ledger).setTier(members, tier);
    }

    // --- views ----------------------------------------------------------------------------------------------------

    /// @inheritdoc IRegistry
    function merchant(uint32 id) external view returns (Merchant memory) {
        _requireMerchant(id);
        return _merchants[id];
    }

    /// @inheritdoc IRegistry
    function storeName(uint32 merchantId, uint32 store) external view returns (bytes32) {
        if (store >= _merchants[merchantId].stores) revert UnknownStore(merchantId, store);
        return _storeNames[merchantId][store];
    }

    /// @inheritdoc IRegistry
    function terminal(bytes8 id) external view returns (Terminal memory) {
        return _known(id);
    }

    /// @inheritdoc IRegistry
    function terminals(uint32 merchantId, uint256 offset, uint256 limit)
        external
        view
        returns (Terminal[] memory page)
    {
        uint256 count = _merchants[merchantId].terminals;
        uint256 end = limit < count && offset < count - limit ? offset + limit : count;
        page = new Terminal[](offset < end ? end - offset : 0);
        for (uint256 i = 0; i < page.length; ++i) {
            page[i] = _terminals[_numbers[merchantId][offset + i]];
        }
    }

    /// @inheritdoc IRegistry
    function isTerminalSigner(bytes8 id, address signer) external view returns (bool) {
        Terminal storage it = _terminals[id];
        return signer != address(0) && (it.signer == signer || it.previousSigner == signer);
    }

    // --- inside ---------------------------------------------------------------------------------------------------

    function _addStores(uint32 merchantId, NewStore[] calldata stores) private {
        for (uint256 i = 0; i < stores.length; ++i) {
            uint32 store = _merchants[merchantId].stores++;
            _storeNames[merchantId][store] = stores[i].name;
            emit StoreAdded(merchantId, store, stores[i].name);
            _addTerminals(merchantId, store, stores[i].terminals);
        }
    }

    function _addTerminals(uint32 merchantId, uint32 store, NewTerminal[] calldata added) private {
        for (uint256 i = 0; i < added.length; ++i) {
            NewTerminal calldata it = added[i];
            _requireTerminalId(it.id);
            if (_terminals[it.id].id != 0) revert TerminalExists(it.id);
            uint32 number = _merchants[merchantId].terminals++;
            if (number >= MAX_TERMINALS) revert TooManyTerminals(merchantId);
            _terminals[it.id] = Terminal({
                id: it.id,
                merchant: merchantId,
                store: store,
                number: uint16(number),
                stream: it.stream,
                active: true,
                floorLimit: it.floorLimit,
                signer: it.signer,
                previousSigner: address(0)
            });
            _numbers[merchantId][number] = it.id;
            emit TerminalAdded(merchantId, it.id, store, uint16(number), it.stream, it.signer, it.floorLimit);
            _setBit(merchantId, it.stream, uint16(number), true);
        }
    }

    function _setBit(uint32 merchantId, uint32 stream, uint16 number, bool active) private {
        uint8 page = uint8(number >> 8);
        uint256 bits = IRewardToken(ledger).terminals(merchantId, stream, page);
        uint256 bit = 1 << (number & 0xff);
        IRewardToken(ledger).setTerminals(merchantId, stream, page, active ? bits | bit : bits & ~bit);
    }

    function _requireMerchant(uint32 id) internal view override {
        if (id == 0 || id > merchantCount) revert UnknownMerchant(id);
    }

    function _known(bytes8 id) private view returns (Terminal storage it) {
        it = _terminals[id];
        if (it.id == 0) revert UnknownTerminal(id);
    }

    /// @dev Printable ASCII, then zero bytes only; the last character is no blank (DE41 is padded with blanks).
    function _requireTerminalId(bytes8 id) private pure {
        uint256 length = 8;
        while (length != 0 && id[length - 1] == 0) --length;
        if (length == 0 || id[length - 1] == 0x20) revert BadTerminalId(id);
        for (uint256 i = 0; i < length; ++i) {
            if (id[i] < 0x20 || id[i] > 0x7e) revert BadTerminalId(id);
        }
    }
}
