//! All rules of one configuration, and the tables that find those which are about a call.

use std::{collections::HashMap, sync::Arc};

use super::{
    Limited,
    glob::Glob,
    ledger::{Ledger, Now},
    rule::{Ask, Key, Rule},
    shared::{Away, Shared},
    ticket::{self, Charge, Tab, Ticket},
};
use crate::config::{Checked, RedisFail};

/// The limits of one configuration.
#[derive(Debug, Clone)]
pub struct Limits {
    ledger: Arc<Ledger>,
    rules: Arc<[Rule]>,
    index: Arc<Index>,
    shared: Option<(Arc<Shared>, RedisFail)>,
}

impl Limits {
    /// Compiles the rules of a configuration on top of what has been counted before it.
    pub fn compile(config: &Checked, ledger: &Arc<Ledger>) -> Self {
        let redis = config.redis.as_ref();
        Self {
            shared: redis.map(|redis| (ledger.shared(redis), redis.fail)),
            ..Self::alone(config, ledger)
        }
    }

    /// As [`Limits::compile`], shared with nobody.
    pub(super) fn alone(config: &Checked, ledger: &Arc<Ledger>) -> Self {
        let rules: Arc<[Rule]> = config
            .limits
            .iter()
            .map(|rule| Rule::compile(rule, ledger))
            .collect();
        Self {
            ledger: Arc::clone(ledger),
            index: Arc::new(Index::new(&rules)),
            shared: None,
            rules,
        }
    }

    /// Takes from every limit that is about a call, or from none.
    pub(super) async fn admit(&self, ask: &Ask<'_>, now: Now) -> Result<(Ticket, Tab), Limited> {
        match &self.shared {
            Some((shared, fail)) => self.admit_shared(shared, *fail, ask, now).await,
            None => self.admit_here(ask, now),
        }
    }

    /// As [`Limits::admit`], together with all replicas; alone where Redis is away, if that is
    /// allowed.
    async fn admit_shared(
        &self,
        shared: &Arc<Shared>,
        fail: RedisFail,
        ask: &Ask<'_>,
        now: Now,
    ) -> Result<(Ticket, Tab), Limited> {
        let moment = self.ledger.moment(now);
        let (mut met, mut needs) = (Vec::new(), Vec::new());
        for (rule, key) in self.about(ask) {
            for meter in &rule.meters {
                needs.push(shared.need(meter, &key, meter.ends_s(moment)));
                met.push((rule, meter));
            }
        }
        let Some((first, _)) = met.first() else {
            return Ok(ticket::free());
        };
        match shared.take(needs).await {
            Ok(Ok(taken)) => {
                let taken = taken.into_iter().map(Charge::Shared).collect();
                Ok(ticket::admitted(&self.ledger, moment, taken))
            }
            Ok(Err((position, wait))) => Err(match met.get(position) {
                Some((rule, meter)) => rule.reached(meter, wait),
                None => first.unavailable(),
            }),
            Err(Away) if fail == RedisFail::Closed => Err(first.unavailable()),
            Err(Away) => self.admit_here(ask, now),
        }
    }

    fn admit_here(&self, ask: &Ask<'_>, now: Now) -> Result<(Ticket, Tab), Limited> {
        let now = self.ledger.moment(now);
        let mut taken = Vec::new();
        for (rule, key) in self.about(ask) {
            let key = self.ledger.hash(&key);
            for meter in &rule.meters {
                if let Err(wait) = meter.take(key, now) {
                    taken
                        .into_iter()
                        .for_each(|charge: Charge| charge.undo(now));
                    return Err(rule.reached(meter, wait));
                }
                taken.push(Charge::Own {
                    count: Arc::clone(&meter.count),
                    measure: meter.measure,
                    key,
                });
            }
        }
        Ok(ticket::admitted(&self.ledger, now, taken))
    }

    /// The rules about a call in the order of the file, with what each counts it under.
    pub(super) fn about<'a>(
        &'a self,
        ask: &'a Ask<'a>,
    ) -> impl Iterator<Item = (&'a Rule, Key<'a>)> {
        let candidates = self.index.candidates(ask).into_iter();
        candidates.filter_map(|position| {
            let rule = self.rules.get(usize::from(position))?;
            Some((rule, rule.key(ask)?))
        })
    }
}

type Positions = Vec<u16>;

/// Rules by the one name that narrows each down most, so that a decision does not look at rules
/// which cannot match. Each rule stands in it once.
#[derive(Debug, Default)]
struct Index {
    by_item: HashMap<Box<str>, HashMap<Box<str>, Positions>>,
    by_agent: HashMap<Box<str>, Positions>,
    by_server: HashMap<Box<str>, Positions>,
    by_team: HashMap<Box<str>, Positions>,
    /// Those that name nothing exactly.
    rest: Positions,
}

impl Index {
    fn new(rules: &[Rule]) -> Self {
        let mut index = Self::default();
        // There are fewer rules than numbers: the configuration is bounded.
        for (rule, position) in rules.iter().zip(0..) {
            index.list_for(rule).push(position);
        }
        index
    }

    fn list_for(&mut self, rule: &Rule) -> &mut Positions {
        let exact = |glob: &Option<Glob>| {
            let name = glob.as_ref().and_then(Glob::exact);
            name.map(Box::<str>::from)
        };
        let item = rule.item.as_ref();
        let at = item.and_then(|(at, ..)| at.exact());
        if let (Some(at), Some(named)) = (at, item.and_then(|(.., named)| named.exact())) {
            let items = self.by_item.entry(at.into()).or_default();
            return items.entry(named.into()).or_default();
        }
        if let Some(agent) = exact(&rule.agent) {
            return self.by_agent.entry(agent).or_default();
        }
        if let Some(server) = exact(&rule.server).or(at.map(Box::from)) {
            return self.by_server.entry(server).or_default();
        }
        if let Some(team) = exact(&rule.team) {
            return self.by_team.entry(team).or_default();
        }
        &mut self.rest
    }

    /// The positions of all rules that may be about a call.
    fn candidates(&self, ask: &Ask<'_>) -> Positions {
        let item = self.by_item.get(ask.item.server);
        let item = item.and_then(|items| items.get(ask.item.name));
        let teams = ask.teams.iter();
        let teams = teams.filter_map(|team| self.by_team.get(team.as_str()));
        let mut candidates: Positions = item
            .into_iter()
            .chain(self.by_agent.get(ask.agent))
            .chain(self.by_server.get(ask.item.server))
            .chain(teams)
            .chain([&self.rest])
            .flatten()
            .copied()
            .collect();
        candidates.sort_unstable();
        // A credential may name a team twice.
        candidates.dedup();
        candidates
    }
}
