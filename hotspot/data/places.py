"""The 33 boroughs of London and its 4,835 lower-layer super output areas of 2011."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

import geopandas as gpd
import pandas as pd

from hotspot.data.sample import sample_path
from hotspot.errors import ParameterError, UnknownNameError


def load_boroughs(names: str | Iterable[str] | None = None) -> gpd.GeoDataFrame:
    """Outlines of London boroughs: all 33 (the City of London counts as one), or those named.

    Parameters
    ----------
    names : str or iterable of str, optional
        Borough names or GSS codes ("E09000007"), in any letter case; "&" may stand for
        "and". None gives all.

    Returns
    -------
    GeoDataFrame
        EPSG:27700, one row a borough, in the order asked for: ``name``, ``gss_code``,
        ``inner`` (bool; Inner London as the Office for National Statistics defines it),
        ``hectares``, ``geometry``. Neighbours share exactly the same border.

    Raises
    ------
    UnknownNameError
        If a name is not a borough; the message gives the nearest ones.

    Notes
    -----
    Boundaries are mean-high-water outlines of the London Datastore, to 0.1 m. Contains
    National Statistics data © Crown copyright and database right; contains OS data © Crown
    copyright and database right (Open Government Licence v3.0).

    Examples
    --------
    >>> load_boroughs(["camden", "E09000012"])[["name", "gss_code", "inner"]]
          name   gss_code  inner
    0   Camden  E09000007   True
    1  Hackney  E09000012   True
    """
    boroughs = gpd.read_parquet(sample_path("boroughs.parquet"))
    if names is None:
        return boroughs
    codes = _borough_codes(names, boroughs)
    return boroughs.set_index("gss_code", drop=False).loc[codes].reset_index(drop=True)


def load_lsoas(
    boroughs: str | Iterable[str] | None = None, *, codes: str | Iterable[str] | None = None
) -> gpd.GeoDataFrame:
    """Small census areas (LSOAs of 2011, about 1,700 persons each) with persons and households.

    Parameters
    ----------
    boroughs : str or iterable of str, optional
        Keep the LSOAs of these boroughs; names or GSS codes as in `load_boroughs`.
    codes : str or iterable of str, optional
        Keep these LSOAs ("E01000907"), instead of `boroughs`.

    Returns
    -------
    GeoDataFrame
        EPSG:27700, one row an LSOA, by code: ``code``, ``name``, ``borough``,
        ``borough_code``, ``persons``, ``households`` (Census 2011), ``geometry``.

    Raises
    ------
    UnknownNameError
        If a borough or code is not known. Codes of 2021 are not here: police.uk data use
        them from 2022-03 on; join such data by place, not by code.
    ParameterError
        If both `boroughs` and `codes` are given.

    Notes
    -----
    The outlines are super-generalised (about 200 m). They serve maps, adjacency and sums
    over areas; a point near an edge may lie in the neighbour's outline, and they do not tile
    the boroughs of `load_boroughs` exactly (0.9 % of London's area differs). Contains
    National Statistics data © Crown copyright and database right; contains OS data © Crown
    copyright and database right (Open Government Licence v3.0).

    Examples
    --------
    >>> lsoas = load_lsoas("City of London")
    >>> len(lsoas), int(lsoas["persons"].sum())
    (6, 7375)
    """
    if boroughs is not None and codes is not None:
        raise ParameterError("Give either `boroughs` or `codes`, and not both.")
    lsoas = gpd.read_parquet(sample_path("lsoas.parquet"))
    if boroughs is not None:
        wanted = _borough_codes(boroughs, load_boroughs())
        return lsoas[lsoas["borough_code"].isin(wanted)].reset_index(drop=True)
    if codes is not None:
        wanted = [code.strip().upper() for code in _as_list(codes)]
        _require_lsoa_codes(wanted, lsoas["code"])
        return lsoas[lsoas["code"].isin(wanted)].reset_index(drop=True)
    return lsoas


def _borough_codes(names: str | Iterable[str], boroughs: gpd.GeoDataFrame) -> list[str]:
    """GSS codes of `names`, each once, in the order given."""
    code_of = {_plain(code): code for code in boroughs["gss_code"]}
    code_of |= {
        _plain(name): code
        for name, code in zip(boroughs["name"], boroughs["gss_code"], strict=True)
    }
    written = {_plain(text): text for text in [*boroughs["name"], *boroughs["gss_code"]]}
    found = []
    for name in _as_list(names):
        if _plain(name) not in code_of:
            near = [written[key] for key in get_close_matches(_plain(name), code_of, n=3)]
            hint = (
                f"Did you mean {_or(near)}?" if near else f"Known: {', '.join(boroughs['name'])}."
            )
            raise UnknownNameError(f"{name!r} is not a London borough. {hint}")
        found.append(code_of[_plain(name)])
    return list(dict.fromkeys(found))


def _require_lsoa_codes(wanted: list[str], known: pd.Series) -> None:
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        near = get_close_matches(unknown[0], known, n=3, cutoff=0.8)
        hint = f"Did you mean {_or(near)}? " if near else ""
        more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
        raise UnknownNameError(
            f"{unknown[0]!r}{more} is not a London LSOA of 2011. {hint}Codes made in 2021 are "
            "not here; join data that carry them by place instead."
        )


def _as_list(names: str | Iterable[str]) -> list[str]:
    # A lone string is iterable too: without this "Camden" would be read as six names.
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        if not isinstance(name, str):
            raise UnknownNameError(f"Names must be text, got {name!r}.")
    return names


def _plain(name: str) -> str:
    words = name.casefold().replace("&", " and ").replace("-", " ").replace(".", " ").split()
    return " ".join(words)


def _or(names: list[str]) -> str:
    return " or ".join(f"{name!r}" for name in names)
