// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IActTarget} from "./IActTarget.sol";
import {IMemberSigned} from "./IMemberSigned.sol";

/// @title Gift certificates
/// @notice A certificate is cash that somebody paid in for somebody else to spend at one merchant, or at all. It is
/// held by a member, or by whoever has its code; it is split, spent in parts, and what is left when it ends goes back
/// to the buyer. Amounts are in minor units.
///
/// A code is a secret from which a key is made (scripts and tills: secp256k1 key = keccak-256 of the secret); the
/// certificate keeps the key's address. Whoever has the secret signs what shall happen, so a code that is used cannot
/// be taken over by whoever sees the transaction first.
///
/// Act 7, big-endian:
///     kind 0x07 | mode 0 | certificate 8 | amount 6                   spend a part of the member's
///     kind 0x07 | mode 1 | certificate 8 | amount 6 | signature 65    spend a part by its code: Redeem(..)
///     kind 0x87 | sequence 8                                          undo one of the same stream, merchant and day
/// Lines may come with the first two: a split tender; the certificate's part is no line, so it earns nothing. Mode 0
/// counts against the stream's daily limit and asks for an authorisation.
/// @dev Backing: the contract's cash = the sum of all certificates, at every moment (`outstanding`).
/// Trust: a member's certificate is spent by the member's key, or by a till with the member's authorisation under the
/// stream's limit. A merchant's finance group sells from its payable; its cancel group gives back.
interface IGiftCertificates is IActTarget, IMemberSigned {
    /// @notice What is bought. `merchant` 0 = spent anywhere; of `member` and `code` (the address of a code's key) just
    /// one is set.
    struct Terms {
        uint64 amount;
        uint32 merchant;
        uint32 until;
        uint64 member;
        address code;
    }

    /// @notice Who paid, and gets back what is left.
    enum BuyerKind {
        None,
        Account,
        Member,
        Merchant
    }

    /// @notice A certificate. `value` is left of `face`; `buyer` is an address, or the number of a member or merchant;
    /// `uses` rises whenever it is given, spent or given back, so that what its code signed before does not count again.
    struct Certificate {
        uint48 value;
        uint48 face;
        uint32 merchant;
        uint32 until;
        uint64 member;
        BuyerKind buyerKind;
        uint24 uses;
        address code;
        uint160 buyer;
    }

    /// @notice A redemption at a till.
    struct Redemption {
        uint64 certificate;
        uint48 amount;
        uint32 merchant;
        uint16 day;
        bool undone;
    }

    event CertificateSold(
        uint64 indexed certificate,
        BuyerKind buyerKind,
        uint160 indexed buyer,
        uint64 indexed member,
        uint48 amount,
        uint32 merchant,
        uint32 until,
        address code
    );
    event CertificateGiven(uint64 indexed certificate, uint64 indexed from, uint64 indexed to, address code);
    event CertificateSplit(uint64 indexed certificate, uint64 indexed part, uint64 indexed member, uint48 amount);
    event CertificateRedeemed(
        uint64 indexed certificate, uint32 indexed merchant, uint64 indexed member, uint48 amount, uint48 left
    );
    /// @notice A merchant gave back what it had been paid.
    event CertificateRestored(uint64 indexed certificate, uint32 indexed merchant, uint48 amount, uint48 left);
    event CertificateExpired(uint64 indexed certificate, BuyerKind buyerKind, uint160 indexed buyer, uint48 amount);

    /// @notice Nothing, or more than there is or fits.
    error BadAmount(uint256 amount, uint256 most);
    /// @notice A certificate ends within the network's bounds from now.
    error BadUntil(uint32 until, uint256 first, uint256 last);
    /// @notice A certificate has a member or a code, and not both; a code has one certificate.
    error BadHolder(uint64 member, address code);
    /// @notice No such certificate, or all of it is spent.
    error NoCertificate(uint64 certificate);
    /// @notice The certificate ended.
    error CertificateOver(uint64 certificate, uint32 until);
    /// @notice The certificate has not ended yet.
    error NotOver(uint64 certificate, uint32 until);
    /// @notice The certificate is for another merchant.
    error WrongMerchant(uint64 certificate, uint32 merchant);
    /// @notice The certificate has no code, or this signature is not made by it.
    error BadCode(uint64 certificate, address code);
    /// @notice The certificate is not a member's, but its code's.
    error HeldByCode(uint64 certificate);
    /// @notice The member is locked or frozen.
    error MemberLocked(uint64 member);

    /// @notice Buys for the sender's cash.
    function buy(Terms calldata terms) external returns (uint64 certificate);
    /// @notice Buys from a member's stored value. The member's key or its signature of Buy(uint64 buyer,uint64 amount,
    /// uint32 merchant,uint32 until,uint64 member,address code,uint256 nonce,uint256 deadline).
    function buyWithValue(uint64 buyer, Terms calldata terms, uint256 deadline, bytes calldata signature)
        external
        returns (uint64 certificate);
    /// @notice A merchant sells one: it got the money itself, and pays from its payable. What is left at the end goes to
    /// `buyer`'s stored value, or back to the merchant if that is 0. The merchant's finance group.
    function sell(uint32 seller, uint64 buyer, Terms calldata terms) external returns (uint64 certificate);
    /// @notice Gives a member's certificate to another member or to a code. The member's key or its signature of
    /// Give(uint64 from,uint64 certificate,uint64 to,address code,uint256 nonce,uint256 deadline).
    function give(uint64 certificate, uint64 to, address code, uint256 deadline, bytes calldata signature) external;
    /// @notice Makes a certificate a member's by its code: signature of Claim(uint64 certificate,uint64 member,
    /// uint32 uses).
    function claim(uint64 certificate, uint64 member, bytes calldata signature) external;
    /// @notice Parts a certificate: each amount becomes one of its own, with the same terms, buyer and member. The
    /// member's key or its signature of Split(uint64 from,uint64 certificate,uint64[] amounts,uint256 nonce,
    /// uint256 deadline).
    /// @return first The first part's number; the others follow
    function split(uint64 certificate, uint64[] calldata amounts, uint256 deadline, bytes calldata signature)
        external
        returns (uint64 first);
    /// @notice Spends a part at a merchant: it goes to the merchant's payable. A member's certificate: its key or its
    /// signature of Spend(uint64 member,uint64 certificate,uint32 merchant,uint64 amount,uint256 nonce,uint256 deadline).
    function redeem(uint64 certificate, uint32 merchant, uint64 amount, uint256 deadline, bytes calldata signature)
        external;
    /// @notice The same by a code: signature of Redeem(uint64 certificate,uint32 merchant,uint64 amount,uint32 uses),
    /// where `uses` is the certificate's before, so each signature works once, whatever is given back later.
    function redeemByCode(uint64 certificate, uint32 merchant, uint64 amount, bytes calldata signature) external;
    /// @notice Gives back a part of what was spent, from the merchant's payable, then its deposit, never from the
    /// guarantee fund nor from what it owes that (InsufficientFunds); the certificate never holds more than its face. The
    /// merchant's cancel group.
    function giveBack(uint64 certificate, uint32 merchant, uint64 amount) external;
    /// @notice Pays what is left of a certificate that ended to its buyer. Anybody.
    function expire(uint64 certificate) external;

    /// @notice A certificate; all zero when there is none.
    function certificate(uint64 id) external view returns (Certificate memory);
    /// @notice A redemption by act 7.
    function redemption(uint32 stream, uint64 sequence) external view returns (Redemption memory);
    /// @notice Certificates are numbered 1 to this.
    function count() external view returns (uint64);
    /// @notice The sum of all certificates.
    function outstanding() external view returns (uint64);
    /// @notice The certificate that a code is for; 0 if none.
    function certificateOf(address code) external view returns (uint64);
    /// @notice Certificates last between these, seconds.
    function validity() external view returns (uint32 shortest, uint32 longest);
}
