//! Whether nodes that stayed together tell their clients the same (G-02, G-25).

use super::client::Lists;
use std::collections::BTreeMap;

/// At what a node told its clients something: the same thing at all nodes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Tag {
    /// The install of a view.
    View(usize),
    /// The delivery of a message of a view.
    Message(usize, u64),
    /// Something that only concerns the node.
    None,
}

/// Nodes that know the same: they came along together since they were brought in step.
type Class = usize;

/// What members of a class told their clients, by what it came from.
#[derive(Debug, Default)]
pub(crate) struct History {
    class_of: BTreeMap<u32, Class>,
    /// Classes that came out of a class, by the view to which they go together.
    came_out: BTreeMap<(Class, usize), Class>,
    /// Classes of those who were brought in step: in which view, and, where that happened only
    /// when it ended, who went on to which view.
    in_step: BTreeMap<(usize, Option<usize>), Class>,
    classes: Class,
    told: BTreeMap<(Class, Tag), Lists>,
    /// The state of members of a class after it, as a hash.
    states: BTreeMap<(Class, Tag), u64>,
    /// How many lists were compared with another node's.
    pub(crate) compared: u64,
}

impl History {
    fn new_class(classes: &mut Class) -> Class {
        *classes += 1;
        *classes
    }

    /// A node starts anew.
    pub(crate) fn forget(&mut self, node: u32) {
        self.class_of.insert(node, Self::new_class(&mut self.classes));
    }

    /// From here a node shares its history only with those of its class that go with it to the
    /// view `to`: what was not delivered anywhere may differ between sides.
    pub(crate) fn on_parting(&mut self, node: u32, to: usize) {
        let classes = &mut self.classes;
        let came = (self.class_of[&node], to);
        let class = *self.came_out.entry(came).or_insert_with(|| Self::new_class(classes));
        self.class_of.insert(node, class);
    }

    /// All members of a view that come to this are of one class, unless they have parted.
    pub(crate) fn on_synced(&mut self, node: u32, view: usize, parting: Option<usize>) {
        let classes = &mut self.classes;
        let step = (view, parting);
        let class = *self.in_step.entry(step).or_insert_with(|| Self::new_class(classes));
        self.class_of.insert(node, class);
    }

    /// G-02: after the same, nodes hold the same.
    pub(crate) fn compare_state(&mut self, node: u32, tag: Tag, state: u64) {
        if tag != Tag::None {
            let key = (self.class_of[&node], tag);
            let first = *self.states.entry(key).or_insert(state);
            assert_eq!(first, state, "node {node} holds else than others at {tag:?}");
        }
    }

    pub(crate) fn compare(&mut self, node: u32, tag: Tag, lists: Lists) {
        if tag == Tag::None {
            assert!(lists.values().all(Vec::is_empty), "node {node} told {lists:?}");
            return;
        }
        let told = self.told.entry((self.class_of[&node], tag)).or_default();
        for (group, list) in lists {
            let first = told.entry(group.clone()).or_insert_with(|| list.clone());
            assert_eq!(*first, list, "node {node} tells members of {group} else than others");
            self.compared += u64::from(!list.is_empty());
        }
    }
}
