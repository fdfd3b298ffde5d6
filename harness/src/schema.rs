//! The JSON Schemas of scenario, target and mutant files, made from the types.

use schemars::generate::SchemaSettings;

use crate::mutant::Mutant;
use crate::scenario::Scenario;
use crate::target::TargetFile;

/// File names and texts of all schemas.
pub fn all() -> Vec<(&'static str, String)> {
    vec![
        ("scenario.json", text::<Scenario>()),
        ("target.json", text::<TargetFile>()),
        ("mutant.json", text::<Mutant>()),
    ]
}

fn text<T: schemars::JsonSchema>() -> String {
    let schema = SchemaSettings::draft07()
        .into_generator()
        .into_root_schema_for::<T>();
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is plain JSON");
    text.push('\n');
    text
}
