//! Commands on the tables of a deployed stack.

use serde_json::Value;

use crate::account::Account;
use crate::world::{FLIGHTS, Said, World, said};

/// A machine that is signed in to an account.
struct SignedIn {
    world: World,
    account: Account,
}

impl SignedIn {
    fn start() -> SignedIn {
        SignedIn {
            world: World::start(),
            account: Account::start(),
        }
    }

    fn run(&self, arguments: &[&str]) -> Said {
        let mut command = self.world.command(arguments);
        said(self.account.sign_in(command.arg("--aws")).output().unwrap())
    }

    fn succeed(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.status, 0, "{arguments:?}: {said:?}");
        assert_eq!(said.err, "", "{arguments:?}");
        said.out
    }

    fn fail(&self, status: i32, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.status, status, "{arguments:?}: {said:?}");
        said.err
    }
}

#[test]
fn what_is_stored_in_a_stack_is_found_there() {
    let machine = SignedIn::start();
    machine.succeed(&["track", "shop", "sale", "19.5", "--timestamp", "1700000000"]);
    machine.succeed(&["track", "shop", "sale", "0.5", "--timestamp", "1700000001"]);
    let table = machine.succeed(&[
        "query",
        "shop",
        "sale",
        "--granularity",
        "day",
        "--aggregation",
        "sum",
    ]);
    assert_eq!(
        table,
        "TIME                  VALUE\n2023-11-14T22:13:20Z     20\n"
    );
    let exported = machine.succeed(&["export"]);
    assert_eq!(exported.lines().count(), 2, "{exported}");
    assert!(
        machine
            .succeed(&["shards", "shop", "sale", "2"])
            .contains("2 shards")
    );
    let verified: Value =
        serde_json::from_str(&machine.succeed(&["verify", "--sweep", "--json"])).unwrap();
    assert_eq!(verified["differences"], serde_json::json!([]));
    // Nothing was made on this machine.
    assert!(!machine.world.path("data").exists());
}

#[test]
fn the_clients_of_a_stack_are_made_listed_and_revoked() {
    let machine = SignedIn::start();
    let created = machine.run(&["client", "create", "--json", "--label", "the website"]);
    assert_eq!(created.status, 0, "{created:?}");
    let created: Value = serde_json::from_str(&created.out).unwrap();
    let id = created["id"].as_str().unwrap();
    let listed = machine.succeed(&["client", "list"]);
    assert!(listed.contains(id) && listed.contains("the website"));
    machine.succeed(&["client", "revoke", id]);
    let listed: Value =
        serde_json::from_str(&machine.succeed(&["client", "list", "--json"])).unwrap();
    assert!(listed[0]["revoked"].is_string(), "{listed}");
    let error = machine.fail(1, &["client", "revoke", "nobody"]);
    assert!(error.contains("there is no client nobody"), "{error}");
}

#[test]
fn the_write_keys_of_a_stack_are_made_listed_and_revoked() {
    let machine = SignedIn::start();
    let created = machine.run(&["key", "create", "--json", "--label", "web"]);
    assert_eq!(created.status, 0, "{created:?}");
    let created: Value = serde_json::from_str(&created.out).unwrap();
    let id = created["id"].as_str().unwrap();
    let listed = machine.succeed(&["key", "list"]);
    assert!(listed.contains(id) && !listed.contains(created["key"].as_str().unwrap()));
    assert!(machine.succeed(&["key", "revoke", id]).contains(id));
    let listed: Value = serde_json::from_str(&machine.succeed(&["key", "list", "--json"])).unwrap();
    assert!(listed[0]["revoked"].is_string(), "{listed}");
    let error = machine.fail(1, &["key", "revoke", "wk-nobody"]);
    assert!(
        error.contains("there is no write key with this id"),
        "{error}"
    );
    machine.fail(1, &["track", "shop", "sale", "much"]);
    let rejected = machine.succeed(&["rejected", "--json"]);
    assert!(rejected.contains("\"much\\\""), "{rejected}");
}

#[test]
fn an_import_into_a_stack_is_remembered_for_those_tables() {
    let machine = SignedIn::start();
    let import = || machine.run(&["import", FLIGHTS]);
    assert!(import().out.starts_with("imported 500 events"));
    assert!(import().out.contains("was imported before"));
    assert_eq!(machine.succeed(&["export"]).lines().count(), 500);
    assert!(machine.world.path(".local/state/weir/imports").exists());
    // A stack of the same name in another account has nothing of it.
    let other = SignedIn {
        world: machine.world,
        account: Account::start(),
    };
    let said = other.run(&["import", FLIGHTS]);
    assert!(said.out.starts_with("imported 500 events"), "{said:?}");
}

#[test]
fn a_stack_that_is_not_there_is_named() {
    let machine = SignedIn::start();
    let error = machine.fail(1, &["query", "a", "b", "--stack", "other"]);
    assert!(
        error.starts_with("error: there are no tables called other-… in eu-central-1\nhint: "),
        "{error}"
    );
    assert!(error.contains("infra/template.yaml") && error.contains("--stack"));
    let error = machine.fail(2, &["query", "a", "b", "--stack", "no_stack"]);
    assert!(error.contains("is not the name of a stack"), "{error}");
}

#[test]
fn a_stack_is_found_by_its_name_in_the_environment() {
    let machine = SignedIn::start();
    let mut command = machine.world.command(&["client", "list", "--aws"]);
    let command = machine.account.sign_in(&mut command);
    let said = said(command.env("WEIR_STACK", "other").output().unwrap());
    assert!(said.err.contains("called other-…"), "{said:?}");
}

#[test]
fn what_is_missing_to_reach_aws_is_named() {
    let machine = SignedIn::start();
    let without = |variable: &str| {
        let mut command = machine.world.command(&["client", "list", "--aws"]);
        let command = machine.account.sign_in(&mut command).env_remove(variable);
        let said = said(command.output().unwrap());
        assert_eq!(said.status, 1, "{said:?}");
        said.err
    };
    let error = without("AWS_REGION");
    assert!(
        error.starts_with("error: no AWS region is given\nhint: set AWS_REGION"),
        "{error}"
    );
    let error = without("AWS_ACCESS_KEY_ID");
    assert!(error.starts_with("error: no AWS credentials: "), "{error}");
    assert!(error.contains("hint: sign in"), "{error}");
}

#[test]
fn what_a_role_may_not_do_is_named_with_its_table() {
    let machine = SignedIn::start();
    machine.account.forbid("DescribeTable");
    let error = machine.fail(1, &["client", "list"]);
    assert!(
        error.contains("dynamodb:DescribeTable") && error.contains("table/weir-registry"),
        "{error}"
    );
    // What is only found out later is told as well, in one line and at once.
    let check = |operation: &'static str, arguments: &[&str]| {
        machine.account.forbid(operation);
        let error = machine.fail(1, arguments);
        assert!(
            error.contains(&format!("dynamodb:{operation} on resource")),
            "{error}"
        );
        assert!(error.contains("table/weir-"), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    };
    check("Query", &["query", "a", "b"]);
    check("PutItem", &["track", "a", "b", "1"]);
    check("PutItem", &["client", "create"]);
}

#[test]
fn what_is_of_this_machine_alone_does_not_go_with_a_stack() {
    let world = World::start();
    for arguments in [
        &["serve", "--aws"][..],
        &["--aws"],
        &["openapi", "--aws"],
        &["completions", "bash", "--aws"],
        &["verify", "--aws", "--data", "d"],
        &["query", "a", "b", "--aws", "--server", "http://127.0.0.1:1"],
        &["verify", "--stack", "weir"],
    ] {
        world.fail(2, arguments);
    }
}
