//! What the attributes refuse, and what they say to use instead. The texts stand
//! in `refusals/*.stderr`; `TRYBUILD=overwrite` writes them anew.

#[test]
fn each_refusal_says_what_to_use_instead() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/refusals/*.rs");
}
