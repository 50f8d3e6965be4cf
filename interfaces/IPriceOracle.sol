// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title What other assets are worth
/// @notice Reporters tell the price of one whole unit of an asset, in millionths of a minor unit of the network's
/// currency (one bitcoin at 65,000.00 is 6,500,000 * 10^6). The median of the fresh reports is accepted while enough
/// reporters agree that it has not jumped.
/// A reporter reports itself: through the network's AccessManager (`execute`) it would have a second voice.
/// @dev Trust: of n reporters more than half must lie the same way to move the median at will, and even they move it by
/// the bound at most from the anchor, the price that stood when its period (`maxAge`) began. What moves further halts
/// the feed until the operator has looked. Rounding: the mean of the middle two of an even number is rounded down.
interface IPriceOracle {
    /// @notice The state of an asset's price. `price` holds until `freshUntil`: then fewer than `minimum` of its reports
    /// are fresh. `anchor` is what the bound is measured from, since `anchorSince`. `maxAge` in seconds.
    struct Feed {
        uint64 price;
        uint64 anchor;
        uint32 freshUntil;
        uint32 anchorSince;
        uint24 maxAge;
        uint16 boundBps;
        uint8 minimum;
        bool halted;
    }

    /// @notice What a reporter said last.
    struct Report {
        address reporter;
        uint64 price;
        uint32 time;
    }

    /// @notice The operator opened a feed or changed its terms.
    event FeedSet(address indexed asset, uint64 anchor, uint8 minimum, uint24 maxAge, uint16 boundBps);
    /// @notice A reporter told a price.
    event PriceReported(address indexed asset, address indexed reporter, uint64 price);
    /// @notice The median was accepted.
    event PriceAccepted(address indexed asset, uint64 price, uint32 freshUntil);
    /// @notice The median moved beyond the bound; nothing is priced until the operator resets the feed.
    event FeedHalted(address indexed asset, uint64 anchor, uint64 median);
    /// @notice The operator looked, and goes on from this price.
    event FeedReset(address indexed asset, uint64 anchor, string reason);
    /// @notice The operator took a reporter's last word away.
    event ReportDropped(address indexed asset, address indexed reporter);

    /// @notice No feed of this asset.
    error UnknownFeed(address asset);
    /// @notice Three reports at least and sixteen at most, an age of a minute to a day, a bound of 1 to 5,000 basis points.
    error BadFeed(uint8 minimum, uint24 maxAge, uint16 boundBps);
    /// @notice Nothing is worth nothing.
    error ZeroPrice(address asset);
    /// @notice As many prices as assets.
    error LengthsDiffer(uint256 assets, uint256 prices);
    /// @notice All places are taken by reporters whose word is fresh.
    error TooManyReporters(address asset);
    /// @notice This reporter has told no price.
    error NoReport(address asset, address reporter);
    /// @notice Fewer fresh reports than the minimum since then; 0 = there never were enough.
    error StalePrice(address asset, uint32 freshUntil);
    /// @notice The feed waits for the operator.
    error FeedIsHalted(address asset);
    /// @notice The median of the fresh reports is beyond the bound from the anchor that the operator named.
    error MovedTooFar(address asset, uint64 anchor, uint64 median);
    /// @notice Through the network's AccessManager nobody can tell who reports; call directly.
    error NotInPerson(address manager);
    /// @notice A reset says why.
    error NoReason();

    /// @notice Opens a feed, or sets it anew: reports needed, how old they may be (seconds), how far the median may move
    /// from the anchor in such a time (basis points), and the first anchor. Operator only.
    function setFeed(address asset, uint64 anchor, uint8 minimum, uint24 maxAge, uint16 boundBps) external;
    /// @notice Tells prices of assets. Reporter only.
    function report(address[] calldata assets, uint64[] calldata prices) external;
    /// @notice Goes on after a halt, from this anchor. Operator only.
    function reset(address asset, uint64 anchor, string calldata reason) external;
    /// @notice Takes a reporter's last word away, for one that lost its role. Operator only.
    function drop(address asset, address reporter) external;

    /// @notice The accepted price, millionths of a minor unit for one whole unit. Reverts when halted, stale or unknown.
    function price(address asset) external view returns (uint64);
    /// @notice The state of a feed; all zero if there is none.
    function feed(address asset) external view returns (Feed memory);
    /// @notice What each reporter said last.
    function reports(address asset) external view returns (Report[] memory);
}
