//! What the attributes refuse, and what they say to use instead. The texts stand
//! in `refusals/*.stderr`; `TRYBUILD=overwrite` writes them anew.

#[test]
fn each_refusal_says_what_to_use_instead_and_no_more_is_refused() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/refusals/*.rs");
    cases.pass("tests/refusals/none/*.rs");
}
