"""The master key inside a PKCS#11 token: it is made there, wraps and unwraps there, and cannot be taken out.

Keys with the label of the settings are versions of one; the highest CKA_ID is the one that wraps. What is wrapped goes
into the token as an object of the session, and what is unwrapped comes out as one: MACs are computed by the bridge, not
by the token. Version 2.40 of the standard; tested with SoftHSM 2.6.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, TypeVar

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11 import exceptions as failures

from node.bridge.keys.key_file import read_secret
from node.bridge.keys.master import MasterKeyMissing, TokenUnusable, WrappedKeyAltered
from node.domain.errors import Unusable
from node.security_settings import TokenSettings

KEY_BITS: Final = 256
_ID_BYTES: Final = 4
_PROBE: Final = bytes(32)
_SECRET: Final = {
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.PRIVATE: True,
    Attribute.MODIFIABLE: False,
    Attribute.WRAP: True,
    Attribute.UNWRAP: True,
    Attribute.ENCRYPT: False,
    Attribute.DECRYPT: False,
    Attribute.SIGN: False,
    Attribute.VERIFY: False,
    Attribute.DERIVE: False,
}
"""A master key wraps and unwraps, and does nothing else: else it could open what it wrapped as data."""
_PASSING: Final = {Attribute.TOKEN: False, Attribute.EXTRACTABLE: True, Attribute.SENSITIVE: False}
Result = TypeVar("Result")


class TokenMaster:
    """The keys of one label in one token; logged in until it is closed."""

    def __init__(self, settings: TokenSettings) -> None:
        """Raises TokenUnusable, and Unusable when the file of the PIN is no good."""
        self._settings = settings
        self._lock = threading.Lock()
        self._session: pkcs11.Session | None = None
        self._keys: dict[str, pkcs11.SecretKey] = {}
        with self._lock:
            self._open()

    def __repr__(self) -> str:
        return f"TokenMaster({self._settings.label!r})"

    def check_values(self) -> list[str]:
        def read() -> list[str]:
            self._read()
            return list(self._keys)

        return self._attempt(read)

    def wrap(self, plain: bytes) -> tuple[str, bytes]:
        def wrap() -> tuple[str, bytes]:
            # another process may have drawn a new one
            self._read()
            if not self._keys:
                raise MasterKeyMissing(f"{self._place} has none; `till bridge keys master new` makes one")
            check_value, key = next(iter(self._keys.items()))
            return check_value, self._wrap(key, plain)

        return self._attempt(wrap)

    def unwrap(self, check_value: str, wrapped: bytes) -> bytes:
        def unwrap() -> bytes:
            if check_value not in self._keys:
                self._read()
            key = self._keys.get(check_value)
            if key is None:
                raise MasterKeyMissing(f"{self._place} has none with check value {check_value}")
            try:
                return self._unwrap(key, wrapped)
            except pkcs11.PKCS11Error:
                # tokens have several codes for it (SoftHSM: CKR_GENERAL_ERROR): what tells is whether the key works
                if self._unwrap(key, self._wrap(key, _PROBE)) != _PROBE:
                    raise
                raise WrappedKeyAltered() from None

        return self._attempt(unwrap)

    def draw(self) -> str:
        with self._lock, self._writing() as session:
            self._read()
            newest = max([_number(key) for key in self._keys.values()], default=0)
            session.generate_key(
                KeyType.AES,
                KEY_BITS,
                id=(newest + 1).to_bytes(_ID_BYTES, "big"),
                label=self._settings.key,
                store=True,
                template=_SECRET,
            )
            self._read()
            return next(iter(self._keys))

    def retire(self, check_value: str) -> None:
        with self._lock, self._writing():
            self._read()
            if check_value not in self._keys:
                raise MasterKeyMissing(f"{self._place} has none with check value {check_value}")
            if check_value == next(iter(self._keys)):
                raise Unusable("this master key wraps; draw a new one first")
            self._keys.pop(check_value).destroy()

    def close(self) -> None:
        with self._lock:
            self._close()

    def _attempt(self, work: Callable[[], Result]) -> Result:
        """What the work gives; where the session has ended (the token was restarted, say) it is opened again, once."""
        with self._lock:
            try:
                if self._session is not None:
                    return work()
            except pkcs11.PKCS11Error:
                pass
            self._open()
            try:
                return work()
            except pkcs11.PKCS11Error as failure:
                raise self._failed(failure) from None

    @contextmanager
    def _writing(self) -> Iterator[pkcs11.Session]:
        """A session that may change what the token keeps."""
        self._open(rw=True)
        try:
            assert self._session is not None
            yield self._session
        except pkcs11.PKCS11Error as failure:
            raise self._failed(failure) from None
        finally:
            self._close()

    def _open(self, *, rw: bool = False) -> None:
        self._close()
        settings = self._settings
        text, _ = read_secret(settings.pin_file, "file of the token's PIN")
        try:
            library = pkcs11.lib(str(settings.module))
        except pkcs11.PKCS11Error:
            raise TokenUnusable(f"the module {settings.module} is no PKCS#11 library, or does not start") from None
        try:
            # a token that came after the library started is seen by a fresh start only
            library.reinitialize()
            self._session = library.get_token(token_label=settings.label).open(rw=rw, user_pin=text.strip())
            self._read()
        except failures.NoSuchToken:
            raise TokenUnusable(f"there is no token {settings.label} in {settings.module}") from None
        except failures.MultipleTokensReturned:
            raise TokenUnusable(f"there are several tokens {settings.label} in {settings.module}") from None
        except (failures.PinIncorrect, failures.PinInvalid, failures.PinLenRange):
            raise TokenUnusable(
                f"the PIN in {settings.pin_file} is wrong; it was tried once, and the token locks itself after a few"
            ) from None
        except failures.PinLocked:
            raise TokenUnusable(
                f"its PIN is locked; the token {settings.label}'s security officer unlocks it"
            ) from None
        except pkcs11.PKCS11Error as failure:
            raise self._failed(failure) from None

    def _close(self) -> None:
        session, self._session, self._keys = self._session, None, {}
        if session is not None:
            # one that the token ended is closed already
            with suppress(pkcs11.PKCS11Error):
                session.close()

    def _read(self) -> None:
        assert self._session is not None
        wanted = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: self._settings.key}
        found = [key for key in self._session.get_objects(wanted) if isinstance(key, pkcs11.SecretKey)]
        self._keys = {self._checked(key): key for key in sorted(found, key=_number, reverse=True)}

    def _checked(self, key: pkcs11.SecretKey) -> str:
        """The key's check value. Raises TokenUnusable for a key that could be had."""
        if not key[Attribute.SENSITIVE] or key[Attribute.EXTRACTABLE] or key.key_type is not KeyType.AES:
            raise TokenUnusable(f"{self._place} is no AES key that is sensitive and not extractable")
        return bytes(key[Attribute.CHECK_VALUE])[:3].hex().upper()

    def _wrap(self, key: pkcs11.SecretKey, plain: bytes) -> bytes:
        assert self._session is not None
        template = {**_PASSING, Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.GENERIC_SECRET}
        if not isinstance(key, pkcs11.WrapMixin):
            raise TokenUnusable(f"{self._place} may not wrap")
        passing = self._session.create_object({**template, Attribute.VALUE: plain})
        assert isinstance(passing, pkcs11.SecretKey)
        try:
            return bytes(key.wrap_key(passing, mechanism=Mechanism.AES_KEY_WRAP))
        finally:
            passing.destroy()

    def _unwrap(self, key: pkcs11.SecretKey, wrapped: bytes) -> bytes:
        if not isinstance(key, pkcs11.UnwrapMixin):
            raise TokenUnusable(f"{self._place} may not unwrap")
        passing = key.unwrap_key(
            ObjectClass.SECRET_KEY,
            KeyType.GENERIC_SECRET,
            wrapped,
            mechanism=Mechanism.AES_KEY_WRAP,
            template=_PASSING,
        )
        try:
            return bytes(passing[Attribute.VALUE])
        finally:
            passing.destroy()

    def _failed(self, failure: pkcs11.PKCS11Error) -> TokenUnusable:
        said = str(failure)
        return TokenUnusable(f"{self._place}: {type(failure).__name__}" + (f" ({said})" if said else ""))

    @property
    def _place(self) -> str:
        return f"key {self._settings.key} of token {self._settings.label}"


def _number(key: pkcs11.SecretKey) -> int:
    return int.from_bytes(bytes(key[Attribute.ID]), "big")
