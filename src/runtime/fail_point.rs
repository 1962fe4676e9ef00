//! Fail points: the tests kill the process, as `kill -9` would, before or after any one effect (Z1). Only debug builds have them.

/// Before or after an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Nothing of it has happened.
    Before,
    /// It has happened, and nothing after it.
    After,
}

/// The fail point that this process was started with: `BPCTL_FAIL_POINT=merge-pull:after` or `…:after:2` for the second time.
#[derive(Debug, Default)]
pub struct FailPoint {
    #[cfg(debug_assertions)]
    armed: Option<(String, Moment, std::sync::atomic::AtomicU32)>,
}

impl FailPoint {
    /// Reads the variable.
    #[cfg(debug_assertions)]
    pub fn from_environment() -> Self {
        let Some(text) = super::variable("BPCTL_FAIL_POINT") else { return Self::default() };
        let parts: Vec<&str> = text.split(':').collect();
        let moment = if parts.get(1) == Some(&"after") { Moment::After } else { Moment::Before };
        let times = parts.get(2).and_then(|times| times.parse().ok()).unwrap_or(1);
        Self { armed: parts.first().map(|name| ((*name).to_owned(), moment, times.into())) }
    }

    /// Release builds have none.
    #[cfg(not(debug_assertions))]
    pub fn from_environment() -> Self {
        Self::default()
    }

    /// Dies here if this is the point.
    #[cfg(debug_assertions)]
    pub fn pass(&self, name: &str, moment: Moment) {
        let Some((armed, at, times)) = &self.armed else { return };
        if armed == name && *at == moment && times.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) == 1 {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            loop {
                std::thread::park();
            }
        }
    }

    /// Nothing.
    #[cfg(not(debug_assertions))]
    #[allow(clippy::unused_self)]
    pub fn pass(&self, _name: &str, _moment: Moment) {}
}
