"""Looks for secrets in bytes, in every form in which a program might have let them slip."""

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path

MIN_NEEDLE = 6
"""Bytes; less would be found by chance."""


def forms_of_digits(digits: str) -> dict[str, bytes]:
    """A card's number, a phone number or a PIN: as text, BCD in both halves of a byte, hexadecimal, base64."""
    text = digits.encode()
    whole = digits if len(digits) % 2 == 0 else "0" + digits
    inner = digits[1:-1] if len(digits) % 2 == 0 else digits[1:]
    forms = {"text": text, "UTF-16": digits.encode("utf-16-le"), "BCD": bytes.fromhex(whole)}
    forms |= {"shifted BCD": bytes.fromhex(inner), "number": int(digits).to_bytes(8, "big").lstrip(b"\0")}
    forms |= {f"{name} of its text": form for name, form in _encodings(text).items()}
    forms |= {f"{name} of its BCD": form for name, form in _encodings(bytes.fromhex(whole)).items()}
    return {name: form for name, form in forms.items() if len(form) >= MIN_NEEDLE}


def forms_of_bytes(secret: bytes) -> dict[str, bytes]:
    """A key: its bytes, hexadecimal, base64, as a decimal number, and its hexadecimal text encoded again."""
    forms = {"bytes": secret, "number": str(int.from_bytes(secret, "big")).encode(), **_encodings(secret)}
    forms |= {f"{name} of its digits": form for name, form in _encodings(secret.hex().encode()).items()}
    return forms


def found_in(data: bytes, needles: Mapping[str, bytes]) -> list[str]:
    """The names of those needles that the data holds."""
    return [name for name, needle in needles.items() if needle in data]


def found_in_files(paths: Iterable[Path], needles: Mapping[str, bytes]) -> list[str]:
    """The same for files, each with its name."""
    return [f"{name} in {path.name}" for path in paths for name in found_in(path.read_bytes(), needles)]


def _encodings(data: bytes) -> dict[str, bytes]:
    forms = {"lower hexadecimal": data.hex().encode(), "upper hexadecimal": data.hex().upper().encode()}
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + data)
        # the signs that also depend on what stands before and behind
        sure = encoded[(0, 2, 3)[shift] : len(encoded) - (0, 3, 2)[(shift + len(data)) % 3]]
        forms[f"base64, shifted by {shift}"] = sure
        forms[f"base64url, shifted by {shift}"] = sure.replace(b"+", b"-").replace(b"/", b"_")
    return forms
