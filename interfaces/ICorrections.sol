// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ITwoPeople} from "./ITwoPeople.sol";

/// @title Points and value by hand, with a second approver
/// @notice What no payment and no rule gave is given or taken here, by two people: one proposes with the hash of a
/// reason, another approves before the proposal expires, within a limit a day. Points in units, value in minor units.
///
/// | kind | proposes | approves | does |
/// | --- | --- | --- | --- |
/// | 1 grant | the merchant's offers group, or the operator | the merchant's finance group | points of the merchant's prepaid to a member |
/// | 2 claw back | the merchant's cancel group, or the operator | finance of the network | points of a member back to the merchant; what is missing becomes arrears |
/// | 3 value given | the operator | finance of the network | cash from this contract's fund to a member's stored value |
/// | 4 value taken | the operator | finance of the network | a member's stored value to the fund, or to a merchant's payable |
///
/// @dev Trust: nobody approves what it proposed, and a merchant's money is spent only with the merchant's approval. The
/// limits a day are finance's to set, so the operator cannot raise what it proposes under. Cash held = fund.
interface ICorrections is ITwoPeople {
    /// @notice What a proposal does.
    enum Kind {
        None,
        Grant,
        ClawBack,
        GiveValue,
        TakeValue
    }

    /// @notice Where it is.
    enum Status {
        None,
        Open,
        Done,
        Cancelled
    }

    /// @notice A proposal. `amount` in units (kinds 1, 2) or minor units (3, 4).
    struct Proposal {
        address proposer;
        uint40 expires;
        Kind kind;
        Status status;
        uint32 merchant;
        uint64 member;
        uint64 amount;
        bytes32 reason;
    }

    /// @notice How much a day by a kind, and what of it was used on `day`.
    struct DayLimit {
        uint64 perDay;
        uint64 used;
        uint16 day;
    }

    /// @notice Somebody proposed; `reason` is the hash of a text.
    event CorrectionProposed(
        uint64 indexed id,
        uint32 indexed merchant,
        uint64 indexed member,
        Kind kind,
        uint64 amount,
        bytes32 reason,
        address proposer,
        uint40 expires
    );
    /// @notice Another approved, and it was done; `amount` is what moved (a grant gives as much as is prepaid).
    event CorrectionApproved(uint64 indexed id, address indexed approver, uint64 amount);
    /// @notice It will not be done.
    event CorrectionCancelled(uint64 indexed id, address indexed by);
    /// @notice A limit a day was set, merchant 0 for value.
    event DayLimitSet(uint32 indexed merchant, Kind indexed kind, uint64 perDay);
    /// @notice Somebody paid into the fund that value is given from.
    event CorrectionFundPaid(address indexed payer, uint64 amount);
    /// @notice Finance took money out of it.
    event CorrectionFundTaken(address indexed to, uint64 amount);

    /// @notice This kind is not for this proposer, or names a merchant it may not.
    error BadKind(Kind kind, uint32 merchant);
    /// @notice A reason is a hash that is not 0.
    error NoReason();
    /// @notice No such proposal, or it was done or cancelled.
    error NotOpen(uint64 id, Status status);
    /// @notice More than today's limit leaves.
    error DayLimitUsedUp(uint32 merchant, Kind kind, uint256 left, uint256 amount);
    /// @notice The fund holds less.
    error FundShort(uint256 held, uint256 amount);
    /// @notice Another proposal than the approver has seen.
    error OtherProposal(uint64 id, bytes32 terms);
    /// @notice Only who proposed, or the operator, cancels.
    error NotProposer(uint64 id, address sender);

    /// @notice Proposes a grant or a claw-back of a merchant. Its offers group (grant) or cancel group (claw back).
    function propose(Kind kind, uint32 merchant, uint64 member, uint64 amount, bytes32 reason)
        external
        returns (uint64 id);
    /// @notice Proposes any kind. Operator only. Of kind 4 merchant 0 is the fund; kind 3 has merchant 0.
    function proposeFor(Kind kind, uint32 merchant, uint64 member, uint64 amount, bytes32 reason)
        external
        returns (uint64 id);
    /// @notice Approves a grant and does it. The merchant's finance group.
    /// @param terms The hash of what the approver has seen (termsOf)
    function approve(uint64 id, bytes32 terms) external;
    /// @notice Approves any other kind and does it. Finance only.
    function approveFor(uint64 id, bytes32 terms) external;
    /// @notice Takes back one's own proposal.
    function cancel(uint64 id) external;
    /// @notice Takes back anybody's proposal. Operator only.
    function cancelFor(uint64 id) external;
    /// @notice Sets a limit a day for a merchant's grants or claw-backs (units), or for value (merchant 0, minor units).
    /// Finance only.
    function setDayLimit(uint32 merchant, Kind kind, uint64 perDay) external;
    /// @notice Pays cash into the fund. Open to all: the caller pays.
    function payFund(uint64 amount) external;
    /// @notice Takes cash out of the fund. Finance only.
    function takeFund(uint64 amount, address to) external;

    /// @notice A proposal; they are numbered from 1.
    function proposalOf(uint64 id) external view returns (Proposal memory);
    /// @notice The hash of all that a proposal says.
    function termsOf(uint64 id) external view returns (bytes32);
    /// @notice What of a day's limit is left.
    function leftToday(uint32 merchant, Kind kind) external view returns (uint256);
    /// @notice Proposals are numbered 1 to this.
    function proposalCount() external view returns (uint64);
    /// @notice What value is given from.
    function fund() external view returns (uint64);
}
