//! T42: what thousands of items or findings take, in time and in lines.

use crate::support::Repo;

const FRONTEND: &str = "deploy/frontend.yaml";
const VARIABLE: &str = "            - {name: LOG_LEVEL, value: info}\n";
const PORT: &str = "            - containerPort: 8080\n";

/// The shop, with so many of something where one stood.
fn shop_with(line: &str, many: usize, of: impl Fn(usize) -> String) -> Repo {
    let repo = Repo::shop();
    repo.replace(FRONTEND, line, &(0..many).map(of).collect::<String>());
    repo
}

/// Would miss: a rule that drowns all others, findings that are left out without a word or are not counted, and a report for machines that
/// lacks them.
#[test]
fn t42_of_many_findings_of_one_code_in_a_file_some_are_shown_and_all_are_counted() {
    let repo = shop_with(VARIABLE, 25, |at| format!("            - {{name: A{at}, value: {at}}}\n"));
    repo.replace("deploy/backend.yaml", "replicas: 3", "replicas: three");
    let text = repo.run(&["lint"]).exits(6).stdout;
    let more =
        "error[manifest-invalid]\n  and 5 more of this code in deploy/frontend.yaml: bpctl lint -o json has all\n";
    assert_eq!((text.matches("must be text, this is").count(), text.matches(more).count()), (20, 1), "{text}");
    assert!(text.contains("spec.replicas must be a whole number") && text.contains(": 26 errors"), "{text}");
    for format in ["json", "sarif"] {
        let all = repo.run(&["lint", "-o", format]).exits(6).stdout;
        assert_eq!(all.matches("must be text, this is").count(), 25, "{format}");
    }
}

/// Would miss: lists that are matched item by item with each other, findings whose way is looked for from the top or whose excerpt is cut
/// from the whole file, one by one: each of these takes twice as
/// long at least for what is here, and most take minutes.
#[test]
fn t42_thousands_of_items_take_seconds() {
    let many = 8_000;
    let one_line = |at: usize| format!("{}p{at}: b", if at == 0 { "" } else { ", " });
    let labels = shop_with("labels: {app: frontend}\nspec", 1, |_| {
        format!("labels: {{app: frontend, {}}}\nspec", (0..many).map(one_line).collect::<String>())
    });
    labels.bpctl().run_within(6, &["plan"]).exits(0);
    let ports = shop_with(PORT, many, |at| format!("            - containerPort: {}\n", at + 1));
    ports.bpctl().run_within(12, &["plan"]).exits(0);
    let values = shop_with(VARIABLE, many, |at| format!("            - {{name: A{at}, value: {at}}}\n"));
    values.bpctl().run_within(12, &["lint"]).exits(6);
    let budget = |at: usize| {
        format!(
            "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: s{at}, namespace: shop}}\n\
             spec: {{selector: {{matchLabels: {{app: frontend}}}}, minAvailable: 1}}\n"
        )
    };
    let budgets = shop_with("# The storefront.", 1, |_| format!("{}---\n#", (0..many).map(budget).collect::<String>()));
    budgets.bpctl().run_within(8, &["lint"]).exits(0);
}
