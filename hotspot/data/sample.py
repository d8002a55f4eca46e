"""The data that come with hotspot: where they lie, and the SIMULATED offences as Events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from hotspot.data.events import Events
from hotspot.errors import ParameterError

SIMULATED_BOROUGHS = ("Camden", "City of London", "Hackney", "Islington", "Tower Hamlets")
"""Boroughs of the sample in the layout of data.police.uk."""

SIMULATED_EXACT_BOROUGHS = ("Hackney", "Islington")
"""Boroughs of the sample with exact times."""

_NAME = "SIMULATED sample of hotspot, {}: not real records"
_LICENCE = "BSD-3-Clause; simulated by scripts/simulate_sample.py"
_PACKAGE = Path(__file__).resolve().parents[1]


def sample_path(name: str = "") -> Path:
    """Folder of the data that come with hotspot, or one file in it.

    Parameters
    ----------
    name : str
        Path inside the folder, such as "police_uk/archive.zip"; "" gives the folder.

    Raises
    ------
    FileNotFoundError
        If it is not there, as in an installation from which data were stripped.

    Examples
    --------
    >>> sample_path("boroughs.parquet").name
    'boroughs.parquet'
    """
    # A wheel carries the folder inside the package; a source checkout keeps it at its root.
    for folder in (_PACKAGE / "sample", _PACKAGE.parent / "data" / "sample"):
        if (folder / name).exists() and (folder / "boroughs.parquet").exists():
            return folder / name
    raise FileNotFoundError(
        f"{name or 'The sample folder'} is not among the data of this installation of hotspot. "
        "Install hotspot-forecast again, or work in a full checkout."
    )


def load_sample(
    kind: Literal["police_uk", "exact"] = "police_uk",
    *,
    offences: str | Iterable[str] | None = None,
) -> Events:
    """Simulated offences to try everything on: no row describes anything that happened.

    Parameters
    ----------
    kind : {"police_uk", "exact"}
        "police_uk": five boroughs (:data:`SIMULATED_BOROUGHS`), 2021-01 to 2024-12, month
        only, snapped to points, four kinds of offence; read from files in the layout of a
        data.police.uk download, with the flaws of such files. "exact": exact times and places
        of one kind of offence in Hackney and Islington, 2023 and 2024, from a self-exciting
        process.
    offences : str or iterable of str, optional
        Keep these kinds, for "police_uk": "Burglary", "Robbery", "Vehicle crime",
        "Anti-social behaviour".

    Returns
    -------
    Events
        ``source.name`` begins with "SIMULATED". What they were drawn from is in
        ``sample_path("truth.json")`` and described in the README beside it.

    Raises
    ------
    ParameterError
        If `kind` is another, or `offences` are given for "exact".
    UnknownNameError
        If an offence is not known.

    Notes
    -----
    Volume and spread of the burglaries resemble real ones of these boroughs; the README
    compares the two. The true map does not move, real maps do: long memories look better here
    than they are. Reading takes about a second.

    Examples
    --------
    >>> events = load_sample("exact")
    >>> len(events), events.time_resolution, events.source.name
    (4374, 'exact', 'SIMULATED sample of hotspot, exact times: not real records')
    """
    if kind == "police_uk":
        return _load_police_uk(offences)
    if kind != "exact":
        raise ParameterError(f'kind must be "police_uk" or "exact", got {kind!r}.')
    if offences is not None:
        raise ParameterError('The "exact" sample holds one kind of offence; leave `offences` out.')
    return _load_exact()


def _load_police_uk(offences: str | Iterable[str] | None) -> Events:
    from hotspot.data.places import load_boroughs
    from hotspot.data.police_uk import read_police_uk

    events = read_police_uk(
        sample_path("police_uk/archive.zip"),
        offences=offences,
        region=load_boroughs(SIMULATED_BOROUGHS),
    )
    name = _NAME.format("data.police.uk layout")
    return replace(events, source=replace(events.source, name=name, licence=_LICENCE))


def _load_exact() -> Events:
    import geopandas as gpd

    from hotspot.data.places import load_boroughs

    return Events.from_geodataframe(
        gpd.read_parquet(sample_path("exact_times.parquet")),
        time_resolution="exact",
        region=load_boroughs(SIMULATED_EXACT_BOROUGHS),
        start="2023-01-01",
        end="2025-01-01",
        place_resolution=0.0,
        name=_NAME.format("exact times"),
        licence=_LICENCE,
    )
