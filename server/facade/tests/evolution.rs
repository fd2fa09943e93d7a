//! Messages that grow, between clients and servers of different versions, and versions
//! that are served side by side.

use outrigger::{Client, Code, Error, Server};

#[allow(dead_code, reason = "the testbed serves it; here are its messages")]
#[path = "../examples/testbed/diaries.rs"]
mod diaries;
mod process;

use diaries::{branch, first, rewritten, second};
use process::Serving;

fn serving(version: &str) -> (Serving, Client) {
    let builder = Server::builder();
    diaries::serve(&builder.registry(), version).expect("a version");
    let serving = Serving::start(builder);
    let client = serving.client();
    (serving, client)
}

fn first_entry() -> first::Entry {
    first::Entry {
        text: "a day like any other".to_owned(),
        pages: vec![1, 2],
        weather: first::Weather::Wet(Box::new("to the skin".to_owned())),
    }
}

fn second_entry() -> second::Entry {
    second::Entry {
        text: "a day like any other".to_owned(),
        pages: vec![1, 2],
        weather: second::Weather::Wet(Box::new("to the skin".to_owned())),
        readers: Some(vec!["nobody".to_owned(), "somebody".to_owned()]),
    }
}

/// What a client of the first version gets.
fn call_first(client: &Client) -> Result<first::Receipt, Error> {
    let diaries = first::DiariesClient::new(client.clone());
    let reply = diaries.keep(&first_entry()).wait();
    reply.map_err(|error| error.error().clone())?.load()
}

/// What a client of the second version gets.
fn call_second(client: &Client) -> Result<second::Receipt, Error> {
    let diaries = second::DiariesClient::new(client.clone());
    let reply = diaries.keep(&second_entry()).wait();
    reply.map_err(|error| error.error().clone())?.load()
}

#[test]
fn an_older_client_calls_a_newer_server() {
    let (_serving, client) = serving("second");
    for _ in 0..3 {
        let receipt = call_first(&client).unwrap();
        assert_eq!((&*receipt.text, receipt.version), (&*first_entry().text, 2));
        assert_eq!(receipt.weather, vec![first_entry().weather; 2]);
    }
    let diaries = first::DiariesClient::new(client);
    let mut memory = outrigger::client::ArchiveMemory::new();
    let receipt = diaries.keep(&first_entry()).wait_into(&mut memory).unwrap();
    assert_eq!(receipt.version, 2);
    let empty = first::Entry {
        text: String::new(),
        ..first_entry()
    };
    let error = diaries.keep(&empty).wait().expect_err("refused");
    assert_eq!(error.detail().unwrap().reason, "an empty entry");
}

#[test]
fn a_newer_client_calls_an_older_server() {
    let (_serving, client) = serving("first");
    for _ in 0..3 {
        let receipt = call_second(&client).unwrap();
        assert_eq!((receipt.version, receipt.readers), (1, None));
        assert_eq!(receipt.weather, vec![second_entry().weather; 2]);
    }
    let diaries = second::DiariesClient::new(client.clone());
    let mut memory = outrigger::client::ArchiveMemory::new();
    let receipt = diaries
        .keep(&second_entry())
        .wait_into(&mut memory)
        .unwrap();
    assert!(receipt.version == 1 && receipt.readers.is_none());
    let empty = second::Entry {
        text: String::new(),
        ..second_entry()
    };
    let error = diaries.keep(&empty).wait().expect_err("refused");
    let refused = error.detail().unwrap();
    assert_eq!(
        (&*refused.reason, &refused.instead),
        ("an empty entry", &None)
    );
    // A variant that the server does not have: it says which ones it has.
    let foggy = second::Entry {
        weather: second::Weather::Fog,
        ..second_entry()
    };
    let error = diaries.keep(&foggy).wait().expect_err("refused");
    assert_eq!(error.error().code(), Code::SERIALIZATION);
    let words = "'2' for enum 'ArchivedWeather' (allowed: 0, 1)";
    assert!(error.error().message().contains(words), "{error}");
}

#[test]
fn equal_versions_have_what_was_appended() {
    let (_serving, client) = serving("second");
    let receipt = call_second(&client).unwrap();
    assert_eq!(
        (receipt.version, receipt.readers),
        (2, second_entry().readers)
    );
}

#[test]
fn async_methods_evolve_like_all_others() {
    for (version, number) in [("first", 1), ("second", 2)] {
        let (_serving, client) = serving(version);
        let old = first::DiariesClient::new(client.clone());
        let new = second::DiariesClient::new(client);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let receipt = old.post(&first_entry()).await.unwrap();
            assert_eq!(receipt.version, number);
            let receipt = new.post(&second_entry()).await.unwrap();
            assert_eq!(receipt.version, number);
            assert_eq!(receipt.readers.is_some(), number == 2);
        });
    }
}

#[test]
fn two_branches_of_one_message_refuse_each_other_in_both_directions() {
    let entry = branch::Entry {
        text: "a day".to_owned(),
        pages: Vec::new(),
        weather: first::Weather::Dry,
        secret: Some("never to be read as a reader".to_owned()),
    };
    let (_serving, client) = serving("second");
    let diaries = branch::DiariesClient::new(client);
    let error = diaries.keep(&entry).wait().expect_err("refused");
    assert_eq!(error.error().code(), Code::VERSION_MISMATCH);
    let (_serving, client) = serving("branch");
    let error = call_second(&client).expect_err("refused");
    assert_eq!(error.code(), Code::VERSION_MISMATCH);
    let words = "struct Entry: the server has field secret: Option<String>, the client has not";
    assert!(error.message().contains(words), "{error}");
    assert_eq!(
        call_first(&client).expect_err("it says no").message(),
        "a branch"
    );
}

#[test]
fn a_client_follows_a_server_that_changes_under_it() {
    let (serving, client) = serving("first");
    for (version, number) in [("second", 2), ("first", 1), ("second", 2)] {
        assert_ne!(call_second(&client).unwrap().version, number);
        diaries::serve(&serving.handle.registry(), version).expect("a version");
        assert_eq!(call_second(&client).unwrap().version, number);
        assert_eq!(call_first(&client).unwrap().version, number);
    }
    // Agreed upon as the older version: what now appended something else refuses.
    diaries::serve(&serving.handle.registry(), "first").expect("a version");
    assert_eq!(call_second(&client).unwrap().version, 1);
    diaries::serve(&serving.handle.registry(), "branch").expect("a version");
    let error = call_second(&client).expect_err("refused");
    assert_eq!(error.code(), Code::VERSION_MISMATCH);
}

#[test]
fn two_versions_that_do_not_fit_are_served_side_by_side() {
    let (serving, client) = serving("both");
    let line = rewritten::Line {
        number: 6,
        text: "one line".to_owned(),
    };
    let lines = rewritten::DiariesClient::new(client.clone());
    for _ in 0..2 {
        assert_eq!(lines.keep(&line).wait().unwrap().number, 7);
        assert_eq!(call_second(&client).unwrap().version, 2);
        assert_eq!(
            call_first(&client).unwrap().version,
            2,
            "older than what is beside"
        );
    }
    let registry = serving.handle.registry();
    let names = registry.list();
    let ours = names.iter().filter(|name| name.starts_with("diaries."));
    assert_eq!(ours.collect::<Vec<_>>(), ["diaries.keep", "diaries.post"]);
    let schema = registry.schema();
    assert_eq!(schema.services[0].methods.len(), 1, "the main one");
    // Replacing the main one leaves what is beside it; a second one beside replaces it.
    let main = rewritten::DiariesServer::new(rewritten::Keeper);
    assert_eq!(registry.register_service(main), Ok(1));
    let beside = second::DiariesServer::new(second::Keeper);
    assert_eq!(registry.register_service_beside(beside), Ok(2));
    assert_eq!(call_second(&client).unwrap().version, 2);
    assert_eq!(lines.keep(&line).wait().unwrap().number, 7);
    assert!(registry.unregister("diaries.keep"));
    for error in [
        lines.keep(&line).wait().map(drop).expect_err("gone"),
        call_second(&client).map(drop).expect_err("gone"),
    ] {
        assert_eq!(error.code(), Code::NOT_FOUND);
    }
}
