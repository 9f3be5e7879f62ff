//! Dependencies point one way. The edges that may exist are listed here; any other fails.

use std::{collections::BTreeMap, path::Path, process::Command};

/// Who may depend on whom, by crate.
const ALLOWED: [(&str, &[&str]); 16] = [
    ("candleflow-schema", &[]),
    ("candleflow-features", &[]),
    ("candleflow-kernels", &[]),
    ("candleflow-binance", &["schema"]),
    ("candleflow-exchange", &["schema"]),
    ("candleflow-topics", &["schema"]),
    ("candleflow-files", &["schema"]),
    ("candleflow-lake", &["schema", "features"]),
    ("candleflow-config", &["schema", "kernels"]),
    ("candleflow-stream", &["schema", "kernels"]),
    ("candleflow-functions", &["schema", "kernels", "features"]),
    ("candleflow-engine", &["schema", "kernels", "stream", "functions", "lake", "config", "features"]),
    ("candleflow-runtime", &["schema", "kernels", "stream"]),
    ("candleflow-report", &["schema", "kernels"]),
    ("candleflow-server", &["schema", "engine", "lake", "features"]),
    (
        "candleflow",
        &[
            "schema",
            "kernels",
            "stream",
            "functions",
            "lake",
            "config",
            "engine",
            "runtime",
            "report",
            "server",
            "binance",
            "exchange",
            "topics",
            "files",
            "features",
        ],
    ),
];

/// Crates that may name DataFusion.
const DATAFUSION: [&str; 6] = [
    "candleflow-features",
    "candleflow-lake",
    "candleflow-functions",
    "candleflow-engine",
    "candleflow-server",
    "candleflow",
];

#[test]
fn dependencies_point_one_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(&root)
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let allowed: BTreeMap<_, _> = ALLOWED.into_iter().collect();
    let mut seen = 0;
    for package in metadata["packages"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name");
        let may =
            allowed.get(name).unwrap_or_else(|| panic!("{name} is not in the list of layers: say whom it may use"));
        seen += 1;
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let (on, kind) = (dependency["name"].as_str().expect("a name"), dependency["kind"].as_str());
            if kind == Some("dev") {
                continue;
            }
            if let Some(short) = on.strip_prefix("candleflow-") {
                assert!(may.contains(&short), "{name} must not depend on {on}");
            }
            if on.starts_with("datafusion") {
                assert!(DATAFUSION.contains(&name), "{name} must not name DataFusion");
            }
        }
    }
    assert_eq!(seen, ALLOWED.len(), "a crate of the list of layers is gone");
}
