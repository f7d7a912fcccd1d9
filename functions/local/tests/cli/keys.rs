//! Keys that are rotated while tokens of them live.

use serde_json::{Value, json};

use crate::account::Account;
use crate::restarts::http;
use crate::world::{World, said};

const SECRET: &str = "correct-horse-battery";

fn names(shown: &str) -> Value {
    serde_json::from_str(shown).unwrap()
}

#[test]
fn a_rotation_in_a_data_directory_keeps_the_old_key_until_it_is_dropped() {
    let world = World::start();
    let error = world.fail(1, &["signing-key", "show"]);
    assert!(error.contains("there is no data of Weir"), "{error}");
    world.serve(&[]).stop();
    let show = || names(&world.succeed(&["signing-key", "show", "--json"]));
    let first = show();
    assert_eq!(first.as_object().unwrap().len(), 1, "{first}");
    let told = world.succeed(&["signing-key", "rotate"]);
    let second = show();
    assert_eq!(second["accepts"], first["signs"]);
    assert_ne!(second["signs"], first["signs"]);
    for name in ["signs", "accepts"] {
        assert!(told.contains(second[name].as_str().unwrap()), "{told}");
    }
    assert!(told.contains("weir signing-key drop"), "{told}");
    // Another rotation would end tokens before their time.
    let error = world.fail(1, &["signing-key", "rotate"]);
    assert!(
        error.contains("is still accepted") && error.contains("hint: "),
        "{error}"
    );
    assert_eq!(show(), second);
    world.succeed(&["signing-key", "drop"]);
    assert_eq!(show(), json!({ "signs": second["signs"] }));
    let error = world.fail(1, &["signing-key", "drop"]);
    assert!(error.contains("no key to drop"), "{error}");
}

#[test]
fn a_running_server_takes_a_new_key_over_and_old_tokens_stay_good() {
    let world = World::start();
    let server = world.serve(&["--client-id", "c", "--client-secret", SECRET]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let http = http();
        let grant = async || {
            let form = [("grant_type", "client_credentials")];
            let url = format!("{}/o/token/", server.url);
            let request = http.post(url).basic_auth("c", Some(SECRET)).form(&form);
            let granted: Value = request.send().await.unwrap().json().await.unwrap();
            granted["access_token"].as_str().unwrap().to_owned()
        };
        let status = async |token: &str| {
            let request = http.get(format!("{}/api/namespaces", server.url));
            let answer = request.bearer_auth(token).send().await.unwrap();
            answer.status().as_u16()
        };
        let old = grant().await;
        assert_eq!(status(&old).await, 200);
        world.succeed(&["signing-key", "rotate"]);
        assert_eq!(status(&old).await, 200);
        // A token that another process, which has read the new key, would have signed.
        let beside = world.path("data").join("signing-key.json");
        let keys: Value = serde_json::from_slice(&std::fs::read(beside).unwrap()).unwrap();
        let new = resigned(&old, keys["signs"].as_str().unwrap(), &world);
        assert_eq!(status(&new).await, 200);
        assert_eq!(status(&old).await, 200);
    });
    server.stop();
}

/// The claims of a token under another key.
fn resigned(token: &str, key: &str, world: &World) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let name = names(&world.succeed(&["signing-key", "show", "--json"]))["signs"].clone();
    let header = json!({ "alg": "HS256", "typ": "at+jwt", "kid": name });
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    let claims = token.split('.').nth(1).unwrap();
    let signed = format!("{header}.{claims}");
    let mac = hmac_sha256(key.as_bytes(), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac))
}

/// RFC 2104, for keys that are no longer than a block.
fn hmac_sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    use sha2::{Digest as _, Sha256};
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let padded = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(text);
    let outer = Sha256::new().chain_update(padded(0x5c));
    outer.chain_update(inner.finalize()).finalize().to_vec()
}

#[test]
fn the_key_of_a_stack_is_rotated_in_its_secret() {
    let world = World::start();
    let account = Account::start();
    let first = "a-text-that-a-template-has-drawn-by-itself";
    let run = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        said(account.sign_in(command.arg("--aws")).output().unwrap())
    };
    let missing = run(&["signing-key", "rotate"]);
    assert_eq!(missing.status, 1);
    assert!(
        missing
            .err
            .contains("there is no secret weir/signing-key\nhint: "),
        "{missing:?}"
    );
    account.put_secret("weir/signing-key", &json!({ "signs": first }).to_string());
    let rotated = run(&["signing-key", "rotate"]);
    assert_eq!(rotated.status, 0, "{rotated:?}");
    let kept: Value = serde_json::from_str(&account.secret("weir/signing-key").unwrap()).unwrap();
    assert_eq!(kept["accepts"], first);
    let shown = run(&["signing-key", "show"]);
    assert!(shown.out.starts_with("signs    ") && shown.out.contains("\naccepts  "));
    for secret in [first, kept["signs"].as_str().unwrap()] {
        for said in [&rotated, &shown] {
            assert!(
                !said.out.contains(secret) && !said.err.contains(secret),
                "{said:?}"
            );
        }
    }
    assert_eq!(run(&["signing-key", "drop"]).status, 0);
    let left: Value = serde_json::from_str(&account.secret("weir/signing-key").unwrap()).unwrap();
    assert_eq!(left, json!({ "signs": kept["signs"] }));
}
