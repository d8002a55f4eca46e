"""A document becomes a page that opens anywhere: nothing is fetched, no script runs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from hotspot.card.document import NOT_MEASURED, NOT_PROVIDED

_TEMPLATES = {"councillor": "councillor.html", "evidence": "evidence.html"}


def rendered(document: Mapping[str, Any]) -> str:
    """The page of a document; the same bytes for the same document."""
    name = _TEMPLATES.get(document["document"], "record.html")
    return _environment().get_template(name).render(doc=document)


@cache
def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("hotspot.card", "templates"),
        autoescape=True,  # texts come from files and from answers
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals.update(NOT_PROVIDED=NOT_PROVIDED, NOT_MEASURED=NOT_MEASURED)
    return environment
