//! The protobuf JSON mapping of the contract's messages, both ways, and the same
//! tree in YAML. Unset scalars are written out, so that a script finds every
//! field; input with an unknown field is refused by name.

use std::sync::OnceLock;

use ascertain_proto::FILE_DESCRIPTOR_SET;
use prost::Message;
use prost_reflect::{
    DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor, SerializeOptions,
};
use serde_json::Value;

/// Why something could not be mapped.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// The contract has no such message: a defect of the caller.
    #[error("there is no message {0}")]
    UnknownMessage(String),
    /// The descriptors or the bytes of a message cannot be read: a defect of the build.
    #[error("the message {name} cannot be read")]
    Message {
        /// The message.
        name: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The input does not fit the message.
    #[error("{0}")]
    Mapping(#[source] serde_json::Error),
    /// The text is not JSON.
    #[error("malformed JSON: {0}")]
    Json(#[source] serde_json::Error),
    /// The text is not YAML.
    #[error("malformed YAML: {0}")]
    Yaml(#[source] serde_yaml_ng::Error),
}

/// A message as a JSON tree. `name` is short, such as `ControlState`.
///
/// # Errors
/// [`JsonError::UnknownMessage`] if the contract has no such message.
pub fn to_value(name: &str, message: &impl Message) -> Result<Value, JsonError> {
    let dynamic = DynamicMessage::decode(descriptor(name)?, message.encode_to_vec().as_slice())
        .map_err(|error| unreadable(name, error))?;
    let options = SerializeOptions::new().skip_default_fields(false);
    dynamic
        .serialize_with_options(serde_json::value::Serializer, &options)
        .map_err(JsonError::Mapping)
}

/// A message from a JSON tree. Field names may be in lowerCamelCase or as in the
/// contract; enums are names or numbers, times RFC 3339.
///
/// # Errors
/// [`JsonError::Mapping`] names the unknown field or the misfit value.
pub fn from_value<M: Message + Default>(name: &str, value: Value) -> Result<M, JsonError> {
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    let dynamic = DynamicMessage::deserialize_with_options(descriptor(name)?, value, &options)
        .map_err(JsonError::Mapping)?;
    M::decode(dynamic.encode_to_vec().as_slice()).map_err(|error| unreadable(name, error))
}

/// All documents of a text: one JSON value, JSON Lines, or YAML (documents apart
/// by `---`). Text that begins with `{` or `[` is JSON.
///
/// # Errors
/// [`JsonError::Json`] or [`JsonError::Yaml`], with line and column.
pub fn parse(text: &str) -> Result<Vec<Value>, JsonError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with(['{', '[']) {
        let values = serde_json::Deserializer::from_str(text).into_iter();
        return values.collect::<Result<_, _>>().map_err(JsonError::Json);
    }
    let mut values = Vec::new();
    for document in serde_yaml_ng::Deserializer::from_str(text) {
        let value: Value = deserialize(document).map_err(JsonError::Yaml)?;
        if !value.is_null() {
            values.push(value);
        }
    }
    Ok(values)
}

fn deserialize<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Value, D::Error> {
    serde::Deserialize::deserialize(from)
}

/// A JSON tree as text for people, indented, with a final newline.
///
/// # Errors
/// [`JsonError::Json`]; a tree from [`to_value`] has none.
pub fn to_json_text(value: &Value) -> Result<String, JsonError> {
    let mut text = serde_json::to_string_pretty(value).map_err(JsonError::Json)?;
    text.push('\n');
    Ok(text)
}

/// The same tree as YAML.
///
/// # Errors
/// [`JsonError::Yaml`]; a tree from [`to_value`] has none.
pub fn to_yaml_text(value: &Value) -> Result<String, JsonError> {
    serde_yaml_ng::to_string(value).map_err(JsonError::Yaml)
}

fn descriptor(name: &str) -> Result<MessageDescriptor, JsonError> {
    static POOL: OnceLock<Result<DescriptorPool, String>> = OnceLock::new();
    let pool = POOL.get_or_init(|| {
        DescriptorPool::decode(FILE_DESCRIPTOR_SET).map_err(|error| error.to_string())
    });
    let pool = pool
        .as_ref()
        .map_err(|error| unreadable(name, error.clone()))?;
    pool.get_message_by_name(&format!("ascertain.v1.{name}"))
        .ok_or_else(|| JsonError::UnknownMessage(name.to_owned()))
}

fn unreadable(
    name: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> JsonError {
    JsonError::Message {
        name: name.to_owned(),
        source: source.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ascertain_proto::v1::{Claim, Polarity, Predicate, Report};
    use serde_json::json;

    fn report() -> Report {
        Report {
            report_id: "6f1f0a52-6d0c-4a5e-9d39-0d0f4b1f0001".into(),
            published_at: Some(prost_types::Timestamp {
                seconds: 1_733_378_400,
                nanos: 0,
            }),
            claims: vec![Claim {
                predicate: Predicate::Present.into(),
                polarity: Polarity::Deny.into(),
                ..Claim::default()
            }],
            ..Report::default()
        }
    }

    #[test]
    fn a_report_comes_back_from_json_and_from_yaml_as_it_was() {
        let value = to_value("Report", &report()).expect("mapped");
        for text in [to_json_text(&value), to_yaml_text(&value)] {
            let values = parse(&text.expect("text")).expect("parsed");
            assert_eq!(values.len(), 1);
            let back: Report = from_value("Report", values[0].clone()).expect("mapped back");
            assert_eq!(back, report());
        }
    }

    #[test]
    fn enums_are_names_and_times_are_rfc_3339() {
        let value = to_value("Report", &report()).expect("mapped");
        assert_eq!(value["publishedAt"], "2024-12-05T06:00:00Z");
        assert_eq!(value["claims"][0]["polarity"], "POLARITY_DENY");
    }

    #[test]
    fn a_field_that_is_not_set_is_written_all_the_same() {
        let value = to_value(
            "ControlState",
            &ascertain_proto::v1::ControlState::default(),
        )
        .expect("mapped");
        assert_eq!(value["besieged"], false);
        assert_eq!(value["dispute"], 0.0);
    }

    #[test]
    fn field_names_are_taken_as_in_the_contract_too() {
        let value = json!({"report_id": "a", "publishedAt": "2024-12-05T09:00:00+03:00"});
        let back: Report = from_value("Report", value).expect("mapped");
        assert_eq!(back.report_id, "a");
        assert_eq!(
            back.published_at.map(|time| time.seconds),
            Some(1_733_378_400)
        );
    }

    #[test]
    fn an_unknown_field_is_refused_by_its_name() {
        let value = json!({"claims": [{"plase": {"placeId": "hama"}}]});
        let error = from_value::<Report>("Report", value).expect_err("unknown");
        assert!(error.to_string().contains("plase"), "{error}");
    }

    #[test]
    fn json_lines_are_as_many_documents_as_lines() {
        assert_eq!(parse("{\"a\":1}\n{\"a\":2}\n").expect("parsed").len(), 2);
        assert_eq!(parse("[1]").expect("parsed").len(), 1);
        assert_eq!(parse("a: 1\n---\na: 2\n").expect("parsed").len(), 2);
        assert_eq!(parse("# nothing\n").expect("parsed").len(), 0);
    }

    #[test]
    fn malformed_text_is_told_with_its_line() {
        let error = parse("{\"a\":1}\n{\"a\":")
            .expect_err("cut off")
            .to_string();
        assert!(error.contains("line 2"), "{error}");
        assert!(parse("a: [1").is_err());
    }
}
