"""A study as one JSON document, without the folders of whoever ran it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from hotspot.study.parts import Study

# Where results and records go, and who works, change no number.
_LEFT_OUT = ("out", "ledger", "models", "override")


def document_of(study: Study) -> dict[str, Any]:
    """What a study says, as JSON knows it, with every default written out.

    Files are named without their folders, so that the document can be published:
    :func:`hotspot.study.parse_study` makes it a study again, looking for them where it is told.

    Parameters
    ----------
    study : Study

    Returns
    -------
    dict

    Examples
    --------
    >>> from hotspot.study import example_study_path, read_study
    >>> document = document_of(read_study(example_study_path()))
    >>> document["data"], document["models"][0]["kind"]
    ({'path': 'archive.zip', 'offences': ['Burglary']}, 'HistoricalRate')
    """
    document: dict[str, Any] = {}
    for part in dataclasses.fields(Study):
        value = getattr(study, part.name)
        if part.name in _LEFT_OUT or value is None:
            continue
        document[part.name] = _plain(
            {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
            if dataclasses.is_dataclass(value)
            else value
        )
    document["models"] = [
        {"name": model.name, "kind": model.kind, **_plain(dict(model.options))}
        for model in study.models
    ]
    if study.override:
        document["override"] = [
            {"guard": one.code, "reason": one.reason, "role": one.role} for one in study.override
        ]
    return document


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Path):
        return value.name
    return value.isoformat() if hasattr(value, "isoformat") else value
