// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Who validates, and who may connect
/// @notice A genesis contract: it stands in block 0, and nobody can replace it but by a fork. Validators decide here, by
/// more than two thirds of their power, who validates with what power and under which key, which observers may connect,
/// and who runs the AccountRegistry. The validators' application reads it in the state of each block and tells CometBFT
/// what changed: a change in block H holds from block H + 2 on.
/// @dev Trust: more than two thirds of the power may do anything here, as it may to the whole chain. An account is what
/// a validator votes with; its consensus key and its node key are other keys. Reads `block.number`, nothing else.
interface IValidatorRegistry {
    /// @notice A validator: it votes with `account`, signs blocks with the ed25519 key `key`, connects as `nodeId`.
    struct Validator {
        address account;
        uint64 power;
        bytes32 key;
        bytes20 nodeId;
        bytes32 name;
    }

    /// @notice A node that may connect and follow, without a vote.
    struct Observer {
        bytes20 nodeId;
        bytes32 name;
    }

    /// @notice What a proposal does.
    enum Kind {
        AddValidator, // account, key, nodeId, power, name
        RemoveValidator, // account
        ChangePower, // account, power
        RotateKey, // account, key, nodeId
        AddObserver, // nodeId, name
        RemoveObserver, // nodeId
        SetAdmin // account: the AccountRegistry's new admin, 0 for none
    }

    /// @notice An act to be voted on; each kind takes the fields named beside it, the others are 0.
    struct Action {
        Kind kind;
        address account;
        uint64 power;
        bytes32 key;
        bytes20 nodeId;
        bytes32 name;
    }

    /// @notice A proposal. `expires` is the last block in which it may be voted on, and 0 once it is closed. `drastic`
    /// is what its proposer has to say if it alone moves more than a third of the power.
    struct Proposal {
        address proposer;
        uint64 expires;
        bool drastic;
        Action action;
    }

    /// @notice What the registry knows of a node: nothing, that it is a validator's or an observer's, that it was one.
    enum NodeStatus {
        Unknown,
        OfValidator,
        OfObserver,
        Removed
    }

    /// @notice Why a validator is none any more.
    enum Reason {
        Voted,
        Left,
        DoubleSigned
    }

    /// @notice The chain's first validators have no event: they stand in the storage of block 0.
    event ValidatorAdded(address indexed account, bytes32 key, bytes20 nodeId, uint64 power, bytes32 name);
    /// @notice This validator is none any more, and its node may not connect.
    event ValidatorRemoved(address indexed account, bytes32 key, bytes20 nodeId, uint64 power, Reason reason);
    /// @notice This validator's vote weighs more or less.
    event PowerChanged(address indexed account, uint64 before, uint64 power);
    /// @notice This validator signs with another key from another node.
    event KeyRotated(address indexed account, bytes32 oldKey, bytes32 key, bytes20 oldNodeId, bytes20 nodeId);
    /// @notice This node may connect.
    event ObserverAdded(bytes20 indexed nodeId, bytes32 name);
    /// @notice This node may connect no more; `promoted` if it is a validator's now.
    event ObserverRemoved(bytes20 indexed nodeId, bool promoted);
    /// @notice A validator proposed something, and with that voted for it.
    event Proposed(uint256 indexed id, address indexed proposer, Action action, bool drastic, uint64 expires);
    /// @notice A validator voted, with the power that it has now.
    event Voted(uint256 indexed id, address indexed voter, bool approves, uint64 power);
    /// @notice More than two thirds of the power were for it, and it was done.
    event Passed(uint256 indexed id);
    /// @notice A third of the power or more was against it.
    event Rejected(uint256 indexed id);
    /// @notice A validator says that this consensus address signed two blocks at `height` (kind as in CometBFT's ABCI).
    event EvidenceReported(bytes20 indexed culprit, address indexed reporter, uint64 height, uint8 kind);
    /// @notice More than two thirds of the power said so, the last of it this: the key never validates again, and `account`,
    /// if it still validated with it, is no validator any more.
    event EvidenceAccepted(bytes20 indexed culprit, address indexed account, uint64 height, uint8 kind, bool removed);

    /// @notice Only a validator does this.
    error NotValidator(address account);
    /// @notice It is a validator already.
    error AlreadyValidator(address account);
    /// @notice There is no validator with this account.
    error UnknownValidator(address account);
    /// @notice Another validator has this key.
    error KeyInUse(bytes32 key);
    /// @notice This key signed two blocks at one height and never validates again.
    error KeyBanned(bytes32 key);
    /// @notice A key is not 0.
    error BadKey();
    /// @notice Another validator or observer has this node id, or it is 0.
    error BadNode(bytes20 nodeId);
    /// @notice There is no observer with this node id.
    error UnknownObserver(bytes20 nodeId);
    /// @notice A power is 1 to `most`.
    error BadPower(uint64 power, uint64 most);
    /// @notice There are `most` already.
    error TooMany(uint256 most);
    /// @notice The last validator stays.
    error LastValidator(address account);
    /// @notice It moves `changed` of `total` power, more than a third: propose it as drastic.
    error Drastic(uint256 changed, uint256 total);
    /// @notice With what moved before, `changed` of `total` power would move in this block; vote again in the next.
    error TooMuchInOneBlock(uint256 changed, uint256 total);
    /// @notice The proposal does not exist, is done, was rejected or has expired, or its proposer validates no more.
    error ProposalClosed(uint256 id);
    /// @notice This account voted on it before.
    error AlreadyVoted(uint256 id, address account);
    /// @notice No validator ever had the key of this consensus address.
    error UnknownCulprit(bytes20 culprit);

    /// @notice Proposes an act and votes for it. Validators only, four open proposals each.
    function propose(Action calldata action, bool drastic) external returns (uint256 id);
    /// @notice Votes on a proposal, once. It is done at once when more than two thirds of today's power are for it, and
    /// closed when a third is against it. Powers count as they are at the moment of each vote.
    function vote(uint256 id, bool approves) external;
    /// @notice The caller validates no more.
    function leave() external;
    /// @notice Says that a consensus address (the first 20 bytes of the key's SHA-256) signed two blocks at `height`.
    /// Said again, of this height or another, it does nothing: whoever signs twice at all is removed, as soon as more than
    /// two thirds of the power have said so, its own included if its node says so too. CometBFT shows all validators the
    /// same evidence, and the contract cannot check it.
    function reportEvidence(bytes20 culprit, uint64 height, uint8 kind) external;

    /// @notice All validators; at most 64.
    function validators() external view returns (Validator[] memory);
    /// @notice All observers; at most 256.
    function observers() external view returns (Observer[] memory);
    /// @notice Whether this account is a validator's.
    function isValidator(address account) external view returns (bool);
    /// @notice The power of all validators together.
    function totalPower() external view returns (uint256);
    /// @notice What is known of a node.
    function nodeStatus(bytes20 nodeId) external view returns (NodeStatus);
    /// @notice Whether the key of this consensus address signed twice.
    function isBanned(bytes20 culprit) external view returns (bool);
    /// @notice Whether an account reported this consensus address.
    function hasReported(bytes20 culprit, address account) external view returns (bool);
    /// @notice The numbers of the proposals that may be voted on.
    function openProposals() external view returns (uint256[] memory);
    /// @notice A proposal by its number.
    function proposal(uint256 id) external view returns (Proposal memory);
    /// @notice How an account voted: 0 not yet, 1 for, 2 against.
    function voteOf(uint256 id, address account) external view returns (uint8);
    /// @notice The power of today's validators that is for and against a proposal.
    function tally(uint256 id) external view returns (uint256 approving, uint256 refusing);
    /// @notice How many proposals there have been; they are numbered from 1.
    function proposalCount() external view returns (uint256);
}
