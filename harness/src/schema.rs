//! The JSON Schemas of scenario, target, mutant and provider files, made from the types.

use oauth_gauntlet_provider::cli::config_schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{Schema, SchemaGenerator};

use crate::mutant::Mutant;
use crate::scenario::Scenario;
use crate::target::TargetFile;

/// File names and texts of all schemas.
pub fn all() -> Vec<(&'static str, String)> {
    vec![
        ("scenario.json", text::<Scenario>()),
        ("target.json", text::<TargetFile>()),
        ("mutant.json", text::<Mutant>()),
        ("provider.json", pretty(&config_schema(generator()))),
    ]
}

fn text<T: schemars::JsonSchema>() -> String {
    pretty(&generator().into_root_schema_for::<T>())
}

fn generator() -> SchemaGenerator {
    SchemaSettings::draft07()
        .with_transform(RecursiveTransform(leave_out_examples))
        .into_generator()
}

/// Examples in Rust are for those who read the crate's documentation.
fn leave_out_examples(schema: &mut Schema) {
    let description = schema.get("description").and_then(|it| it.as_str());
    if let Some((prose, _)) = description.and_then(|it| it.split_once("\n\n```")) {
        let prose = prose.to_owned();
        schema.insert("description".to_owned(), prose.into());
    }
}

fn pretty(schema: &Schema) -> String {
    let mut text = serde_json::to_string_pretty(schema).expect("a schema is plain JSON");
    text.push('\n');
    text
}
