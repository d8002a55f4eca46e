"""A study file says what is meant, or is refused with the key and what was expected."""

from pathlib import Path

import pytest

from hotspot import (
    GeometricLags,
    HistoricalRate,
    KernelDensity,
    MapBackground,
    PowerLawLag,
    SelfExciting,
    Stacked,
)
from hotspot.errors import StudyError
from hotspot.study import (
    Study,
    StudyData,
    StudyModel,
    example_study_path,
    load_areas,
    parse_study,
    read_study,
)

SMALLEST = {"data": {"path": "a.zip"}}


def study_file(folder: Path, text: str) -> Path:
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_study_needs_no_more_than_a_path():
    study = parse_study(SMALLEST)
    assert study == Study(data=StudyData(Path("a.zip")))
    assert study.grid.cell_size == 250.0
    assert study.folds is None


def test_what_the_file_says_is_what_the_study_holds(tmp_path):
    study = read_study(
        study_file(
            tmp_path,
            """
            seed = 7
            [data]
            path = "archive.zip"
            offences = ["Burglary", "Robbery"]
            [grid]
            cell_size = 500
            [[models]]
            name = "a year"
            kind = "HistoricalRate"
            window = "12 months"
            [folds]
            start = "2024-01"
            end = "2024-07"
            gap = 2
            [scores]
            area_shares = [0.1]
            """,
        )
    )
    assert study.seed == 7
    assert study.data.offences == ("Burglary", "Robbery")
    assert study.grid.cell_size == 500.0
    assert study.models == (StudyModel("a year", "HistoricalRate", (("window", "12 months"),)),)
    assert (study.folds.start, study.folds.end, study.folds.gap) == ("2024-01", "2024-07", 2)
    assert study.scores.area_shares == (0.1,)
    assert study.baseline == "a year"


def test_relative_paths_are_relative_to_the_study_file(tmp_path):
    path = study_file(tmp_path, 'out = "results"\n[data]\npath = "sub/archive.zip"\n')
    study = read_study(path)
    assert study.data.path == tmp_path / "sub" / "archive.zip"
    assert study.out == tmp_path / "results"


def test_an_absolute_path_stays(tmp_path):
    study = parse_study({"data": {"path": str(tmp_path / "a.zip")}}, folder="elsewhere")
    assert study.data.path == tmp_path / "a.zip"


def test_a_byte_order_mark_is_passed_over(tmp_path):
    path = tmp_path / "study.toml"
    path.write_bytes(b'\xef\xbb\xbf[data]\npath = "a.zip"\n')
    assert read_study(path).data.path == tmp_path / "a.zip"


def test_the_example_is_a_study_whose_data_are_there():
    study = read_study(example_study_path())
    assert study.data.path.is_file()
    assert len(load_areas(study)) == 5
    assert study.folds is not None


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"data": {"path": "a", "offence": ["x"]}}, r"\[data\] has no key 'offence'.*'offences'"),
        ({**SMALLEST, "modles": []}, r"A study has no key 'modles'. Did you mean 'models'"),
        ({**SMALLEST, "grid": {"cell_size": "250"}}, r"cell_size must be a number, got '250'"),
        ({**SMALLEST, "grid": {"cell_size": True}}, r"cell_size must be a number, got True"),
        ({**SMALLEST, "grid": 250}, r"\[grid\] must be a section with keys, got 250"),
        ({**SMALLEST, "seed": 1.5}, r"seed must be a whole number, got 1.5"),
        ({**SMALLEST, "seed": -1}, r"seed must be 0 or more, got -1"),
        ({"data": {"path": ""}}, r"path must be a path in quotes, got ''"),
        ({"data": {}}, r"\[data\] needs the key path"),
        ({}, r"needs a section \[data\]"),
        ({"data": {"path": "a", "offences": "Burglary"}}, r"a list of texts in quotes, got 'Burg"),
        ({**SMALLEST, "folds": {"start": "2024-01"}}, r"\[folds\] needs the key end"),
        ({**SMALLEST, "folds": {"start": 2024, "end": "2025"}}, r"start must be text.*got 2024"),
        ({**SMALLEST, "scores": {"area_shares": [0.1, 1.2]}}, r"area_shares must lie in \(0, 1\]"),
        ({**SMALLEST, "scores": {"area_shares": []}}, r"area_shares must lie in"),
        ({**SMALLEST, "scores": {"baseline": "kernal"}}, r"has no model called 'kernal'"),
        ({**SMALLEST, "forecast": {"quantiles": [0.1, 0.9]}}, r"must hold 0.05 and 0.95"),
        ({**SMALLEST, "forecast": {"periods": 0}}, r"periods must be at least 1, got 0"),
        (
            {**SMALLEST, "area": {"boroughs": ["Camden"], "region": "a.geojson"}},
            r"boroughs or region, not both",
        ),
        ({**SMALLEST, "models": []}, r"one or more \[\[models\]\]"),
        ({**SMALLEST, "models": [{"name": "a"}]}, r"number 1 needs a kind, one of HistoricalRate"),
        (
            {**SMALLEST, "models": [{"kind": "HistoricRate"}]},
            r"no kind 'HistoricRate'. Did you mean 'HistoricalRate'",
        ),
        (
            {**SMALLEST, "models": [{"kind": "HistoricalRate", "windw": "1 year"}]},
            r"\[\[models\]\] 'HistoricalRate' has no key 'windw'. Did you mean 'window'",
        ),
        (
            {**SMALLEST, "models": [{"kind": "HistoricalRate", "window": 36}]},
            r"window must be text in quotes, got 36",
        ),
        (
            {**SMALLEST, "models": [{"kind": "HistoricalRate", "window": "36 moons"}]},
            r"'HistoricalRate' cannot be made: .*36 moons",
        ),
        (
            {**SMALLEST, "models": [{"kind": "HistoricalRate"}, {"kind": "HistoricalRate"}]},
            r"need names that differ",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(document, said):
    with pytest.raises(StudyError, match=said):
        parse_study(document)


def test_a_missing_study_file_is_refused(tmp_path):
    with pytest.raises(StudyError, match="cannot be read: No such file"):
        read_study(tmp_path / "none.toml")


def test_a_file_that_is_not_toml_is_refused_with_its_line(tmp_path):
    with pytest.raises(StudyError, match=r"not a TOML file in UTF-8: .*line 2"):
        read_study(study_file(tmp_path, "[data]\npath = archive.zip\n"))


def test_a_region_file_gives_the_areas_under_its_own_names(tmp_path):
    boroughs = load_areas(parse_study({**SMALLEST, "area": {"boroughs": ["Camden", "Hackney"]}}))
    boroughs.to_crs(4326).rename(columns={"name": "ward"}).to_file(tmp_path / "wards.geojson")
    document = {**SMALLEST, "area": {"region": "wards.geojson", "name_column": "ward"}}
    areas = load_areas(parse_study(document, folder=tmp_path))
    assert areas.crs == 27700
    assert areas["name"].tolist() == ["Camden", "Hackney"]
    # There and back through degrees moves an outline by centimetres.
    assert areas.area.tolist() == pytest.approx(boroughs.area.tolist(), rel=1e-6)


def test_a_region_file_without_the_name_column_is_refused(tmp_path):
    boroughs = load_areas(parse_study({**SMALLEST, "area": {"boroughs": ["Camden", "Hackney"]}}))
    boroughs.rename(columns={"name": "nam"}).to_file(tmp_path / "wards.geojson")
    study = parse_study({**SMALLEST, "area": {"region": "wards.geojson"}}, folder=tmp_path)
    with pytest.raises(StudyError, match=r"wards.geojson has no column 'name'. Did you mean 'nam'"):
        load_areas(study)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "There is no region file"), (b"not geojson", "cannot be read as a file of polygons")],
)
def test_a_region_file_that_cannot_be_read_is_refused(tmp_path, content, said):
    if content is not None:
        (tmp_path / "a.geojson").write_bytes(content)
    study = parse_study({**SMALLEST, "area": {"region": "a.geojson"}}, folder=tmp_path)
    with pytest.raises(StudyError, match=said):
        load_areas(study)


def _model(**table):
    return parse_study({"data": {"path": "x"}, "models": [table]}).models[0]


class TestPartsOfModels:
    """A model whose options are parts of their own kind, as tables inside its table."""

    def test_a_table_with_a_kind_becomes_that_part(self):
        model = _model(
            kind="SelfExciting",
            window="24 months",
            lag={"kind": "PowerLawLag", "c": 2.0, "p": 2.5},
            background={"kind": "MapBackground", "model": {"kind": "HistoricalRate"}},
            hold=["lag"],
        ).build()
        assert model == SelfExciting(
            background=MapBackground(HistoricalRate()),
            lag=PowerLawLag(c=2.0, p=2.5),
            window="24 months",
            hold=("lag",),
        )

    def test_a_list_of_tables_becomes_several_parts(self):
        parts = [{"kind": "HistoricalRate"}, {"kind": "KernelDensity", "bandwidth": 200}]
        assert _model(kind="Stacked", parts=parts).build() == Stacked(
            (HistoricalRate(), KernelDensity(bandwidth=200.0))
        )

    def test_a_monthly_model_takes_its_lags_as_a_part(self):
        model = _model(kind="EndemicEpidemic", own_lags={"kind": "GeometricLags", "longest": 6})
        assert model.build().own_lags == GeometricLags(longest=6)

    @pytest.mark.parametrize(
        ("background", "said"),
        [
            ({"bandwidth": 200}, "background needs a kind, one of ConstantBackground"),
            ({"kind": "KernelBackgroun"}, "Did you mean 'KernelBackground'"),
            ({"kind": "KernelBackground", "bandwith": 2}, "Did you mean 'bandwidth'"),
            ({"kind": "KernelBackground", "follows_events": True}, "no key 'follows_events'"),
            ({"kind": "KernelBackground", "background_share": "x"}, "must be a number"),
            ({"kind": "KernelBackground", "background_share": 2}, "cannot be made"),
            ("kernel", "background must be a Background"),
        ],
    )
    def test_what_is_no_part_is_refused_by_name(self, background, said):
        with pytest.raises(StudyError, match=said):
            _model(kind="SelfExciting", background=background).build()

    def test_a_part_is_no_model(self):
        with pytest.raises(StudyError, match="has no kind 'KernelBackground'"):
            _model(kind="KernelBackground")
