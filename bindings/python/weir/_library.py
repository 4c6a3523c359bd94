"""Finds and loads libweir, and checks that it is the one that this package was made for."""

from __future__ import annotations

import ctypes
import os
import pathlib
import threading
from typing import Any, List, Optional, Tuple, Type

from weir import _table
from weir._error import Error, LibraryError

SONAME = "libweir.so.0"
PACKAGED = pathlib.Path(__file__).resolve().parent / "_lib" / SONAME

# Calls that are over in less time than it takes to give the interpreter's lock away and have it
# back. No thread of the engine's ever wants that lock, so that none of them can wait for it.
_QUICK = ("weir_request_", "weir_outcome_", "weir_response_", "weir_error_", "weir_permit_",
          "weir_text_", "weir_events_")
_COPIES_BODIES = ("weir_request_set_body", "weir_outcome_set_body")


def _path() -> str:
    return str(PACKAGED) if PACKAGED.exists() else os.environ.get("WEIR_LIBRARY") or SONAME


class Library:
    """The functions of libweir, as attributes of their names."""

    def __init__(self, path: str) -> None:
        try:
            releasing = ctypes.CDLL(path)
        except OSError as reason:
            raise LibraryError(
                f"libweir cannot be loaded from {path}: {reason}. Install weir {_table.VERSION_STRING}, "
                "or set WEIR_LIBRARY to the path of its libweir.so") from None
        self.path = path
        self._check_version(releasing)
        holding = ctypes.PyDLL(path)
        for name, (result, arguments) in _table.FUNCTIONS.items():
            quick = name.startswith(_QUICK) and name not in _COPIES_BODIES
            try:
                function = getattr(holding if quick else releasing, name)
            except AttributeError:
                raise LibraryError(self._misfit(releasing, f"it lacks {name}")) from None
            function.restype = result
            function.argtypes = arguments
            setattr(self, name, function)
        size = self.weir_event_size()
        if size != ctypes.sizeof(_table.Event) or size != _table.EVENT_SIZE:
            raise LibraryError(self._misfit(
                releasing, f"its event record has {size} bytes, not {_table.EVENT_SIZE}"))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def _check_version(self, loaded: ctypes.CDLL) -> None:
        try:
            number = int(loaded.weir_version_num())
        except AttributeError:
            raise LibraryError(
                f"{self.path} is not libweir. Set WEIR_LIBRARY to the path of the libweir.so of "
                f"weir {_table.VERSION_STRING}") from None
        # While the version is 0.x, each minor version has an ABI of its own.
        if number // 100 != _table.VERSION_NUM // 100 or number < _table.VERSION_NUM:
            raise LibraryError(self._misfit(loaded, "its interface is another one"))

    def _misfit(self, loaded: ctypes.CDLL, why: str) -> str:
        number = int(loaded.weir_version_num())
        version = f"{number // 10000}.{number // 100 % 100}.{number % 100}"
        return (f"{self.path} is libweir {version}, and this package is made for libweir "
                f"{_table.VERSION_STRING}: {why}. Install the two in the same version")

    def error(self, status: int, handle: Optional[int]) -> Error:
        """The exception for a status and its error object, which is released."""
        from weir import errors

        kind: Type[Error] = errors.CLASSES.get(status, Error)
        own = handle
        if own is None:
            made = ctypes.c_void_p()
            self.weir_error_new(status, None, 0, ctypes.byref(made))
            own = made.value
        try:
            return self.read_error(kind, own)
        finally:
            self.weir_error_release(own)

    def read_error(self, kind: Type[Error], handle: Optional[int]) -> Error:
        error = kind(_text(self.weir_error_message(handle)))
        error.code = self.weir_error_code(handle)
        error.name = _text(self.weir_error_name(handle))
        error.source = _text(self.weir_error_source(handle))
        error.flags = self.weir_error_flags(handle)
        error.http_status = self.weir_error_http_status(handle)
        error.provider_type = _text(self.weir_error_provider_type(handle))
        error.request_id = _text(self.weir_error_request_id(handle))
        error.attempts = self.weir_error_attempts(handle)
        wait_ms = self.weir_error_retry_after_ms(handle)
        error.retry_after = wait_ms / 1000 if wait_ms >= 0 else None
        return error

    def check(self, status: int) -> int:
        """A count or WEIR_OK as it is; else the exception for the status."""
        if status < 0:
            raise self.error(status, None)
        return status

    def call(self, function: Any, *arguments: Any) -> int:
        """Calls a function whose last parameter is `weir_error **error`."""
        handle = ctypes.c_void_p()
        status: int = function(*arguments, ctypes.byref(handle))
        if status < 0:
            raise self.error(status, handle.value)
        return status

    def made(self, function: Any, *arguments: Any) -> int:
        """The handle that a function gives by its last parameter but one."""
        out = ctypes.c_void_p()
        self.call(function, *arguments, ctypes.byref(out))
        return out.value or 0

    def text(self, function: Any, *arguments: Any) -> bytes:
        """The text that a function gives, which is released."""
        text = self.made(function, *arguments)
        try:
            length = ctypes.c_size_t()
            data = self.weir_text_data(text, ctypes.byref(length))
            return bytes(data[:length.value])
        finally:
            self.weir_text_release(text)


def _text(value: Optional[bytes]) -> str:
    return value.decode("utf-8", "replace") if value else ""


_lock = threading.Lock()
_loaded: Optional[Library] = None


def load() -> Library:
    """The library: that of the package, else that of WEIR_LIBRARY, else the system's."""
    global _loaded
    if _loaded is None:
        with _lock:
            if _loaded is None:
                _loaded = Library(_path())
    return _loaded


def settings() -> List[Tuple[str, str, str, str, str]]:
    """Every key of the configuration: name, type, default, range, and a line about it."""
    library = load()
    rows: List[Tuple[str, str, str, str, str]] = []
    columns = [ctypes.c_char_p() for _ in range(5)]
    while library.weir_config_describe(len(rows), *(ctypes.byref(one) for one in columns)) == 0:
        key, kind, default, allowed, line = (_text(one.value) for one in columns)
        rows.append((key, kind, default, allowed, line))
    return rows


def version() -> str:
    """The version of the library with the libraries that it runs on."""
    return _text(load().weir_version_string())
