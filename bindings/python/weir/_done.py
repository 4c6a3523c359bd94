"""What map() yields: one of many requests, when it has ended."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Mapping, Optional, Tuple

from weir._answer import Answer
from weir._engine import Item
from weir._error import Error
from weir._request import Body


@dataclasses.dataclass(frozen=True)
class Done:
    """Number `index` of the requests that were handed in; it has an answer or an error."""

    index: int
    body: Body
    answer: Optional[Answer]
    error: Optional[Error]

    def result(self) -> Answer:
        """The answer, or the failure as an exception."""
        if self.error is not None:
            raise self.error
        assert self.answer is not None
        return self.answer

    @classmethod
    def of(cls, index: int, body: Body, end: Optional[Item]) -> Done:
        brings = end[2] if end else None
        if isinstance(brings, Error):
            return cls(index, body, None, brings)
        return cls(index, body, brings, None)


def with_options(one: Any, options: Mapping[str, Any]) -> Tuple[Body, Dict[str, Any]]:
    """A body, or a body and options of its own, beside the options of all."""
    if isinstance(one, tuple):
        body, own = one
        return body, {**options, **own}
    return one, dict(options)
