//! The names of source models, which are dear to find: each is found once.

use std::sync::{Arc, Mutex, PoisonError};

use ascertain_domain::marking::Audience;
use ascertain_domain::model::SourceModel;
use ascertain_domain::registry::View;
use ascertain_proto::outward;

/// So many names are kept, those found last.
const KEPT: usize = 16;

/// Names of source models. Cheap to clone.
#[derive(Clone, Default)]
pub struct ModelNames(Arc<Mutex<Vec<Named>>>);

/// A model and its name.
type Named = (Arc<SourceModel>, Arc<str>);

impl ModelNames {
    /// The name of the model in force; `prior` without one.
    #[must_use]
    pub fn in_force(&self, registry: View<'_>, audience: Audience) -> Arc<str> {
        let Some(model) = registry.source_model(audience) else {
            return Arc::from(outward::PRIOR_MODEL);
        };
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = names.iter().find(|(known, _)| Arc::ptr_eq(known, model));
        if let Some((_, name)) = known {
            return Arc::clone(name);
        }
        let name: Arc<str> = outward::model_id(model).into();
        if names.len() == KEPT {
            names.remove(0);
        }
        names.push((Arc::clone(model), Arc::clone(&name)));
        name
    }
}
