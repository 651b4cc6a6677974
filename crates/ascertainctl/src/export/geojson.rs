//! A GeoJSON FeatureCollection, feature by feature.

use std::io::Write;

use ascertain_client::{json, render};
use ascertain_proto::v1::{ControlState, Place};
use serde_json::{Value, json};

use super::{may_be_mapped, name};
use crate::failure::Failure;

/// A FeatureCollection under the pen.
pub(crate) struct Features<W> {
    out: W,
    is_first: bool,
}

impl<W: Write> Features<W> {
    pub(super) fn begin(mut out: W) -> Result<Self, Failure> {
        let notice = Value::from(render::DISCLAIMER);
        writeln!(
            out,
            r#"{{"type":"FeatureCollection","notice":{notice},"features":["#
        )?;
        Ok(Self {
            out,
            is_first: true,
        })
    }

    pub(super) fn row(
        &mut self,
        state: &ControlState,
        place: Option<&Place>,
    ) -> Result<(), Failure> {
        if !std::mem::take(&mut self.is_first) {
            self.out.write_all(b",\n")?;
        }
        let mut properties = json::to_value("ControlState", state)?;
        if let Some(properties) = properties.as_object_mut() {
            properties.insert("name".to_owned(), name(place).into());
        }
        let feature = json!({
            "type": "Feature",
            "id": state.place_id,
            "geometry": geometry(place),
            "properties": properties,
        });
        Ok(self.out.write_all(feature.to_string().as_bytes())?)
    }

    pub(super) fn end(mut self) -> Result<(), Failure> {
        self.out.write_all(b"\n]}\n")?;
        Ok(self.out.flush()?)
    }
}

/// As registered: the area, else the representative point, else null, which RFC 7946
/// calls an unlocated feature.
fn geometry(place: Option<&Place>) -> Value {
    let Some(place) = place.filter(|place| may_be_mapped(place)) else {
        return Value::Null;
    };
    let area = serde_json::from_str(&place.geometry_geojson).ok();
    let point = || {
        let point = place.location.as_ref()?;
        Some(json!({"type": "Point", "coordinates": [point.longitude, point.latitude]}))
    };
    area.or_else(point).unwrap_or(Value::Null)
}
