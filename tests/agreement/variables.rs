//! What functions are told through their environment.

use std::collections::BTreeSet;
use std::path::Path;

use weir_lambda::settings::{
    COLLECT_GA_VARIABLES, COLLECT_PENDO_VARIABLES, COLLECT_PINGDOM_VARIABLES, HTTP_VARIABLES,
    SCHEDULED_VARIABLES,
};
use weir_service::SnippetPath;

use crate::template::{FUNCTIONS, Template, answers_requests};

/// The variables that a function reads.
fn read_by(function: &str) -> BTreeSet<String> {
    let names = match function {
        "compact" => SCHEDULED_VARIABLES.as_slice(),
        "collect-ga" => COLLECT_GA_VARIABLES.as_slice(),
        "collect-pendo" => COLLECT_PENDO_VARIABLES.as_slice(),
        "collect-pingdom" => COLLECT_PINGDOM_VARIABLES.as_slice(),
        _ => HTTP_VARIABLES.as_slice(),
    };
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn each_function_is_told_exactly_what_it_reads() {
    let template = Template::read();
    for (name, resource) in FUNCTIONS {
        let function = template.properties(resource);
        let variables = function["Environment"]["Variables"].as_object();
        let told: BTreeSet<_> = variables.expect("variables").keys().cloned().collect();
        assert_eq!(told, read_by(name), "{name}");
    }
}

#[test]
fn each_function_finds_its_tables_and_its_key() {
    let template = Template::read();
    for (name, resource) in FUNCTIONS {
        let function = template.properties(resource);
        let variables = &function["Environment"]["Variables"];
        // The tables are named after the stack, as in each TableName.
        assert_eq!(variables["WEIR_STACK"], crate::template::STACK, "{name}");
        if answers_requests(name) {
            let secret = format!("{}.Id", template.secret());
            assert_eq!(variables["WEIR_SIGNING_SECRET"], secret, "{name}");
        }
    }
}

#[test]
fn what_the_template_sets_by_default_is_the_default() {
    let template = Template::read();
    for (name, resource) in FUNCTIONS.iter().filter(|(name, _)| answers_requests(name)) {
        let function = template.properties(resource);
        let told = |name: &str| function["Environment"]["Variables"][name].clone();
        let told = |name: &str| told(name).as_str().expect("text").to_owned();
        let snippet_path = told("WEIR_SNIPPET_PATH").parse();
        assert_eq!(snippet_path, Ok(SnippetPath::default()), "{name}");
        assert_eq!(told("WEIR_ALLOWED_ORIGINS"), "", "{name}");
    }
}

#[test]
fn the_key_that_cloudformation_draws_can_sign() {
    let template = Template::read();
    let secret = template.properties(&template.secret());
    let drawn = &secret["GenerateSecretString"];
    assert_eq!(drawn["SecretStringTemplate"], "{}");
    assert_eq!(drawn["GenerateStringKey"], "signs");
    assert!(drawn["PasswordLength"].as_u64() >= Some(32));
    assert_eq!(drawn["ExcludePunctuation"], true, "no escapes in JSON");
}

#[test]
fn the_page_on_configuration_names_every_variable() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/CONFIG.md");
    let page = std::fs::read_to_string(path).expect("the page is there");
    let all = HTTP_VARIABLES.iter().chain(&COLLECT_GA_VARIABLES);
    let all = all.chain(&COLLECT_PENDO_VARIABLES);
    for name in all.chain(&COLLECT_PINGDOM_VARIABLES) {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
}
