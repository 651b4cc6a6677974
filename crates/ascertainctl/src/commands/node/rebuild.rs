//! Having stores made anew.

use std::path::Path;

use ascertain_store::Store;
use serde_json::json;

use crate::failure::Failure;
use crate::output::{Context, Rows};

/// Whose store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Role {
    /// Which ids are known
    Ingest,
    /// Reports by place, and what was published last
    Reconcile,
    /// What answers are made from
    Query,
}

/// Condemns stores, so that the next start sets them aside and makes them anew.
pub(crate) fn run(data: &Path, roles: &[Role], context: &mut Context<'_>) -> Result<(), Failure> {
    let all = [Role::Ingest, Role::Reconcile, Role::Query];
    let roles = if roles.is_empty() { &all } else { roles };
    let mut rows = Vec::new();
    for role in roles {
        let name = match role {
            Role::Ingest => "ingest",
            Role::Reconcile => "reconcile",
            Role::Query => "query",
        };
        let store = data.join(name).join("store");
        let found = Store::condemn(&store, "an operator asked for it to be made anew")?;
        let what = if found {
            "at the next start"
        } else {
            "there is none"
        };
        rows.push(vec![
            name.to_owned(),
            store.display().to_string(),
            what.to_owned(),
        ]);
    }
    let value: Vec<_> = rows
        .iter()
        .map(|row| json!({ "role": row[0], "store": row[1], "madeAnew": row[2] }))
        .collect();
    let value = json!({ "stores": value });
    context.show_value(&value, || {
        Rows::new(&["role", "store", "made_anew"], rows.clone())
    })
}
