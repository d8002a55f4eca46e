"""Where the data that come with hotspot lie."""

from __future__ import annotations

from pathlib import Path

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
