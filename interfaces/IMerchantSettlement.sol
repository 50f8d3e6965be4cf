// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMerchantPayouts} from "./IMerchantPayouts.sol";

/// @title What merchants get for captured payments: fees, held money, statements, payouts
/// @notice A captured amount is split into the merchant's fee and its net. The net is credited at once to the
/// merchant's payable in the ledger, or held here until the settlement day, as the operator agreed with it. A
/// settlement closes a period with a statement; fees become claimable by their receivers. Money in minor units.
/// @dev Trust: the operator sets fees and their receivers; a payer's signed fee range bounds what a capture may take.
/// Money of a merchant leaves only to the payout address that its FINANCE group set (IMerchantPayouts), or into its own
/// payable and deposit. The fee is rounded down, so the net favours the merchant; the
/// last receiver of a fee gets what the division leaves over.
interface IMerchantSettlement {
    /// @notice A receiver of a share of a merchant's fees, basis points; the shares of all are 10,000 together.
    struct FeeShare {
        address receiver;
        uint16 bps;
    }

    /// @notice A period of a merchant. `refunds` are all refunds and chargebacks, `covered` what of them its payable,
    /// deposit and the guarantee fund paid because the held money did not reach; `paidAtOnce` what went to the payable
    /// at each capture; `restored` what goes back to the guarantee fund, as far as the merchant owes it anything, and then to
    /// its deposit, as far as that had covered refunds; `net` what is paid out; `carryForward` what it still owes the two
    /// after that. `fees` are the fee of the gross, rounded down: a capture's own may differ from its share by a unit.
    /// gross - fees - (refunds - covered) = paidAtOnce + restored + net, and none of them is ever negative.
    struct Statement {
        uint64 gross;
        uint64 refunds;
        uint64 fees;
        uint64 covered;
        uint64 paidAtOnce;
        uint64 restored;
        uint64 net;
        uint64 carryForward;
    }

    /// @notice What the cash in this contract is for.
    struct Holdings {
        uint64 authorized;
        uint64 held;
        uint64 fees;
        uint64 claimable;
    }

    /// @notice The operator agreed a fee and a way of settlement with a merchant.
    event MerchantTermsSet(uint32 indexed merchant, uint16 feeBps, bool atOnce, FeeShare[] shares);
    /// @notice A period was closed; `net` went to `to` (0: to the merchant's payable).
    event Settled(uint32 indexed merchant, address indexed to, uint16 day, Statement statement);
    /// @notice A receiver may claim its share of a period's fees.
    event FeeCredited(uint32 indexed merchant, address indexed receiver, uint64 amount);
    /// @notice A receiver took what it could claim.
    event FeesClaimed(address indexed receiver, address indexed to, uint256 amount);
    /// @notice The ledger could not take a captured amount at once; it is held until the settlement day.
    event HeldInstead(uint32 indexed merchant, uint64 amount);

    /// @notice The operator has not agreed terms with this merchant.
    error NotAdmitted(uint32 merchant);
    /// @notice The fee is not what the payer signed for.
    error FeeOutOfRange(uint16 feeBps, uint16 minFeeBps, uint16 maxFeeBps);
    /// @notice A fee is 10,000 basis points at most.
    error BadFee(uint256 feeBps);
    /// @notice One to eight receivers, none of them 0, with 10,000 basis points together; none if there is no fee.
    error BadShares(uint256 count, uint256 sum);
    /// @notice The settlement day is not there yet.
    error NotSettlementDay(uint32 merchant, uint16 today, uint256 due);
    /// @notice There is nothing to claim.
    error NothingToClaim(address receiver);

    /// @notice Agrees fee, way of settlement and fee receivers with a merchant; closes the period that is open.
    /// Operator only. Its first period begins now.
    function setMerchantTerms(uint32 merchant, uint16 feeBps, bool atOnce, FeeShare[] calldata shares) external;
    /// @notice Closes a merchant's period and pays the net; what the merchant owes the guarantee fund is repaid first.
    /// Anybody, from the settlement day on.
    function settle(uint32 merchant) external returns (Statement memory statement);
    /// @notice Takes all that the sender may claim, to an address of its choice.
    function claimFees(address to) external returns (uint256 amount);

    /// @notice The open period as it would be closed now.
    function statementOf(uint32 merchant) external view returns (Statement memory statement);
    /// @notice What is on its way to a merchant: held money that the next settlement pays, the network day from which
    /// it can be asked for, and what waits in its payable.
    function creditProcessing(uint32 merchant) external view returns (uint64 pending, uint16 day, uint64 payable_);
    /// @notice What was agreed with a merchant.
    function merchantTerms(uint32 merchant)
        external
        view
        returns (bool admitted, uint16 feeBps, bool atOnce, FeeShare[] memory shares);
    /// @notice What a receiver may claim.
    function claimable(address receiver) external view returns (uint256);
    /// @notice What the cash in this contract is for; the sum is its balance, or less if somebody sent it cash.
    function holdings() external view returns (Holdings memory);
    /// @notice Days between settlements.
    function settlementDays() external view returns (uint16);
    /// @notice Knows where a merchant's money goes.
    function payouts() external view returns (IMerchantPayouts);
}
