//! What replicas share beside entries, in Redis or Valkey.

use redis::FromRedisValue;

use super::super::common::{Bounds, Common, Counts, Entered, News, Page, SharedFault};
use super::super::{Kept, StoreDown};
use super::{RedisStore, text, told};

/// For how many seconds of real time exchanges are kept after the last one.
const EXCHANGES_LIFE: u64 = 24 * 60 * 60;

/// How many exchanges are read in one step.
const PAGE: u64 = 500;

/// How often it is tried to set a clock that others set at the same time.
const TURNS: usize = 100;

impl RedisStore {
    /// An operation on what replicas share, which has a key of its own and an attempt.
    fn shared<T: FromRedisValue>(
        &self,
        name: &'static str,
        key: &str,
        rest: impl IntoIterator<Item = Vec<u8>>,
    ) -> Kept<T> {
        let mut arguments = vec![self.next_attempt()];
        arguments.extend(rest);
        let key = format!("{}{key}", self.prefix);
        told(self.link.script(self.operation(name, key, arguments))?)
    }

    fn about_fault<T: FromRedisValue>(&self, name: &'static str, id: u64) -> Kept<T> {
        self.shared(name, "faults", [text(id)])
    }
}

impl Common for RedisStore {
    fn news(&self, known: &str) -> Kept<Option<News>> {
        type Told = (String, bool, Option<i64>, Vec<(u64, String)>);
        let news: Option<Told> = self.shared("news", "faults", [known.into()])?;
        Ok(news.map(|(version, has_faults_set_up, clock, faults)| {
            let mut faults: Vec<_> = (faults.into_iter())
                .map(|(id, fault)| SharedFault { id, fault })
                .collect();
            faults.sort_by_key(|fault| fault.id);
            News {
                version,
                has_faults_set_up,
                clock,
                faults,
            }
        }))
    }

    fn first(&self, name: &str, make: &dyn Fn() -> String) -> Kept<String> {
        let there: Option<String> = self.shared("first", "faults", [name.into()])?;
        match there {
            Some(there) => Ok(there),
            None => self.shared("first", "faults", [name.into(), make().into()]),
        }
    }

    fn turn_clock(&self, turned: &dyn Fn(Option<i64>) -> i64) -> Kept<i64> {
        for _ in 0..TURNS {
            let from: Option<i64> = self.shared("clock", "faults", [])?;
            let to = turned(from);
            let known = from.map_or_else(Vec::new, |from| from.to_string().into());
            if self.shared("turn-clock", "faults", [known, to.to_string().into()])? {
                return Ok(to);
            }
        }
        Err(StoreDown("too many set the clock at once".to_owned()))
    }

    fn set_up_faults(&self, faults: &[String]) -> Kept<()> {
        // What tells set-ups apart is all of it.
        let mark = format!("[{}]", faults.join(",")).into();
        let rest = [mark].into_iter();
        let faults = faults.iter().map(|fault| fault.clone().into());
        self.shared("set-up-faults", "faults", rest.chain(faults))
    }

    fn arm(&self, fault: &str) -> Kept<u64> {
        self.shared("arm", "faults", [fault.into()])
    }

    fn disarm(&self, id: u64) -> Kept<Option<Counts>> {
        Ok(counts(self.about_fault("disarm", id)?))
    }

    fn replace_faults(&self, faults: &[(SharedFault, Counts)]) -> Kept<()> {
        let rest = faults.iter().flat_map(|(shared, counts)| {
            [
                text(shared.id),
                shared.fault.clone().into(),
                text(u64::from(counts.matched)),
                text(counts.fired),
            ]
        });
        self.shared("replace-faults", "faults", rest)
    }

    fn count_match(&self, id: u64) -> Kept<Option<u32>> {
        self.about_fault("count-match", id)
    }

    fn count_fired(&self, id: u64) -> Kept<()> {
        self.about_fault("count-fired", id)
    }

    fn counts(&self, id: u64) -> Kept<Option<Counts>> {
        Ok(counts(self.about_fault("counts", id)?))
    }

    fn record(&self, exchange: &[u8], floor: u64, bounds: Bounds) -> Kept<u64> {
        let rest = [
            text(floor),
            exchange.to_vec(),
            bounds.count.to_string().into(),
            bounds.size.to_string().into(),
            text(EXCHANGES_LIFE),
        ];
        self.shared("record", "exchanges", rest)
    }

    fn exchanges(&self, after: u64) -> Kept<Page> {
        type Told = (u64, u64, i64, Vec<(u64, Vec<u8>)>);
        let rest = [text(after), text(PAGE)];
        let (oldest, last, now, found): Told = self.shared("exchanges", "exchanges", rest)?;
        let found = found.into_iter().filter_map(|(number, member)| {
            let mut parts = member.splitn(3, |byte| *byte == b' ').skip(1);
            let entered: i64 = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
            Some(Entered {
                number,
                age: u64::try_from(now.saturating_sub(entered)).unwrap_or(0),
                exchange: parts.next()?.to_vec(),
            })
        });
        Ok(Page {
            oldest,
            last,
            found: found.collect(),
        })
    }

    fn forget_exchanges(&self) -> Kept<()> {
        self.shared("forget-exchanges", "exchanges", [])
    }
}

fn counts(told: Option<(u32, u64)>) -> Option<Counts> {
    told.map(|(matched, fired)| Counts { matched, fired })
}
