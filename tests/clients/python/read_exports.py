"""Opens exports with the tools of those who use them: CSV with libhxl, GeoJSON with geojson."""

import json
import sys

import geojson
import hxl


def main(csv: str, area: str) -> None:
    source = hxl.data(csv, hxl.InputOptions(allow_local=True))
    tags = source.display_tags
    assert "#loc+code" in tags and "#geo+lat" in tags, tags
    rows = list(source)
    places = [row.get("#loc+code") for row in rows]
    assert places == sorted(places), places
    chances = [int(row.get("#indicator+probability+leading")) for row in rows]
    assert all(0 < chance < 1_000_000 for chance in chances), chances
    held = hxl.data(csv, hxl.InputOptions(allow_local=True)).with_rows("#status+control=held")
    with open(area, encoding="utf-8") as file:
        collection = geojson.load(file)
    assert collection.is_valid, collection.errors()
    assert collection["notice"].startswith("Not for targeting"), collection["notice"]
    ids = [feature["id"] for feature in collection["features"]]
    located = [f for f in collection["features"] if f["geometry"] is not None]
    print(json.dumps({
        "rows": len(rows),
        "held": len(list(held)),
        "features": len(ids),
        "located": len(located),
        "same": ids == places,
    }))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
