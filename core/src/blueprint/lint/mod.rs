//! Lint: checks of what people wrote, before anything acts on it.
//!
//! A rule is one file here and one line in [`RULES`]: code, one line about it, a page for `bpctl explain`, and a check that gives
//! diagnostics with spans. Problems that reading itself meets (`yaml-syntax`, `unknown-field`, …) have their pages in [`READING`].
//! What rules share is computed once, in [`Look`]: a rule takes time in proportion to what it looks at, never to its square.

mod approval_without_time;
mod approvals_cannot_count;
mod approver_never_matches;
mod audit_without_effect;
mod bounds_inverted;
mod companion_unclear;
mod config_map_misspelt;
mod config_missing;
mod config_range_empty;
mod cooldown_too_long;
mod cooldown_too_short;
mod eviction_impossible;
mod fix;
mod freeze_inverted;
mod freeze_over;
mod freeze_twice;
mod image_invalid;
mod kustomize_without_effect;
mod level_unmeasured;
mod limit_without_room;
mod listed_twice;
mod look;
mod loosened_in_vain;
mod manifest_duplicate;
mod manifest_invalid;
mod nothing_delivered;
mod objective_without_meaning;
mod operation_twice;
mod override_expired;
mod override_loosens;
mod override_unknown_environment;
mod override_without_effect;
mod path_missing;
mod percentage_out_of_range;
mod policy_empty;
mod policy_unknown_name;
mod port_unknown;
mod probe_missing;
mod prod_on_local_forge;
mod reading;
mod render_failed;
mod replicas_outside_bounds;
mod request_above_limit;
mod request_outside_bounds;
mod required;
mod rollback_too_late;
mod rollout_outage;
mod rollout_refused;
mod scaling_fixed;
mod scaling_without_cpu_request;
mod secret_in_config;
mod selector_mismatch;
mod selects_nothing;
mod single_replica_in_prod;
mod sized_container_missing;
mod strategy_differs;
mod suppressed;
mod tag_number;
mod target_above_scale_up;
mod target_missing;
mod threshold_without_effect;
mod thresholds_oscillate;
mod two_scalers;
mod unions;
mod unreleased_in_prod;
mod values;
mod version_bump;
mod window_too_short;
mod zero_minimum;

pub use fix::{Fix, fixes};
pub use look::{Look, Surroundings, Variant};
pub(crate) use manifest_invalid::{first_fault, served_instead};
pub use reading::READING;
pub(crate) use target_missing::instead;
pub use version_bump::version_bumps;

use super::pod::{
    PodLabels, config_references, declared, declared_total, labels_of, main_containers, pod_template, selected_labels,
    selects, sized_container,
};
use look::{container_name, item_span, key_span, mark, mark_node};
use manifest_invalid::{is_misspelt, is_placeholder};
use request_above_limit::above_limit;

use std::sync::atomic::{AtomicUsize, Ordering};

use super::Catalog;
use crate::model::Diagnostic;

/// The code of [`version_bumps`]: one change may ask for a version in many files.
pub const VERSION_BUMP: &str = version_bump::PAGE.code;

/// What is known of one code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The code, `kebab-case`.
    pub code: &'static str,
    /// One line.
    pub about: &'static str,
    /// What is wrong, an example, and what to write instead.
    pub explain: &'static str,
}

/// A lint rule.
pub trait Rule: Sync {
    /// Code, one line, page.
    fn page(&self) -> Page;
    /// Looks at a whole catalog.
    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic>;
}

/// All rules: of scaling and sizes, of manifests, of configuration, of governance, of policies, of the workspace.
pub const RULES: &[&dyn Rule] = &[
    &bounds_inverted::BoundsInverted,
    &thresholds_oscillate::ThresholdsOscillate,
    &threshold_without_effect::ThresholdWithoutEffect,
    &target_above_scale_up::TargetAboveScaleUp,
    &zero_minimum::ZeroMinimum,
    &single_replica_in_prod::SingleReplicaInProd,
    &scaling_fixed::ScalingFixed,
    &replicas_outside_bounds::ReplicasOutsideBounds,
    &scaling_without_cpu_request::ScalingWithoutCpuRequest,
    &two_scalers::TwoScalers,
    &window_too_short::WindowTooShort,
    &cooldown_too_short::CooldownTooShort,
    &cooldown_too_long::CooldownTooLong,
    &request_outside_bounds::RequestOutsideBounds,
    &request_above_limit::RequestAboveLimit,
    &sized_container_missing::SizedContainerMissing,
    &percentage_out_of_range::PercentageOutOfRange,
    &objective_without_meaning::ObjectiveWithoutMeaning,
    &level_unmeasured::LevelUnmeasured,
    &target_missing::TargetMissing,
    &manifest_invalid::ManifestInvalid,
    &manifest_duplicate::ManifestDuplicate,
    &selector_mismatch::SelectorMismatch,
    &selects_nothing::SelectsNothing,
    &port_unknown::PortUnknown,
    &image_invalid::ImageInvalid,
    &config_map_misspelt::ConfigMapMisspelt,
    &eviction_impossible::EvictionImpossible,
    &rollout_refused::RolloutRefused,
    &rollout_outage::RolloutOutage,
    &strategy_differs::StrategyDiffers,
    &probe_missing::ProbeMissing,
    &rollback_too_late::RollbackTooLate,
    &config_range_empty::ConfigRangeEmpty,
    &companion_unclear::CompanionUnclear,
    &config_missing::ConfigMissing,
    &render_failed::RenderFailed,
    &kustomize_without_effect::KustomizeWithoutEffect,
    &tag_number::TagNumber,
    &secret_in_config::SecretInConfig,
    &operation_twice::OperationTwice,
    &loosened_in_vain::LoosenedInVain,
    &listed_twice::ListedTwice,
    &nothing_delivered::NothingDelivered,
    &approver_never_matches::ApproverNeverMatches,
    &approval_without_time::ApprovalWithoutTime,
    &approvals_cannot_count::ApprovalsCannotCount,
    &audit_without_effect::AuditWithoutEffect,
    &freeze_inverted::FreezeInverted,
    &freeze_over::FreezeOver,
    &freeze_twice::FreezeTwice,
    &limit_without_room::LimitWithoutRoom,
    &policy_unknown_name::PolicyUnknownName,
    &policy_empty::PolicyEmpty,
    &override_expired::OverrideExpired,
    &override_unknown_environment::OverrideUnknownEnvironment,
    &override_without_effect::OverrideWithoutEffect,
    &override_loosens::OverrideLoosens,
    &path_missing::PathMissing,
    &prod_on_local_forge::ProdOnLocalForge,
    &unreleased_in_prod::UnreleasedInProd,
];

/// What lint reports beside rules and reading: about versions and suppressions.
pub const BESIDE: [Page; 4] = [version_bump::PAGE, suppressed::PAGES[0], suppressed::PAGES[1], suppressed::PAGES[2]];

/// The page of a code.
pub fn page(code: &str) -> Option<Page> {
    pages().find(|page| page.code == code)
}

/// Every page: those of the rules, those of [`BESIDE`], then those of reading.
pub fn pages() -> impl Iterator<Item = Page> {
    RULES.iter().map(|rule| rule.page()).chain(BESIDE).chain(READING)
}

/// What lint found.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// Problems, in the order of files and lines.
    pub found: Vec<Diagnostic>,
    /// How many more are suppressed.
    pub suppressed: usize,
}

/// All rules; on two threads where there is enough to look at, each of which takes the next one: some rules look at far more than others.
fn check(look: &Look<'_>, blueprints: usize) -> Vec<Diagnostic> {
    /// Fewer are checked sooner than a thread begins.
    const WORTH_A_THREAD: usize = 64;
    let next = AtomicUsize::new(0);
    let run = || {
        let taken = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)));
        let rules = taken.map_while(|at| Some((at, RULES.get(at)?.check(look))));
        rules.collect::<Vec<_>>()
    };
    let mut found = if blueprints < WORTH_A_THREAD {
        run()
    } else {
        std::thread::scope(|scope| {
            let other = scope.spawn(run);
            let mut found = run();
            found.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            found
        })
    };
    // In the rules' order, whoever checked them.
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().flat_map(|(_, found)| found).collect()
}

/// Runs every rule, after what reading found, and takes away what is suppressed.
pub fn lint(catalog: &Catalog, surroundings: &Surroundings) -> Findings {
    let look = Look::new(catalog, surroundings);
    let mut found = check(&look, catalog.blueprints.len());
    // Sorted first: what several environments share is one finding.
    sort(&mut found);
    let suppressed = suppressed::suppress(&look, &mut found);
    found.extend(catalog.diagnostics.iter().chain(&catalog.unresolved).chain(catalog.unreadable.values()).cloned());
    sort(&mut found);
    Findings { found, suppressed }
}

/// By file, line, code and words; what several environments' variants share is said once.
pub fn sort(found: &mut Vec<Diagnostic>) {
    found.sort_by(|a, b| {
        let place = |d: &'_ Diagnostic| d.labels.first().map(|label| label.span.start);
        let file = |d: &Diagnostic| d.labels.first().map(|label| label.span.file.clone());
        file(a)
            .cmp(&file(b))
            .then_with(|| place(a).cmp(&place(b)))
            .then_with(|| a.code.cmp(&b.code))
            .then_with(|| a.message.cmp(&b.message))
    });
    // Renderings of one chart put the same at different lines.
    found.dedup_by(|b, a| {
        let places = |d: &Diagnostic| -> Vec<_> {
            d.labels.iter().map(|label| (label.span.file.clone(), label.text.clone())).collect()
        };
        let principal = |d: &Diagnostic| d.labels.first().map(|label| label.span.start);
        (&a.code, &a.message, &a.help) == (&b.code, &b.message, &b.help)
            && principal(a) == principal(b)
            && places(a) == places(b)
    });
}
