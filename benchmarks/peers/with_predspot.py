"""The recipe of predspot's README for one month ahead: its density at the given places, as JSON.

Called by side_by_side.py in an interpreter that has predspot; hotspot is not needed here.
"""

import json
import sys
import warnings

import geopandas as gpd
import pandas as pd
from predspot import Dataset, PredictionPipeline
from predspot.crime_mapping import KDE
from predspot.feature_engineering import Diff, Seasonality, Trend
from predspot.utilities import PandasFeatureUnion
from sklearn.ensemble import RandomForestRegressor


def main(events: str, places: str, seed: int) -> None:
    crimes, grid = pd.read_csv(events), pd.read_csv(places)
    grid = gpd.GeoDataFrame(grid, geometry=gpd.points_from_xy(grid["lon"], grid["lat"]), crs=4326)
    grid.index.name = "places"
    lagged = [
        ("seasonal", Seasonality(lags=12)),
        ("trend", Trend(lags=12)),
        ("diff", Diff(lags=12)),
    ]
    pipeline = PredictionPipeline(
        mapping=KDE(tfreq="M", grid=grid),
        fextraction=PandasFeatureUnion(lagged),
        # The README's forest, with a seed so that it can be run again.
        estimator=RandomForestRegressor(random_state=seed),
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline.fit(Dataset(crimes, grid))
        month = pipeline.next_time
        density = pipeline.predict()["crime_density"]
    density = density.droplevel("t").reindex(grid.index)
    print(json.dumps({"month": f"{month:%Y-%m}", "density": density.tolist()}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
