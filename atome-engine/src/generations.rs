//! A map that forgets: bounded in size and in age, whatever keys strangers bring.

use std::collections::BTreeMap;

/// Values by key in two generations. What is put in is kept for one span of time at least and two at
/// most; where more keys come than a generation holds, the older generation goes sooner.
#[derive(Clone, Debug)]
pub(crate) struct Generations<K, V> {
    current: BTreeMap<K, V>,
    before: BTreeMap<K, V>,
    began_ms: u64,
    span_ms: u64,
    keys_max: usize,
}

impl<K: Ord, V: Copy> Generations<K, V> {
    /// An empty one; it never holds more than twice `keys_max`.
    pub(crate) fn new(span_ms: u64, keys_max: usize) -> Self {
        Self {
            current: BTreeMap::new(),
            before: BTreeMap::new(),
            began_ms: 0,
            span_ms,
            keys_max,
        }
    }

    /// The value of a key that is not forgotten.
    pub(crate) fn get(&mut self, key: &K, now_ms: u64) -> Option<V> {
        self.age(now_ms);
        let found = self.current.get(key).or_else(|| self.before.get(key));
        found.copied()
    }

    /// Puts a value in, in place of the one that was there.
    pub(crate) fn put(&mut self, key: K, value: V, now_ms: u64) {
        self.age(now_ms);
        if self.current.len() >= self.keys_max && !self.current.contains_key(&key) {
            self.before = std::mem::take(&mut self.current);
            self.began_ms = now_ms;
        }
        self.before.remove(&key);
        self.current.insert(key, value);
    }

    /// Forgets a key.
    pub(crate) fn remove(&mut self, key: &K) {
        self.current.remove(key);
        self.before.remove(key);
    }

    fn age(&mut self, now_ms: u64) {
        let age_ms = now_ms.saturating_sub(self.began_ms);
        if age_ms < self.span_ms {
            return;
        }
        self.before = std::mem::take(&mut self.current);
        if age_ms / 2 < self.span_ms {
            self.began_ms = self.began_ms.saturating_add(self.span_ms);
        } else {
            self.before.clear();
            self.began_ms = now_ms;
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.current.len() + self.before.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SPAN_MS: u64 = 100;
    const KEYS_MAX: usize = 8;

    proptest! {
        #[test]
        fn what_is_put_in_lives_one_span_at_least_and_two_at_most(
            steps in prop::collection::vec((0u8..6, 0u64..90), 1..60),
        ) {
            let mut map = Generations::new(SPAN_MS, KEYS_MAX);
            let mut model = BTreeMap::new();
            let mut now_ms = 0;
            for (key, pause_ms) in steps {
                now_ms += pause_ms;
                for asked in 0..6 {
                    let found = map.get(&asked, now_ms);
                    match (found, model.get(&asked)) {
                        (Some(put_ms), Some(known_ms)) => {
                            prop_assert_eq!(put_ms, *known_ms);
                            prop_assert!(now_ms - put_ms < 2 * SPAN_MS);
                        }
                        (None, Some(known_ms)) => prop_assert!(now_ms - known_ms >= SPAN_MS),
                        (None, None) => {}
                        (Some(_), None) => prop_assert!(false, "{asked} was never put in"),
                    }
                }
                map.put(key, now_ms, now_ms);
                model.insert(key, now_ms);
            }
        }

        #[test]
        fn strangers_cannot_fill_it(keys in prop::collection::vec(any::<u16>(), 0..400)) {
            let mut map = Generations::new(SPAN_MS, KEYS_MAX);
            for key in keys {
                map.put(key, (), 7);
                prop_assert!(map.len() <= 2 * KEYS_MAX);
                prop_assert_eq!(map.get(&key, 7), Some(()));
            }
        }
    }
}
