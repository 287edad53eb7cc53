//! What goes by names, such as the links of clients: all of it, or what has one name, without a walk over the rest.

use std::collections::HashMap;
use std::rc::Rc;

/// Things in the order in which they came. What has ended is forgotten when as much again has come.
#[derive(Debug)]
struct Swept<T> {
    things: Vec<T>,
    sweep_at: usize,
}

impl<T> Default for Swept<T> {
    fn default() -> Swept<T> {
        Swept { things: Vec::new(), sweep_at: 1 }
    }
}

impl<T> Swept<T> {
    fn push(&mut self, thing: T, is_alive: fn(&T) -> bool) {
        if self.things.len() >= self.sweep_at {
            self.things.retain(is_alive);
            self.sweep_at = 2 * self.things.len() + 1;
        }
        self.things.push(thing);
    }
}

/// Things by name. Those that have ended may still be found.
#[derive(Debug)]
pub(crate) struct Named<T> {
    all: Swept<T>,
    by_name: HashMap<Rc<str>, Swept<T>>,
    /// Names from which on those that nothing goes by any more are forgotten.
    sweep_names_at: usize,
    is_alive: fn(&T) -> bool,
}

impl<T: Clone> Named<T> {
    pub(crate) fn new(is_alive: fn(&T) -> bool) -> Named<T> {
        Named { all: Swept::default(), by_name: HashMap::new(), sweep_names_at: 1, is_alive }
    }

    pub(crate) fn push(&mut self, name: &Rc<str>, thing: T) {
        let is_alive = self.is_alive;
        if self.by_name.len() >= self.sweep_names_at {
            self.by_name.retain(|_, named| named.things.iter().any(is_alive));
            self.sweep_names_at = 2 * self.by_name.len() + 1;
        }
        self.all.push(thing.clone(), is_alive);
        self.by_name.entry(Rc::clone(name)).or_default().push(thing, is_alive);
    }

    /// All, or those of a name, in the order in which they came.
    pub(crate) fn of(&self, name: Option<&str>) -> &[T] {
        match name {
            None => &self.all.things,
            Some(name) => self.by_name.get(name).map_or(&[], |named| &named.things),
        }
    }
}
