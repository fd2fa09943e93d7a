//! A service whose methods, parameters and fields have the names that generated code
//! is most likely to have other uses for.

#![allow(
    non_snake_case,
    non_upper_case_globals,
    reason = "the names are what is tested"
)]

use outrigger::{Archived, Context, Error, Message};

/// Fields with awkward names.
#[outrigger::message]
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Words {
    /// A keyword of both languages.
    pub(crate) r#type: u8,
    pub(crate) err: String,
    pub(crate) ctx: u16,
    pub(crate) len: u32,
    pub(crate) id: u64,
    pub(crate) Bytes: Vec<u8>,
    pub(crate) String: String,
    pub(crate) Error: String,
    pub(crate) Load: bool,
    pub(crate) Release: Option<u8>,
    pub(crate) bytes: [u8; 2],
    pub(crate) UserId: u64,
    pub(crate) encode_archive: i8,
    pub(crate) callback: Vec<u16>,
    pub(crate) data: Box<str>,
    pub(crate) value: u8,
    pub(crate) e: u8,
}

macro_rules! words {
    ($($(#[$attribute:meta])* $method:ident($parameter:ident),)*) => {
        /// Gives words back.
        #[outrigger::service]
        pub(crate) trait Dictionary {
            /// The name of what a package has anyway.
            const CLIENT: &'static str = "a\0b";
            const NEW_CLIENT: bool = true;
            const WORDS: i64 = i64::MIN;
            const build_words: char = '\'';
            /// What a constant is made of may be another one.
            const BUILD_WORDS: u32 = 2 * u32::MAX.div_euclid(Self::HALF);
            const HALF: u32 = 2;
            const r#match: f32 = 0.1;

            $($(#[$attribute])* fn $method(
                &self,
                ctx: &Context<'_>,
                $parameter: &Archived<Words>,
            ) -> Result<Words, Error>;)*
        }

        impl Dictionary for Book {
            $(fn $method(
                &self,
                _: &Context<'_>,
                $parameter: &Archived<Words>,
            ) -> Result<Words, Error> {
                Words::load($parameter)
            })*
        }
    };
}

/// The implementation.
#[derive(Debug)]
pub(crate) struct Book;

words! {
    r#type(r#type), err(err), ctx(id), len(len), id(request), bytes(bytes), string(string),
    error(error), load(service), release(context), user_id(client), invoke(shared),
    callback(callback), data(data),
}
