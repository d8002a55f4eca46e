"""Forecasts where recorded offences will concentrate, with bounds, and shows how wrong it was.

The public names, in the order of the walk: what was recorded, where and when we look, what
process could make it, what we expect next, how wrong that was. Names load when they are used.
"""

import lazy_loader as _lazy

__version__ = "0.1.0"

_names = {
    "data.events": ["Events", "Source"],
    "data.police_uk": ["read_police_uk"],
    "data.police_uk_api": ["read_police_uk_json"],
    "data.places": ["load_boroughs", "load_lsoas"],
    "data.sample": ["load_sample", "sample_path"],
    "grid.cells": ["Grid"],
    "grid.periods": ["make_periods"],
    "grid.areas": ["area_weights", "sum_over_areas"],
    "grid.counts": ["count_events"],
    "models.historical": ["HistoricalRate"],
    "models.kde": ["KernelDensity"],
    "models.prospective": ["ProspectiveMap"],
    "models.stacked_map": ["Stacked"],
    "models.area_levels.level_model": ["LevelModel", "FittedLevels"],
    "models.area_levels.with_levels": ["WithLevels", "FittedWithLevels"],
    "models.smoothing.bandwidth": ["BandwidthChoice", "select_bandwidth"],
    "models.self_exciting.model": ["SelfExciting"],
    "models.self_exciting.fitted": ["FittedSelfExciting"],
    "models.self_exciting.inference": ["block_bootstrap", "profile_likelihood"],
    "models.self_exciting.resample": ["parametric_bootstrap", "simulate_record"],
    "models.self_exciting.sensitivity": ["background_sensitivity"],
    "models.backgrounds.base": ["ConstantBackground", "MapBackground"],
    "models.backgrounds.kernel": ["KernelBackground"],
    "models.backgrounds.covariates": ["CovariateBackground"],
    "models.backgrounds.periodic": ["PeriodicBackground"],
    "models.backgrounds.stacked": ["StackedBackground"],
    "models.self_exciting.resolution": ["branching_ratio_of_floored_poisson"],
    "models.rate_map": ["FittedRateMap"],
    "models.parts.lag": ["ExponentialLag", "PowerLawLag", "PiecewiseConstantLag"],
    "models.parts.displacement": [
        "GaussianDisplacement",
        "ExponentialDisplacement",
        "PowerLawDisplacement",
        "StudentDisplacement",
        "PiecewiseConstantDisplacement",
    ],
    "models.log_linear": ["LogLinear"],
    "models.endemic_epidemic.model": ["EndemicEpidemic"],
    "models.endemic_epidemic.fitted": ["FittedEndemicEpidemic"],
    "models.endemic_epidemic.areas": ["EndemicEpidemicAreas", "calendar_table"],
    "models.endemic_epidemic.areas_fitted": ["FittedEndemicEpidemicAreas"],
    "models.endemic_epidemic.month_lags": ["FreeLags", "GeometricLags", "PoissonLags"],
    "models.endemic_epidemic.points": ["EndemicEpidemicPoints", "FittedEndemicEpidemicPoints"],
    "models.protocol": ["Model", "FittedModel"],
    "forecast.issue": ["issue_forecast"],
    "forecast.entropy": ["generator_from"],
    "forecast.recalibration": ["recalibrate", "recorded_before"],
    "backtesting.folds": ["Fold", "rolling_origin"],
    "backtesting.run": ["backtest"],
    "backtesting.leaks": ["LeakReport", "leak_test"],
    "forecast.export": ["save_forecast", "load_forecast", "save_area_forecast"],
    "forecast.schema": ["check_forecast"],
    "evaluate.ranking": [
        "hit_rate",
        "prediction_accuracy_index",
        "prediction_efficiency_index",
        "prediction_efficiency_index_star",
        "capture_curve",
        "capture_area",
    ],
    "evaluate.scores": [
        "poisson_log_score",
        "negative_binomial_log_score",
        "information_gain",
        "crps",
        "brier_score",
    ],
    "evaluate.calibration": [
        "interval_coverage",
        "area_interval_coverage",
        "randomised_pit",
        "pit_coverage",
        "calibration_table",
        "hottest_cells",
    ],
    "evaluate.comparison": ["compare"],
    "plot.maps": ["plot_forecast", "plot_bounds"],
    "plot.areas": ["plot_area_bounds"],
    "plot.curves": ["plot_capture_curve", "plot_calibration", "plot_pit"],
}

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submodules=["backtesting", "data", "errors", "evaluate", "forecast", "grid", "models", "plot"],
    submod_attrs=_names,
)
