//! Globs by the text before their first `*`: a radix tree, so that a name meets only those that begin
//! as it does, and what many have in common is compared once.

use super::rules::Effects;
use crate::config::Glob;

type Globs = Vec<(Glob, Effects)>;

#[derive(Debug, Default)]
pub(super) struct Beginnings(Node);

#[derive(Debug, Default)]
struct Node {
    /// What has to come next for anything here to matter.
    text: Box<[u8]>,
    /// Globs whose beginning ends behind it.
    globs: Globs,
    /// Where each byte behind it leads, in the order of bytes.
    next: Vec<(u8, Node)>,
}

impl Beginnings {
    /// The globs that begin with exactly this.
    pub(super) fn at(&mut self, beginning: &str) -> &mut Globs {
        self.0.at(beginning.as_bytes())
    }

    /// Hands over every glob whose beginning `name` has.
    pub(super) fn find<'a>(&'a self, name: &str, mut found: impl FnMut(&'a (Glob, Effects))) {
        let (mut node, mut rest) = (&self.0, name.as_bytes());
        while let Some(behind) = rest.strip_prefix(&*node.text) {
            node.globs.iter().for_each(&mut found);
            let Some((byte, behind)) = behind.split_first() else {
                return;
            };
            let place = node.next.binary_search_by_key(byte, |(byte, _)| *byte);
            let Some((_, next)) = place.ok().and_then(|place| node.next.get(place)) else {
                return;
            };
            (node, rest) = (next, behind);
        }
    }
}

impl Node {
    fn at(&mut self, beginning: &[u8]) -> &mut Globs {
        if self.globs.is_empty() && self.next.is_empty() {
            self.text = beginning.into();
            return &mut self.globs;
        }
        let shared = self.text.iter().zip(beginning);
        let shared = shared.take_while(|(one, other)| one == other).count();
        self.split(shared);
        let Some((byte, rest)) = beginning.get(shared..).and_then(<[u8]>::split_first) else {
            return &mut self.globs;
        };
        let place = match self.next.binary_search_by_key(byte, |(byte, _)| *byte) {
            Ok(place) => place,
            Err(place) => {
                self.next.insert(place, (*byte, Self::default()));
                place
            }
        };
        match self.next.get_mut(place) {
            Some((_, node)) => node.at(rest),
            None => &mut self.globs,
        }
    }

    /// Makes a node of what comes behind the first `length` bytes of the text.
    fn split(&mut self, length: usize) {
        let Some((byte, rest)) = self.text.get(length..).and_then(<[u8]>::split_first) else {
            return;
        };
        let (byte, text) = (*byte, rest.into());
        let behind = Self {
            text,
            globs: std::mem::take(&mut self.globs),
            next: std::mem::take(&mut self.next),
        };
        self.text = self.text.get(..length).unwrap_or_default().into();
        self.next.push((byte, behind));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against comparing every glob with the name.
        #[test]
        fn finds_what_begins_as_the_name_does(
            globs in prop::collection::vec("[ab]{0,4}\\*[ab]{0,1}", 0..12),
            name in "[ab]{0,6}",
        ) {
            let mut tree = Beginnings::default();
            for text in &globs {
                let glob = Glob::new(text.clone());
                tree.at(glob.prefix()).push((glob.clone(), Effects::default()));
            }
            let mut found = Vec::new();
            tree.find(&name, |(glob, _)| found.push(glob.as_str().to_owned()));
            found.sort();
            let begins = |glob: &&String| name.starts_with(Glob::new((*glob).clone()).prefix());
            let mut expected: Vec<String> = globs.iter().filter(begins).cloned().collect();
            expected.sort();
            prop_assert_eq!(found, expected);
        }
    }
}
