"""Act 7: a part of a sale is paid by a gift certificate (interfaces/IGiftCertificates.sol); pure."""

from dataclasses import dataclass
from typing import Final

from node.domain.act import Act, ActKind
from node.domain.acts.fields import pack, unpack
from node.domain.ids import MinorUnits

SIGNATURE_SIZE: Final = 65
_MEMBERS, _BY_CODE = 0, 1


@dataclass(frozen=True, kw_only=True, slots=True)
class RedeemCertificate:
    """`mode 1 | certificate 8 | amount 6`, by a member; with the `signature` of the certificate's code, by whoever has
    it: mode 1, and 65 bytes more.
    """

    certificate: int
    amount: MinorUnits
    signature: bytes = b""

    def act(self) -> Act:
        """Its bytes. Raises ValueError when a number does not fit, or the signature has not 65 bytes."""
        if len(self.signature) not in (0, SIGNATURE_SIZE):
            raise ValueError(f"a signature has {SIGNATURE_SIZE} bytes")
        mode = _BY_CODE if self.signature else _MEMBERS
        return pack(ActKind.CERTIFICATE, (mode, 1), (self.certificate, 8), (self.amount, 6), tail=self.signature)

    @classmethod
    def read(cls, data: bytes) -> "RedeemCertificate":
        """What these bytes say. Raises ValueError when they are no redemption."""
        mode, certificate, amount = unpack(data, ActKind.CERTIFICATE, 1, 8, 6, tail=True)
        signature = data[16:]
        if mode not in (_MEMBERS, _BY_CODE) or len(signature) != (SIGNATURE_SIZE if mode == _BY_CODE else 0):
            raise ValueError("these bytes are no act of kind CERTIFICATE")
        return cls(certificate=certificate, amount=MinorUnits(amount), signature=signature)
