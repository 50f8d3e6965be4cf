// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title A token with every bad habit that is known of tokens, one at a time, for tests
/// @notice Habits: 0 none, 1 takes a fee of 1 %, 2 returns false and moves nothing, 3 returns nothing, 4 calls somebody
/// back while it moves, 5 refuses listed receivers, 6 says that it moved and does not, 7 reverts without a reason.
contract HostileToken {
    mapping(address owner => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;
    mapping(address receiver => bool) public refused;
    uint256 public totalSupply;
    uint8 public decimals;
    uint8 public habit;
    address public target;
    bytes public data;
    /// @notice What the call back ended with.
    bytes public answer;
    bool public worked;

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    error Refused(address receiver);
    error Insufficient(uint256 held, uint256 amount);

    constructor(uint8 decimals_) {
        decimals = decimals_;
    }

    /// @notice Mints to anybody.
    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
        totalSupply += amount;
        emit Transfer(address(0), to, amount);
    }

    /// @notice From now on it has this habit, and these decimals.
    function behave(uint8 habit_, uint8 decimals_) external {
        habit = habit_;
        decimals = decimals_;
    }

    /// @notice Whom it calls back with habit 4.
    function setCall(address target_, bytes calldata data_) external {
        target = target_;
        data = data_;
    }

    /// @notice Whom it refuses with habit 5.
    function refuse(address receiver, bool refused_) external {
        refused[receiver] = refused_;
    }

    /// @notice As ERC-20 has it.
    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        emit Approval(msg.sender, spender, amount);
        return true;
    }

    /// @notice As ERC-20 has it, but for its habit.
    function transfer(address to, uint256 amount) external returns (bool) {
        return _move(msg.sender, to, amount);
    }

    /// @notice As ERC-20 has it, but for its habit.
    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        uint256 allowed = allowance[from][msg.sender];
        if (allowed < amount) revert Insufficient(allowed, amount);
        if (allowed != type(uint256).max) allowance[from][msg.sender] = allowed - amount;
        return _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private returns (bool) {
        if (habit == 2) return false;
        if (habit == 6) return true;
        if (habit == 7) {
            assembly ("memory-safe") {
                revert(0, 0)
            }
        }
        if (habit == 5 && refused[to]) revert Refused(to);
        if (balanceOf[from] < amount) revert Insufficient(balanceOf[from], amount);
        uint256 fee = habit == 1 ? amount / 100 : 0;
        balanceOf[from] -= amount;
        balanceOf[to] += amount - fee;
        totalSupply -= fee;
        emit Transfer(from, to, amount - fee);
        // the call back comes when the tokens have moved, and what it ends with is kept for the test
        if (habit == 4) (worked, answer) = target.call(data);
        if (habit == 3) {
            assembly ("memory-safe") {
                return(0, 0)
            }
        }
        return true;
    }
}
