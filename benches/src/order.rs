//! The message of `bench-rkyv`: an order, of two items or of a thousand. Its twin in
//! Go is `go-rkyv/order.go`.

use outrigger::{Archived, Error};

/// Numbers, text, bytes, an absent value, a list and a choice: what everyday messages
/// are made of.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Which order.
    pub id: u64,
    /// Whose.
    pub customer: String,
    /// What goes with it.
    pub note: Vec<u8>,
    /// How much it may cost, if there is a bound.
    pub limit: Option<u32>,
    /// What is ordered.
    pub items: Vec<Item>,
    /// How it is paid.
    pub payment: Payment,
}

/// One thing that is ordered.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Which.
    pub id: u32,
    /// What it is called.
    pub name: String,
}

/// How an order is paid.
#[outrigger::message]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payment {
    /// At the door.
    Cash,
    /// By the card of this number.
    Card(u64),
    /// By a bill to this address.
    Invoice(String),
}

/// Takes orders. Nobody serves it: it is there for the Go of its messages.
#[outrigger::service]
pub trait Orders {
    /// Takes one.
    fn place(&self, order: &Archived<Order>) -> Result<(), Error>;
}

impl Order {
    /// The order of so many items, the same in each run.
    ///
    /// ```
    /// use outrigger_benches::order::Order;
    /// assert_eq!(Order::of(2).items[1].name, "part 000000001");
    /// ```
    pub fn of(items: u32) -> Self {
        let note_len = 48 + 10 * items.min(64);
        let item = |id| Item {
            id,
            name: format!("part {id:09}"),
        };
        Self {
            id: 0x0123_4567_89ab_cdef,
            customer: "Ada Lovelace, Ockham Park".to_owned(),
            note: (0..note_len).map(|index| (7 * index) as u8).collect(),
            limit: Some(items),
            items: (0..items).map(item).collect(),
            payment: Payment::Card(4_000_000_000_000_002),
        }
    }
}

/// All numbers, and of each text and of the bytes the length, the first and the last
/// byte, added up: whoever gets the same sum has read the same message.
///
/// ```
/// use outrigger::{Archive, Message};
/// use outrigger::client::ArchiveMemory;
/// use outrigger_benches::order::{Order, sum};
/// use outrigger_layout::message::Writer;
///
/// let mut bytes = Vec::new();
/// Order::of(2).encode(&mut Writer::new(&mut bytes, 1024))?;
/// let mut memory = ArchiveMemory::new();
/// memory.extend_from_slice(&bytes);
/// assert_eq!(sum(&*Archive::<Order>::new(memory)?), 85_985_529_216_487_727);
/// # Ok::<(), outrigger::Error>(())
/// ```
pub fn sum(order: &Archived<Order>) -> u64 {
    let mut sum = order.id.to_native();
    sum = sum.wrapping_add(ends(order.customer.as_bytes()));
    sum = sum.wrapping_add(ends(&order.note));
    if let Some(limit) = order.limit.as_ref() {
        sum = sum.wrapping_add(u64::from(limit.to_native()));
    }
    for item in order.items.iter() {
        sum = sum.wrapping_add(u64::from(item.id.to_native()));
        sum = sum.wrapping_add(ends(item.name.as_bytes()));
    }
    match &order.payment {
        ArchivedPayment::Cash => sum,
        ArchivedPayment::Card(number) => sum.wrapping_add(number.to_native()),
        ArchivedPayment::Invoice(address) => sum.wrapping_add(ends(address.as_bytes())),
    }
}

fn ends(bytes: &[u8]) -> u64 {
    let byte = |end: Option<&u8>| u64::from(end.copied().unwrap_or_default());
    bytes.len() as u64 + byte(bytes.first()) + byte(bytes.last())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use outrigger::{Server, generate};

    use super::*;

    struct Nobody;

    impl Orders for Nobody {
        fn place(&self, _: &Archived<Order>) -> Result<(), Error> {
            Ok(())
        }
    }

    #[test]
    fn the_go_package_of_the_orders_is_fresh() {
        let builder = Server::builder().service(OrdersServer::new(Nobody));
        let schema = builder.registry().schema();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("go-rkyv");
        if std::env::var_os("OUTRIGGER_REWRITE").is_some() {
            generate::write_go(&schema, &folder).unwrap();
        }
        generate::check_go(&schema, &folder).expect("OUTRIGGER_REWRITE=1 cargo test writes it");
    }
}
