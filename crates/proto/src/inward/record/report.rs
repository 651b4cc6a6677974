//! A recorded report as a fold may read it.

use ascertain_domain::evidence::{Evidence, EvidenceKey, PerceptualHash};
use ascertain_domain::id::{Digest, Id, PartnerId, ReportId};
use ascertain_domain::report::{Actors, Claim, Originator, Predicate, Relay, Report};
use ascertain_domain::source::SourceKind;
use ascertain_domain::violation::{Reason, Violations};
use prost::Message as _;

use super::missing;
use crate::inward::{enums, links, text, time};
use crate::{log, v1};

/// Reads a report; `None`, with the field in `v`, where that cannot be done.
pub(super) fn decode(
    body: &log::v1::RecordBody,
    recorded: &log::v1::RecordedReport,
    body_digest: Digest,
    v: &mut Violations,
) -> Option<Report> {
    let stamp = body.stamp.clone().unwrap_or_default();
    let Some(wire) = &recorded.report else {
        missing("report", v);
        return None;
    };
    let partner: PartnerId = read_id(&stamp.partner_id, "stamp.partner_id", v)?;
    let stated = time::optional(stamp.first_known_at.as_ref(), "stamp.first_known_at", v);
    let first_known_at = match stated {
        Some(stated) => stated,
        None => {
            let recorded_at = stamp.first_recorded_at.as_ref();
            time::required(recorded_at, "stamp.first_recorded_at", v)?
        }
    };
    let Some(id) = ReportId::parse(&wire.report_id) else {
        v.add("report_id", Reason::InvalidUuid, "is no UUID");
        return None;
    };
    let links = links::read(wire, v);
    let (originator, relays) = chain(&wire.attribution_chain, v)?;
    let originator = match originator {
        Some(originator) => originator,
        // Whoever only takes something back says nothing himself.
        None if links::only_retracts(wire) => Originator::Unregistered(SourceKind::Aggregator),
        None => {
            let what = "names no originator";
            v.add("attribution_chain", Reason::OriginatorRequired, what);
            return None;
        }
    };
    let claims = wire.claims.iter().enumerate();
    let claims = claims.map(|(i, c)| v.within(format!("claims[{i}]"), |v| claim(c, v)));
    let claims = claims.collect::<Option<Vec<_>>>()?;
    let marking = enums::required(wire.tlp, "tlp", v).and_then(enums::marking)?;
    let report = Report {
        id,
        partner_reference: wire.partner_reference.clone(),
        first_known_at,
        backfilled: stated.is_some(),
        originator,
        relays,
        published_at: time::required(wire.published_at.as_ref(), "published_at", v)?,
        links,
        claims,
        evidence: evidence(wire, &partner, v),
        text_simhash: recorded.text_simhash,
        marking,
        time_inconsistent: recorded.time_inconsistent,
        statement_digest: statement_digest(body, recorded),
        body_digest,
        partner,
    };
    (v.count() == 0).then_some(report)
}

fn read_id<K>(value: &str, field: &str, v: &mut Violations) -> Option<Id<K>> {
    Id::new(value)
        .map_err(|error| text::add_id_error(&error, field, v))
        .ok()
}

/// The digest of what was said, whoever recorded it and when.
fn statement_digest(body: &log::v1::RecordBody, recorded: &log::v1::RecordedReport) -> Digest {
    let partner_id = body
        .stamp
        .as_ref()
        .map(|s| s.partner_id.clone())
        .unwrap_or_default();
    let statement = log::v1::RecordBody {
        stamp: Some(log::v1::Stamp {
            partner_id,
            ..Default::default()
        }),
        content: Some(log::v1::record_body::Content::Report(
            log::v1::RecordedReport {
                submitted_digest: Vec::new(),
                content_commitment: Vec::new(),
                ..recorded.clone()
            },
        )),
    };
    Digest::of(&statement.encode_to_vec())
}

fn chain(
    parties: &[v1::AttributionParty],
    v: &mut Violations,
) -> Option<(Option<Originator>, Vec<Relay>)> {
    let mut originator = None;
    let mut relays = Vec::new();
    for (i, party) in parties.iter().enumerate() {
        v.within(format!("attribution_chain[{i}]"), |v| {
            let relay = party_identity(party, v)?;
            match enums::required(party.role, "role", v)? {
                v1::AttributionRole::Originator => {
                    originator = Some(match relay {
                        Relay::Source(id) => Originator::Source(id),
                        Relay::Unregistered(kind) => Originator::Unregistered(kind),
                    });
                }
                // Who sent it to us passed nothing on to the public.
                v1::AttributionRole::Submitter | v1::AttributionRole::Unspecified => {}
                v1::AttributionRole::Relay
                | v1::AttributionRole::Translator
                | v1::AttributionRole::Aggregator => relays.push(relay),
            }
            Some(())
        })?;
    }
    Some((originator, relays))
}

fn party_identity(party: &v1::AttributionParty, v: &mut Violations) -> Option<Relay> {
    let kind = enums::known(party.unregistered_kind, "unregistered_kind", v)?;
    match enums::source_kind(kind) {
        Some(kind) => Some(Relay::Unregistered(kind)),
        None => read_id(&party.source_id, "source_id", v).map(Relay::Source),
    }
}

fn evidence(wire: &v1::Report, partner: &PartnerId, v: &mut Violations) -> Vec<Evidence> {
    let mut items = Vec::with_capacity(wire.evidence.len() + wire.evidence_ids.len());
    let by_id = |id: &String| EvidenceKey::Id(partner.clone(), id.clone());
    for (i, item) in wire.evidence.iter().enumerate() {
        let key = match <[u8; 32]>::try_from(item.sha256.as_slice()) {
            Ok(digest) => EvidenceKey::Sha256(Digest(digest)),
            Err(_) if item.sha256.is_empty() => by_id(&item.evidence_id),
            Err(_) => {
                let what = format!("has {} bytes; a SHA-256 has 32", item.sha256.len());
                v.add(&format!("evidence[{i}].sha256"), Reason::Malformed, what);
                continue;
            }
        };
        items.push(Evidence {
            key,
            // Records from before hashes were read may hold what is none.
            perceptual_hash: PerceptualHash::parse(&item.perceptual_hash).ok(),
            failed: enums::failed(item.verification()),
        });
    }
    let brought = |id: &String| wire.evidence.iter().any(|item| item.evidence_id == *id);
    let linked = wire.evidence_ids.iter().filter(|id| !brought(id));
    items.extend(linked.map(|id| Evidence::of(by_id(id))));
    items.sort();
    items.dedup();
    items
}

fn claim(wire: &v1::Claim, v: &mut Violations) -> Option<Claim> {
    let place = wire.place.as_ref().map_or("", |p| p.place_id.as_str());
    let sub_places = wire.sub_places.iter().enumerate();
    let sub_places =
        sub_places.map(|(i, p)| read_id(&p.place_id, &format!("sub_places[{i}].place_id"), v));
    let sub_places = sub_places.collect::<Option<Vec<_>>>()?;
    let event_time = wire
        .event_time
        .as_ref()
        .map(|t| v.within("event_time", |v| time::interval(t, v)));
    Some(Claim {
        id: read_id(&wire.claim_id, "claim_id", v)?,
        place: read_id(place, "place.place_id", v)?,
        predicate: predicate(wire, v)?,
        polarity: enums::required(wire.polarity, "polarity", v).and_then(enums::polarity)?,
        extent: enums::known(wire.extent, "extent", v).map(enums::extent)?,
        sub_places,
        event_time,
        modality: enums::known(wire.modality, "modality", v).map(enums::modality)?,
    })
}

fn predicate(wire: &v1::Claim, v: &mut Violations) -> Option<Predicate> {
    let ids = |actors: &[v1::ActorReference], field: &str, v: &mut Violations| {
        let actors = actors.iter().enumerate();
        let ids = actors.map(|(i, a)| read_id(&a.actor_id, &format!("{field}[{i}].actor_id"), v));
        ids.collect::<Option<Vec<_>>>()
    };
    let predicate = enums::required::<v1::Predicate>(wire.predicate, "predicate", v)?;
    let subjects = ids(&wire.actors, "actors", v)?;
    let mut needed = |actors, field: &str| {
        let actors = Actors::new(actors);
        if actors.is_none() {
            v.add(field, Reason::ActorRequired, "names nobody");
        }
        actors
    };
    Some(match predicate {
        v1::Predicate::Unspecified => return None,
        v1::Predicate::Controls => Predicate::Controls(needed(subjects, "actors")?),
        v1::Predicate::Present => Predicate::Present(needed(subjects, "actors")?),
        v1::Predicate::FightingAt => Predicate::FightingAt(
            Actors::new(subjects).map_or_else(Vec::new, |a| a.as_slice().to_vec()),
        ),
        v1::Predicate::AtEdge => Predicate::AtEdge(needed(subjects, "actors")?),
        v1::Predicate::AdvancingOn => Predicate::AdvancingOn(needed(subjects, "actors")?),
        v1::Predicate::Withdrew => Predicate::Withdrew(needed(subjects, "actors")?),
        v1::Predicate::Besieges => Predicate::Besieges(needed(subjects, "actors")?),
        v1::Predicate::HandedOver => {
            let from = needed(subjects, "actors")?;
            let to = Actors::new(ids(&wire.to_actors, "to_actors", v)?);
            if to.is_none() {
                v.add("to_actors", Reason::ActorRequired, "names nobody");
            }
            Predicate::HandedOver { from, to: to? }
        }
    })
}
