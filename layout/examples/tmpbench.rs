//! tmp
use rkyv::{Archive, Serialize, Deserialize};
use std::time::Instant;
use std::hint::black_box;
#[derive(Archive, Serialize, Deserialize)]
pub struct Item { pub id: u32, pub name: String }
#[derive(Archive, Serialize, Deserialize)]
pub enum Shape { Nothing, Circle(f64), Label(String), Rect{w:u32,h:u64} , Tagged{name:String,c:u8,x:i32,y:i32,l:char}}
#[derive(Archive, Serialize, Deserialize)]
pub struct Order { pub id: u64, pub customer: String, pub note: Vec<u8>, pub limit: Option<u32>, pub items: Vec<Item>, pub shape: Shape }
fn main() {
    for n in [2usize, 16, 1000] {
        let o = Order { id: 7, customer: "somebody of note".into(), note: vec![0;40], limit: Some(9),
            items: (0..n).map(|i| Item{id:i as u32,name:"item number one".into()}).collect(), shape: Shape::Circle(1.5) };
        let mut buf = rkyv::util::AlignedVec::<16>::with_capacity(1<<16);
        let reps = 2_000_000/(n+10);
        let mut best = [f64::MAX;2];
        let mut arena = rkyv::ser::allocator::Arena::new();
        for _ in 0..15 {
            let t = Instant::now();
            for _ in 0..reps/10 {
                buf.clear();
                let b = std::mem::take(&mut buf);
                buf = rkyv::api::high::to_bytes_in_with_alloc::<_, _, rkyv::rancor::Failure>(black_box(&o), b, arena.acquire()).unwrap();
            }
            best[0] = best[0].min(t.elapsed().as_nanos() as f64/(reps/10) as f64);
            let t = Instant::now();
            for _ in 0..reps/10 { black_box(rkyv::access::<ArchivedOrder, rkyv::rancor::Failure>(black_box(&buf)).unwrap()); }
            best[1] = best[1].min(t.elapsed().as_nanos() as f64/(reps/10) as f64);
        }
        println!("{n} items, {} bytes: encode {:.0} access {:.0}", buf.len(), best[0], best[1]);
    }
}
