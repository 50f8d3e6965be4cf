// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {ILedgerDoors} from "../../interfaces/ILedgerDoors.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";

/// @title Reading a payment's line from its proven leaf (docs/batch.md, the leaf)
library Receipts {
    /// @notice The leaf is not under the root, or the ledger does not know the root.
    error NotProven(bytes32 leaf, bytes32 root);

    /// @notice An accepted line. `amount` in minor units, `points` given in units; `last` is what was owed (lines that
    /// earn) or what coins came from the previous epoch (tender 1).
    struct Line {
        bytes32 leaf;
        uint32 stream;
        uint64 sequence;
        uint8 line;
        uint8 tender;
        uint16 terminal;
        uint32 merchant;
        uint16 ruleVersion;
        uint16 tierBps;
        uint16 epoch;
        uint40 rate;
        uint64 member;
        uint48 amount;
        uint32 time;
        uint56 points;
        uint56 last;
        bytes32 itemsRoot;
        uint64 blockNumber;
    }

    /// @notice The line, if the ledger accepted it. Reverts with NotProven.
    function read(IRewardToken ledger, ILedgerDoors.ProvenLeaf calldata leaf) internal view returns (Line memory line) {
        line.leaf = keccak256(abi.encode(leaf.head, leaf.body, leaf.itemsRoot, leaf.authorisation));
        line.blockNumber = uint64(ledger.roots(leaf.root));
        if (line.blockNumber == 0 || MerkleProof.processProofCalldata(leaf.proof, line.leaf) != leaf.root) {
            revert NotProven(line.leaf, leaf.root);
        }
        uint256 head = uint256(leaf.head);
        line.stream = uint32(head >> 216);
        line.sequence = uint64(head >> 152);
        line.line = uint8(head >> 144);
        line.tender = uint8(head >> 136);
        line.terminal = uint16(head >> 120);
        line.merchant = uint32(head >> 88);
        line.ruleVersion = uint16(head >> 72);
        line.tierBps = uint16(head >> 56);
        line.epoch = uint16(head >> 40);
        line.rate = uint40(head);
        uint256 body = uint256(leaf.body);
        line.member = uint64(body >> 192);
        line.amount = uint48(body >> 144);
        line.time = uint32(body >> 112);
        line.points = uint56(body >> 56);
        line.last = uint56(body);
        line.itemsRoot = leaf.itemsRoot;
    }
}
