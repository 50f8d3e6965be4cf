// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICashHolder} from "../../interfaces/ICashHolder.sol";
import {IRebates} from "../../interfaces/IRebates.sol";
import {IRewardToken} from "../../interfaces/IRewardToken.sol";
import {SuitePart} from "../suite/SuitePart.sol";

/// @title Rebate programmes: their terms, their funds, and who uses which
abstract contract RebateProgrammes is SuitePart, ICashHolder, IRebates {
    uint256 internal constant BASIS_POINTS = 10_000;
    uint8 private constant MAX_MONTHS = 120;

    /// @inheritdoc IRebates
    uint16 public programmeCount;
    mapping(uint16 programme => Programme) internal _programmes;
    mapping(uint32 merchant => uint16 programme) private _chosen;

    /// @inheritdoc IRebates
    function defineProgramme(uint16 bps, uint8 months, uint48 minAmount)
        external
        restricted
        returns (uint16 programme)
    {
        if (bps == 0 || bps > BASIS_POINTS || months == 0 || months > MAX_MONTHS) {
            revert BadProgramme(bps, months);
        }
        programme = ++programmeCount;
        _programmes[programme] = Programme(0, 0, minAmount, bps, months, true);
        emit ProgrammeDefined(programme, bps, months, minAmount);
    }

    /// @inheritdoc IRebates
    function openProgramme(uint16 programme, bool open) external restricted {
        _known(programme).open = open;
        emit ProgrammeOpened(programme, open);
    }

    /// @inheritdoc IRebates
    function chooseProgramme(uint32 merchant, uint16 programme) external restricted {
        if (programme != 0) _known(programme);
        _chosen[merchant] = programme;
        emit ProgrammeChosen(merchant, programme);
    }

    /// @inheritdoc IRebates
    function fundProgramme(uint16 programme, uint64 amount) external {
        _known(programme).fund += _sound(amount);
        emit ProgrammeFunded(programme, msg.sender, amount);
        _takeCash(msg.sender, amount);
    }

    /// @inheritdoc IRebates
    function withdrawFund(uint16 programme, uint64 amount, address to) external restricted {
        Programme storage its = _known(programme);
        if (_sound(amount) > its.fund) revert FundTooSmall(its.fund, amount);
        its.fund -= amount;
        emit FundWithdrawn(programme, to, amount);
        _payCash(to, amount);
    }

    /// @inheritdoc IRebates
    function programmeOf(uint16 programme) external view returns (Programme memory) {
        return _programmes[programme];
    }

    /// @inheritdoc ICashHolder
    function cashOwed() external view returns (uint256 owed) {
        for (uint16 number = 1; number <= programmeCount; ++number) {
            owed += uint256(_programmes[number].fund) + _programmes[number].promised;
        }
    }

    /// @inheritdoc IRebates
    function programmeFor(uint32 merchant) public view returns (uint16 programme) {
        programme = _chosen[merchant];
        if (programme == 0) programme = _chosen[0];
    }

    // --- inside -----------------------------------------------------------------------------------------------------

    /// @dev Money fits 48 bits wherever it comes in here.
    function _sound(uint64 amount) private pure returns (uint64) {
        if (amount == 0) revert IRewardToken.ZeroAmount();
        if (amount > type(uint48).max) revert IRewardToken.TooMuch(amount);
        return amount;
    }

    function _known(uint16 programme) private view returns (Programme storage its) {
        its = _programmes[programme];
        if (its.months == 0) revert UnknownProgramme(programme);
    }
}
