//! What docs/GITHUB.md says that each call of the API needs, and why: for tests alone, shared as `fake.rs` is. A call without a row fails whichever
//! test makes it.

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub method: String,
    pub path: String,
    pub permission: String,
    pub why: String,
}

/// The table, as it is written.
pub fn rows() -> &'static [Row] {
    static ROWS: std::sync::OnceLock<Vec<Row>> = std::sync::OnceLock::new();
    ROWS.get_or_init(read)
}

fn read() -> Vec<Row> {
    let page = include_str!("../../../docs/GITHUB.md");
    let table = page.split("\n## Each call").nth(1).expect("the section").split("\n## ").next().expect("a section");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split(" | ").collect();
        let [call, permission, why] = cells.as_slice() else { panic!("{row}: a call, a permission and a reason") };
        let (method, path) = call.trim_end_matches('`').split_once(' ').expect("a method and a path");
        Row { method: method.into(), path: path.into(), permission: (*permission).into(), why: (*why).into() }
    })
    .collect()
}

/// The row of a request that was made, `METHOD /api/v3/PATH`: `{a}` stands for any one part.
pub fn row_of(line: &str) -> Option<&'static Row> {
    let (method, path) = line.split_once(' ')?;
    let path = path.strip_prefix("/api/v3").or_else(|| path.strip_prefix("/api"))?;
    let parts: Vec<&str> = path.split('/').collect();
    rows().iter().find(|row| {
        let wanted: Vec<&str> = row.path.split('/').collect();
        let same = |(wanted, part): (&&str, &&str)| wanted == part || (wanted.starts_with('{') && !part.is_empty());
        row.method == method && wanted.len() == parts.len() && wanted.iter().zip(&parts).all(same)
    })
}
