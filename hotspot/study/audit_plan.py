"""A plan of an audit, read from a file that is written before the scores are seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotspot.errors import ParameterError, StudyError
from hotspot.study.checks import checked, unknown
from hotspot.study.read import study_document

if TYPE_CHECKING:
    from hotspot.audit import Groups
    from hotspot.audit.run import AuditPlan
    from hotspot.grid.cells import Grid


@dataclass(frozen=True)
class GroupsFile:
    """``[[groups]]``: a division of residents, and the files it is read from.

    Attributes
    ----------
    name : str
        What divides them.
    areas : Path
        Polygons of census areas.
    by : str
        Column of `areas` with their codes.
    people : Path
        CSV with one row an area.
    code : str
        Its column of codes.
    columns : tuple of str
        Its columns of residents, one a group; or
    residents, classed_by : str or None
        its column of all residents, and the one with the class of each area.
    bands : int or None
        Cut a numeric class into so many bands of about equally many areas, the lowest first.
    reference : str or None
        Group that others are compared with.
    source : str
        Whose figures, of which year.
    """

    name: str
    areas: Path
    by: str
    people: Path
    code: str
    source: str
    columns: tuple[str, ...] = ()
    residents: str | None = None
    classed_by: str | None = None
    bands: int | None = None
    reference: str | None = None

    def load(self, grid: Grid) -> Groups:
        """Residents of the grid's cells.

        Raises
        ------
        StudyError
            If a file cannot be read or lacks a column.
        HotspotError
            Whatever :meth:`hotspot.audit.Groups.from_areas` refuses.
        """
        import geopandas as gpd

        from hotspot.audit.groups import Groups

        try:
            areas = gpd.read_file(self.areas).to_crs(grid.crs)
        except Exception as error:  # each of GDAL's drivers raises its own
            raise StudyError(f"{self.areas} cannot be read as polygons: {error}") from error
        if self.by not in areas:
            raise StudyError(unknown(self.areas.name, self.by, areas.columns, "column"))
        touched = areas[areas.intersects(grid.region)].reset_index(drop=True)
        return Groups.from_areas(
            grid, touched, self._people(), by=self.by, name=self.name, reference=self.reference,
            source=self.source,
        )  # fmt: skip

    def _people(self):
        import pandas as pd

        from hotspot.audit.groups import people_by_class

        try:
            table = pd.read_csv(self.people, thousands=",")
        except (OSError, ValueError) as error:
            raise StudyError(f"{self.people} cannot be read as a CSV: {error}") from error
        wanted = [self.code, *self.columns, *filter(None, (self.residents, self.classed_by))]
        for column in wanted:
            if column not in table:
                raise StudyError(unknown(self.people.name, column, table.columns, "column"))
        table = table.set_index(self.code)
        if self.columns:
            return table[list(self.columns)]
        classes = table[self.classed_by]
        if self.bands:
            ranks = classes.rank(method="first")
            classes = pd.qcut(ranks, self.bands, labels=range(1, self.bands + 1)).astype(int)
        return people_by_class(table[self.residents], classes)


@dataclass(frozen=True)
class AuditFile:
    """What an audit's plan says: how, of which residents, and with which seed.

    Attributes
    ----------
    plan : AuditPlan
    groups : tuple of GroupsFile
    seed : int
    """

    plan: AuditPlan
    groups: tuple[GroupsFile, ...]
    seed: int


def read_audit_plan(path: str | Path) -> AuditFile:
    """Read the plan of an audit, or say which key is wrong and what was expected.

    Parameters
    ----------
    path : path
        A TOML file; paths in it are relative to its folder. ``docs/audit.example.toml`` names
        every key.

    Returns
    -------
    AuditFile

    Raises
    ------
    StudyError
        If the file cannot be read, or a key is unknown, missing, or of the wrong type or range.
    """
    from hotspot.audit.feedback import Loop
    from hotspot.audit.recording import ReportingRates
    from hotspot.audit.run import AuditPlan, Scenario

    document, base = study_document(path), Path(path).parent
    fields = {one.name: str(one.type) for one in dataclasses.fields(AuditPlan)}
    kinds = {
        name: fields[name] for name in fields if name not in ("reporting", "scenarios", "loop")
    }
    known = [*fields, "groups", "seed"]
    for key in document:
        if key not in known:
            raise StudyError(unknown("A plan", key, known))
    if "model" not in document:
        raise StudyError('A plan needs model = "...", the name of the model in the backtest.')
    plan = {key: checked("A plan", key, document[key], kind)
            for key, kind in kinds.items() if key in document}  # fmt: skip
    try:
        if "reporting" in document:
            plan["reporting"] = ReportingRates(**_keys("[reporting]", document, ReportingRates))
        if "loop" in document:
            plan["loop"] = Loop(**_keys("[loop]", document, Loop))
        plan["scenarios"] = tuple(
            Scenario(**_table(f"[[scenarios]] number {number}", one, Scenario, base))
            for number, one in enumerate(document.get("scenarios", []), 1)
        )
        made = AuditPlan(**plan)
    except ParameterError as error:
        raise StudyError(f"{Path(path).name}: {error}") from None
    groups = tuple(
        _checked_groups(GroupsFile(**_table(f"[[groups]] number {number}", one, GroupsFile, base)))
        for number, one in enumerate(document.get("groups", []), 1)
    )
    seed = checked("A plan", "seed", document.get("seed", 1), "int")
    return AuditFile(made, groups, seed)


def _keys(where: str, document: Mapping[str, Any], part: type) -> dict[str, Any]:
    return _table(where, document[where.strip("[]")], part, Path())


def _table(where: str, table: Any, part: type, base: Path) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise StudyError(f"{where} must be a section with keys, got {table!r}.")
    fields = {one.name: one for one in dataclasses.fields(part)}
    for key in table:
        if key not in fields:
            raise StudyError(unknown(where, key, fields))
    for name, one in fields.items():
        if one.default is MISSING and one.default_factory is MISSING and name not in table:
            raise StudyError(f"{where} needs the key {name}.")
    return {key: checked(where, key, value, str(fields[key].type), base)
            for key, value in table.items()}  # fmt: skip


def _checked_groups(groups: GroupsFile) -> GroupsFile:
    classed = groups.residents is not None and groups.classed_by is not None
    if bool(groups.columns) == classed:
        raise StudyError(
            f"[[groups]] {groups.name!r} needs either columns, one a group, or residents and "
            "classed_by."
        )
    for path in (groups.areas, groups.people):
        if not path.is_file():
            raise StudyError(f"[[groups]] {groups.name!r}: there is no file {path}.")
    return groups


__all__ = ["AuditFile", "GroupsFile", "read_audit_plan"]
