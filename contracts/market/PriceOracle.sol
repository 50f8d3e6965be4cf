// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IPriceOracle} from "../../interfaces/IPriceOracle.sol";

/// @title What other assets are worth
/// @dev A report is one storage slot, a feed another: who asks for a price reads one slot.
contract PriceOracle is AccessManaged, IPriceOracle {
    uint256 private constant PLACES = 16; // reporters of an asset
    uint256 private constant LEAST = 3;

    mapping(address asset => Feed) private _feeds;
    mapping(address asset => Report[PLACES]) private _reports;

    constructor(address authority_) AccessManaged(authority_) {}

    /// @inheritdoc IPriceOracle
    function setFeed(address asset, uint64 anchor, uint8 minimum, uint24 maxAge, uint16 boundBps) external restricted {
        bool sound = minimum >= LEAST && minimum <= PLACES && maxAge >= 1 minutes && maxAge <= 1 days && boundBps != 0
            && boundBps <= 5000;
        if (!sound) revert BadFeed(minimum, maxAge, boundBps);
        Feed memory next;
        next.minimum = minimum;
        next.maxAge = maxAge;
        next.boundBps = boundBps;
        emit FeedSet(asset, anchor, minimum, maxAge, boundBps);
        _open(asset, next, anchor);
    }

    /// @inheritdoc IPriceOracle
    function report(address[] calldata assets, uint64[] calldata prices) external restricted {
        // each reporter could be the manager, too, and tell a price twice
        if (msg.sender == authority()) revert NotInPerson(msg.sender);
        if (assets.length != prices.length) revert LengthsDiffer(assets.length, prices.length);
        for (uint256 i = 0; i < assets.length; ++i) {
            _report(assets[i], prices[i]);
        }
    }

    /// @inheritdoc IPriceOracle
    function reset(address asset, uint64 anchor, string calldata reason) external restricted {
        if (bytes(reason).length == 0) revert NoReason();
        emit FeedReset(asset, anchor, reason);
        _open(asset, _known(asset), anchor);
    }

    /// @inheritdoc IPriceOracle
    function drop(address asset, address reporter) external restricted {
        for (uint256 i = 0; i < PLACES; ++i) {
            Report storage place = _reports[asset][i];
            if (place.reporter != reporter || place.time == 0) continue;
            place.time = 0;
            emit ReportDropped(asset, reporter);
            // what it said may be in the accepted price
            _feeds[asset].freshUntil = 0;
            _accept(asset, _feeds[asset]);
            return;
        }
        revert NoReport(asset, reporter);
    }

    /// @inheritdoc IPriceOracle
    function price(address asset) external view returns (uint64) {
        Feed memory its = _known(asset);
        if (its.halted) revert FeedIsHalted(asset);
        if (block.timestamp > its.freshUntil) revert StalePrice(asset, its.freshUntil);
        return its.price;
    }

    /// @inheritdoc IPriceOracle
    function feed(address asset) external view returns (Feed memory) {
        return _feeds[asset];
    }

    /// @inheritdoc IPriceOracle
    function reports(address asset) external view returns (Report[] memory found) {
        uint256 count;
        while (count < PLACES && _reports[asset][count].reporter != address(0)) ++count;
        found = new Report[](count);
        for (uint256 i = 0; i < count; ++i) {
            found[i] = _reports[asset][i];
        }
    }

    // --- inside ---------------------------------------------------------------------------------------------------

    function _report(address asset, uint64 told) private {
        if (told == 0) revert ZeroPrice(asset);
        Feed memory its = _known(asset);
        Report[PLACES] storage all = _reports[asset];
        uint256 place = PLACES;
        for (uint256 i = 0; i < PLACES; ++i) {
            Report memory said = all[i];
            if (said.reporter == msg.sender || said.reporter == address(0)) {
                place = i;
                break;
            }
        }
        if (place == PLACES) place = _staleOne(asset, its.maxAge);
        all[place] = Report(msg.sender, told, uint32(block.timestamp));
        emit PriceReported(asset, msg.sender, told);
        _accept(asset, its);
    }

    /// @dev The place of a reporter that has been silent for too long.
    function _staleOne(address asset, uint256 maxAge) private view returns (uint256) {
        for (uint256 i = 0; i < PLACES; ++i) {
            if (uint256(_reports[asset][i].time) + maxAge < block.timestamp) return i;
        }
        revert TooManyReporters(asset);
    }

    /// @dev Opens or reopens a feed at an anchor; the fresh reports, if there are enough, must agree with it.
    function _open(address asset, Feed memory its, uint64 anchor) private {
        if (anchor == 0) revert ZeroPrice(asset);
        its.halted = false;
        its.price = 0;
        its.freshUntil = 0;
        its.anchor = anchor;
        its.anchorSince = uint32(block.timestamp);
        _accept(asset, its);
        if (_feeds[asset].halted) {
            (uint64 median,) = _median(asset, its);
            revert MovedTooFar(asset, anchor, median);
        }
    }

    /// @dev Accepts the median of the fresh reports, or halts the feed when it moved too far. Stores the feed.
    function _accept(address asset, Feed memory its) private {
        if (!its.halted) {
            (uint64 median, uint32 freshUntil) = _median(asset, its);
            if (freshUntil != 0) {
                uint256 moved = median > its.anchor ? median - its.anchor : its.anchor - median;
                if (moved * 1e4 > uint256(its.anchor) * its.boundBps) {
                    its.halted = true;
                    emit FeedHalted(asset, its.anchor, median);
                } else {
                    its.price = median;
                    its.freshUntil = freshUntil;
                    if (block.timestamp >= uint256(its.anchorSince) + its.maxAge) {
                        its.anchor = median;
                        its.anchorSince = uint32(block.timestamp);
                    }
                    emit PriceAccepted(asset, median, freshUntil);
                }
            }
        }
        _feeds[asset] = its;
    }

    /// @return median Of the fresh reports
    /// @return freshUntil Until when `minimum` of them are fresh; 0 when there are fewer
    function _median(address asset, Feed memory its) private view returns (uint64 median, uint32 freshUntil) {
        uint256[PLACES] memory prices;
        uint256[PLACES] memory times;
        uint256 count;
        for (uint256 i = 0; i < PLACES; ++i) {
            Report memory said = _reports[asset][i];
            if (said.reporter == address(0)) break;
            if (uint256(said.time) + its.maxAge < block.timestamp) continue;
            _insert(prices, count, said.price);
            _insert(times, count, said.time);
            ++count;
        }
        if (count < its.minimum) return (0, 0);
        uint256 upper = prices[count / 2];
        median = uint64(count % 2 == 1 ? upper : (upper + prices[count / 2 - 1]) / 2);
        freshUntil = uint32(times[count - its.minimum] + its.maxAge);
    }

    /// @dev Puts a number into a list that rises.
    function _insert(uint256[PLACES] memory list, uint256 count, uint256 number) private pure {
        uint256 place = count;
        for (; place > 0 && list[place - 1] > number; --place) {
            list[place] = list[place - 1];
        }
        list[place] = number;
    }

    function _known(address asset) private view returns (Feed memory its) {
        its = _feeds[asset];
        if (its.minimum == 0) revert UnknownFeed(asset);
    }
}
