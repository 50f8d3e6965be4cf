// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

// A contract whose code does not fit 24 KiB has the rest in another one.

/// @dev Runs the same call in other code, on this contract's storage, and ends with what it returns or reverts with.
function handOver(address code) {
    assembly ("memory-safe") {
        let free := mload(0x40)
        calldatacopy(free, 0, calldatasize())
        let done := delegatecall(gas(), code, free, calldatasize(), 0, 0)
        returndatacopy(free, 0, returndatasize())
        if iszero(done) { revert(free, returndatasize()) }
        return(free, returndatasize())
    }
}
