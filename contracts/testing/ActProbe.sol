// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IActTarget} from "../../interfaces/IActTarget.sol";

/// @title A target that does whatever its act says, the worst included
/// @notice For tests of the posting path. Data: kind 1 | what 1 | argument 8, and for CALLS and CALLS_THEN_REFUSE after it
/// (forgiving 1 | to 20 | length 2 | calldata) * any number. What undoes an act (9 bytes) is only seen.
contract ActProbe is IActTarget {
    /// @dev Makes the calls and returns the argument as what it debited.
    uint8 public constant CALLS = 0;
    /// @dev Makes the calls and refuses for the argument, whatever its size.
    uint8 public constant CALLS_THEN_REFUSE = 1;
    /// @dev Reverts with as many bytes as the argument says.
    uint8 public constant REVERT_BYTES = 2;
    /// @dev Returns as many bytes as the argument says.
    uint8 public constant RETURN_BYTES = 3;
    uint8 public constant BURN_GAS = 4;
    uint8 public constant INVALID = 5;
    uint8 public constant STRING_ERROR = 6;

    event Seen(Act act, uint256 gas, bytes data);
    event CallFailed(bytes error);

    /// @inheritdoc IActTarget
    function applyAct(Act calldata act, bytes calldata data) external returns (uint256) {
        uint256 gas = gasleft();
        if (data.length == 9 && data[0] >= 0x80) {
            emit Seen(act, gas, data);
            return 0;
        }
        uint8 what = uint8(data[1]);
        uint256 argument = uint64(bytes8(data[2:10]));
        if (what == REVERT_BYTES) _end(argument, true);
        if (what == RETURN_BYTES) _end(argument, false);
        if (what == BURN_GAS) while (true) ++argument;
        // solhint-disable-next-line gas-custom-errors
        if (what == STRING_ERROR) revert("no");
        if (what == INVALID) {
            assembly ("memory-safe") {
                invalid()
            }
        }
        emit Seen(act, gas, data);
        _makeCalls(data[10:]);
        if (what == CALLS_THEN_REFUSE) _refuse(argument);
        return argument;
    }

    /// @notice Calls as anybody's contract may, outside of an act.
    function relay(address to, bytes calldata data) external {
        _make(true, to, data);
    }

    function _makeCalls(bytes calldata calls) private {
        while (calls.length != 0) {
            uint256 length = uint16(bytes2(calls[21:23]));
            _make(calls[0] == 0, address(bytes20(calls[1:21])), calls[23:23 + length]);
            calls = calls[23 + length:];
        }
    }

    function _make(bool strict, address to, bytes calldata data) private {
        // solhint-disable-next-line avoid-low-level-calls
        (bool done, bytes memory said) = to.call(data);
        if (done) return;
        if (!strict) {
            emit CallFailed(said);
            return;
        }
        assembly ("memory-safe") {
            revert(add(said, 0x20), mload(said))
        }
    }

    function _refuse(uint256 reason) private pure {
        bytes4 selector = ActRefused.selector;
        assembly ("memory-safe") {
            mstore(0, selector)
            mstore(4, reason)
            revert(0, 0x24)
        }
    }

    function _end(uint256 size, bool failing) private pure {
        assembly ("memory-safe") {
            let free := mload(0x40)
            if failing { revert(free, size) }
            return(free, size)
        }
    }
}
