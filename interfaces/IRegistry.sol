// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ITwoPeople} from "./ITwoPeople.sol";

/// @title Merchants, stores, terminals and members
/// @notice Who takes part. Merchants are numbered from 1, stores and terminals from 0 inside their merchant. No
/// personal data: member ids are random numbers.
/// @dev Trust: the operator (AccessManager role) onboards, hands terminals over and locks members; a merchant's own
/// groups manage what is inside the merchant. Keys that move what somebody owns are given by two: the operator proposes,
/// finance approves. The Registry writes into the ledger through its door alone.
interface IRegistry is ITwoPeople {
    /// @notice A terminal to add. `id` is DE41, ASCII, padded with zero bytes; `signer` 0 if it only speaks ISO 8583.
    struct NewTerminal {
        bytes8 id;
        uint32 stream;
        address signer;
        uint64 floorLimit;
    }

    /// @notice A store to add with its terminals; `name` is the merchant's own, ASCII, no personal data.
    struct NewStore {
        bytes32 name;
        NewTerminal[] terminals;
    }

    /// @notice A terminal. `signer` and `previousSigner` are both valid while a key is rotated.
    struct Terminal {
        bytes8 id;
        uint32 merchant;
        uint32 store;
        uint16 number;
        uint32 stream;
        bool active;
        uint64 floorLimit;
        address signer;
        address previousSigner;
    }

    /// @notice A merchant.
    struct Merchant {
        bytes32 name;
        bool active;
        uint32 stores;
        uint32 terminals;
    }

    /// @notice A change that waits for finance; `expires` in seconds since 1970.
    struct Proposal {
        address proposer;
        uint40 expires;
    }

    event MerchantOnboarded(uint32 indexed merchant, address indexed admin, bytes32 name);
    event MerchantActivated(uint32 indexed merchant, bool active);
    event StoreAdded(uint32 indexed merchant, uint32 indexed store, bytes32 name);
    event TerminalAdded(
        uint32 indexed merchant,
        bytes8 indexed id,
        uint32 store,
        uint16 number,
        uint32 stream,
        address signer,
        uint64 floorLimit
    );
    event TerminalActivated(bytes8 indexed id, bool active);
    event TerminalHandedOver(bytes8 indexed id, uint32 fromStream, uint32 toStream);
    event TerminalKeyRotated(bytes8 indexed id, address signer, address previousSigner);
    event TerminalKeyRetired(bytes8 indexed id, address previousSigner);
    event FloorLimitSet(bytes8 indexed id, uint64 floorLimit);
    event GroupsSet(uint32 indexed merchant, address indexed account, uint8 groups, address indexed by);
    event GroupsProposed(
        uint32 indexed merchant, address indexed account, uint8 groups, address indexed by, uint40 expires
    );
    event MemberKeySet(uint64 indexed member, address key);
    event MemberKeyProposed(uint64 indexed member, address key, address indexed by, uint40 expires);

    /// @notice No such merchant.
    error UnknownMerchant(uint32 merchant);
    /// @notice No such store.
    error UnknownStore(uint32 merchant, uint32 store);
    /// @notice No such terminal.
    error UnknownTerminal(bytes8 id);
    /// @notice Terminal ids are unique in the network.
    error TerminalExists(bytes8 id);
    /// @notice A terminal id is 1 to 8 printable ASCII characters, padded with zero bytes, no trailing blank.
    error BadTerminalId(bytes8 id);
    /// @notice A merchant has at most 65,536 terminals.
    error TooManyTerminals(uint32 merchant);
    /// @notice The sender is not in the merchant's group.
    error NotInGroup(uint32 merchant, address account, uint8 group);
    /// @notice A new key differs from the old one.
    error SameKey(bytes8 id);
    /// @notice This gives power over what somebody owns: the operator proposes it, and finance approves.
    error NeedsApproval();
    /// @notice The sender is not the member's key.
    error NotMemberKey(uint64 member, address account);
    /// @notice The member was merged into another, whose key acts for both.
    error MergedAway(uint64 member, uint64 into);
    /// @notice The member is itself: its key stays.
    error NotMerged(uint64 member);

    /// @notice Onboards a merchant with its stores and terminals. Operator only.
    /// @param admin First account of the merchant, in all of its groups
    /// @return merchant The new merchant's number
    function onboardMerchant(bytes32 name, address admin, NewStore[] calldata stores) external returns (uint32 merchant);
    /// @notice Adds stores with their terminals to a merchant. Operator only.
    function addStores(uint32 merchant, NewStore[] calldata stores) external;
    /// @notice Adds terminals to a store. Operator only.
    function addTerminals(uint32 merchant, uint32 store, NewTerminal[] calldata terminals) external;
    /// @notice Lets a merchant's payments in, or keeps them out: lines and acts of tills, authorisations, payments in
    /// assets, plans, recharges and write-offs. What was agreed on before goes on: captures, locked rates, instalments,
    /// refunds. Operator only.
    function setMerchantActive(uint32 merchant, bool active) external;
    /// @notice Moves terminals to another stream. Operator only: two bridges never post the same payment.
    function handOver(bytes8[] calldata ids, uint32 toStream) external;
    /// @notice Switches a terminal on or off. The merchant's terminals group.
    function setTerminalActive(bytes8 id, bool active) external;
    /// @notice Gives a terminal a new key; the one before stays valid until it is retired. The terminals group.
    function rotateTerminalKey(bytes8 id, address signer) external;
    /// @notice Ends the validity of the key before. The terminals group.
    function retireTerminalKey(bytes8 id) external;
    /// @notice Sets what a terminal may sell offline, minor units. Operator only.
    function setFloorLimit(bytes8 id, uint64 floorLimit) external;
    /// @notice Sets the groups of an account in a merchant, bits: 1 owner (says who is in which group), 2 offers (what
    /// the merchant gives), 4 terminals and their keys, 8 finance (money), 16 consume (a clerk that sells and writes
    /// off), 32 cancel (voids and refunds), 64 check (looks up), 128 reconcile (claims what is missing); 0 none. The
    /// merchant's owner group.
    function setGroups(uint32 merchant, address account, uint8 groups) external;
    /// @notice Takes groups from an account, at once. Operator only.
    /// @param groups Those that stay
    function resetGroups(uint32 merchant, address account, uint8 groups) external;
    /// @notice Proposes an account's groups, for a merchant that lost its owner's key. Operator only.
    function proposeGroups(uint32 merchant, address account, uint8 groups) external;
    /// @notice Sets the groups that were proposed, if the account's are still those of then. Finance only, and not who
    /// proposed.
    function approveGroups(uint32 merchant, address account, uint8 groups) external;
    /// @notice Enrols members. Operator only.
    function enrolMembers(uint64[] calldata members) external;
    /// @notice Locks (no debit) or unlocks a member, and freezes (neither debit nor earning) or not. Operator only.
    function setMemberState(uint64 member, bool locked, bool frozen) external;
    /// @notice Sets the tier of members, 0 to 15. Operator only.
    function setTier(uint64[] calldata members, uint8 tier) external;
    /// @notice Registers the first key by which a member signs terms of its own, while its account in the ledger holds
    /// nothing; or, with 0, takes its key away. A member that ever had a key gets another by two people only, since what
    /// it has may lie in other contracts (offers, certificates, coupons). Operator only.
    function setMemberKey(uint64 member, address key) external;
    /// @notice Changes the member's key. By that key only.
    function changeMemberKey(uint64 member, address key) external;
    /// @notice Proposes a key for a member that lost its own, or has something already. Operator only.
    function proposeMemberKey(uint64 member, address key) external;
    /// @notice Registers the key that was proposed, if the member's is still that of then: a member that found its key and
    /// changed it has made the proposal void. Finance only, and not who proposed.
    function approveMemberKey(uint64 member, address key) external;
    /// @notice Takes the key of a member that was merged into another. Anybody; each merge does it.
    function dropKey(uint64 member) external;

    /// @notice The ledger that this registry writes into.
    function ledger() external view returns (address);
    /// @notice Merchants are numbered 1 to this.
    function merchantCount() external view returns (uint32);
    /// @notice A merchant.
    function merchant(uint32 id) external view returns (Merchant memory);
    /// @notice A store's name.
    function storeName(uint32 merchantId, uint32 store) external view returns (bytes32);
    /// @notice A terminal by its id; reverts for an unknown one.
    function terminal(bytes8 id) external view returns (Terminal memory);
    /// @notice A merchant's terminals by number, a page at a time.
    function terminals(uint32 merchantId, uint256 offset, uint256 limit) external view returns (Terminal[] memory);
    /// @notice Whether this key signs for the terminal now.
    function isTerminalSigner(bytes8 id, address signer) external view returns (bool);
    /// @notice The groups of an account in a merchant.
    function groupsOf(uint32 merchantId, address account) external view returns (uint8);
    /// @notice Whether an account is in a group of a merchant.
    function inGroup(uint32 merchantId, address account, uint8 group) external view returns (bool);
    /// @notice The key by which a member signs; 0 if none.
    function memberKey(uint64 member) external view returns (address);
}
