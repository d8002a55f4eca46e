"""A study file: what to read, where, with which models, judged how.

A study is a TOML file, so that a forecast or a backtest can be run again, and looked at by
somebody else, without reading code. ``docs/study.example.toml`` shows every key.
"""

from hotspot.study.load import load_areas, load_events
from hotspot.study.parts import (
    Study,
    StudyArea,
    StudyData,
    StudyFolds,
    StudyForecast,
    StudyGrid,
    StudyModel,
    StudyScores,
)
from hotspot.study.read import example_study_path, parse_study, read_study, study_document

__all__ = [
    "Study",
    "StudyArea",
    "StudyData",
    "StudyFolds",
    "StudyForecast",
    "StudyGrid",
    "StudyModel",
    "StudyScores",
    "example_study_path",
    "load_areas",
    "load_events",
    "parse_study",
    "read_study",
    "study_document",
]
