"""Bodies, and the options of a request, as the library's builder takes them."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterator, Mapping, Optional, Tuple, TypedDict, Union

from weir._library import Library

Body = Union[Mapping[str, Any], str, bytes]

PRIORITIES = {"critical": 0, "high": 1, "normal": 2, "low": 3}


class Options(TypedDict, total=False):
    """What may be said of a request beside its body; include/weir/weir.h explains each."""

    priority: Union[str, int]  # critical, high, normal or low
    tenant: str
    deadline_s: float  # from submit to the end, waiting and retries included
    route: str
    complexity: str
    affinity: str
    lane: str  # online, batch or auto
    custom_id: str
    batch_fallback_s: float
    input_tokens: int
    output_tokens: int
    count_tokens: bool
    stream_restart: bool
    headers: Mapping[str, str]
    tag: int  # a group for cancel_tag


class PermitOptions(Options, total=False):
    """What a permit is for, where there is no body to measure."""

    body: Body
    model: str
    max_tokens: int
    lease_s: float


_TEXTS = frozenset(["tenant", "route", "complexity", "affinity", "lane", "custom_id", "input_tokens",
                    "output_tokens", "count_tokens", "stream_restart", "model", "max_tokens",
                    "lease_ms", "batch_fallback_ms"])


def text_of(value: Any) -> str:
    """A setting's value as the library reads it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def body_bytes(body: Body) -> bytes:
    if isinstance(body, (bytes, bytearray)):
        return bytes(body)
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, Mapping):
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    raise TypeError(f"a body is a mapping, bytes or str, not {type(body).__name__}")


def as_stream(body: Body) -> Body:
    """A body that asks for a stream; bytes and text are as their writer wants them."""
    return {**body, "stream": True} if isinstance(body, Mapping) else body


def body_apart(options: Mapping[str, Any]) -> Tuple[Optional[Body], Dict[str, Any]]:
    rest = dict(options)
    return rest.pop("body", None), rest


def priority_number(priority: Any) -> int:
    if isinstance(priority, str):
        if priority not in PRIORITIES:
            raise ValueError(f"priority {priority!r} is none of {', '.join(PRIORITIES)}")
        return PRIORITIES[priority]
    return _whole("priority", priority)


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is a whole number, not {type(value).__name__}")
    return value


def _milliseconds(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is a number of seconds, not {type(value).__name__}")
    return max(1, round(value * 1000)) if value > 0 else round(value * 1000)


def _set_text(library: Library, request: int, key: str, value: str) -> None:
    name, text = key.encode(), value.encode()
    library.call(library.weir_request_set, request, name, len(name), text, len(text))


def fill(library: Library, request: int, body: Optional[Body], user_data: int,
         options: Mapping[str, Any]) -> None:
    """Says to the builder all that a request has."""
    if body is not None:
        data = body_bytes(body)
        library.call(library.weir_request_set_body, request, data, len(data))
    library.weir_request_set_user_data(request, user_data)
    for name, value in options.items():
        if value is None:
            continue
        if name == "priority":
            library.check(library.weir_request_set_priority(request, priority_number(value)))
        elif name == "deadline_s":
            library.check(library.weir_request_set_deadline_ms(request, _milliseconds(name, value)))
        elif name == "tag":
            library.check(library.weir_request_set_tag(request, _whole(name, value)))
        elif name == "headers":
            for header, text in value.items():
                _set_text(library, request, "header." + header, text)
        elif name in ("lease_s", "batch_fallback_s"):
            _set_text(library, request, name[:-1] + "ms", str(_milliseconds(name, value)))
        elif name in _TEXTS:
            _set_text(library, request, name, text_of(value))
        else:
            raise TypeError(f"{name!r} is no option of a request")


def flattened(settings: Mapping[str, Any], prefix: str = "") -> Iterator[Tuple[str, str]]:
    """Dotted keys and values of settings that may be nested, be dotted, or be both."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from flattened(value, prefix + key + ".")
        elif value is not None:
            yield prefix + key, text_of(value)
