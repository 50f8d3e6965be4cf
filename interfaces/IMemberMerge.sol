// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMemberSigned} from "./IMemberSigned.sol";
import {ITwoPeople} from "./ITwoPeople.sol";

/// @title Two members become one
/// @notice Somebody has two numbers: what the first has in the ledger (coins, stored value, points owed both ways), its
/// cards, its rebates and what it paid in go to the second, for good; the first is frozen. Both members' keys consent,
/// or the operator proposes with the hash of their consent and finance approves. The first one's key ends.
/// @dev Trust: the operator alone cannot merge; nor can two members without the operator. Whoever has the second one's
/// key has all of it, so a proposal names that key, and ends when the key is another.
interface IMemberMerge is IMemberSigned, ITwoPeople {
    /// @notice A merge that was proposed without keys. `consent` is the hash of the members' consent, `key` that of the
    /// second member at that time.
    struct Proposal {
        address proposer;
        uint40 expires;
        address key;
        bytes32 consent;
    }

    /// @notice Two people are needed for a merge without keys: the first has proposed. `key` will act for both members.
    event MergeProposed(
        uint64 indexed from, uint64 indexed into, bytes32 consent, address key, address proposer, uint40 expires
    );
    /// @notice `from` is `into` now. `consent` is 0 if both keys signed.
    event Merged(uint64 indexed from, uint64 indexed into, address indexed by, bytes32 consent);

    /// @notice A consent on paper is hashed.
    error NoConsent();
    /// @notice The second member's key is not the one that it had when the merge was proposed: propose it anew.
    error OtherKey(uint64 into, address proposed, address key);

    /// @notice Merges with both keys' consent, EIP-712 of each
    /// `Merge(uint64 from,uint64 into,uint256 nonce,uint256 deadline)` with its own nonce. Operator only.
    /// @param merchants All merchants that `from` owes, or that owe it points
    function merge(
        uint64 from,
        uint64 into,
        uint32[] calldata merchants,
        uint256 deadline,
        bytes calldata signatureFrom,
        bytes calldata signatureInto
    ) external;
    /// @notice Proposes a merge by consent on paper. Operator only.
    function proposeMerge(uint64 from, uint64 into, bytes32 consent) external;
    /// @notice Approves it and merges. Finance only, and not who proposed.
    function approveMerge(uint64 from, uint64 into, uint32[] calldata merchants) external;

    /// @notice What was proposed.
    function proposalOf(uint64 from, uint64 into) external view returns (Proposal memory);
}
