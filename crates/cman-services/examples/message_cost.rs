//! What a message costs in the services, without network and engine: a client sends it, and one
//! client is told of it. Prints nanoseconds of processor time, which other programs do not disturb
//! much.
//!
//! `cargo run --release -p cman-services --example message_cost`

use bytes::Bytes;
use cman_services::{GroupName, GroupRequest, Out, Services, Session, ViewInfo};
use cman_types::{Epoch, Incarnation, Instant, Member, MemberId, NodeId, Salt, View, ViewId};
use std::{error::Error, fs, hint::black_box, time};

fn main() -> Result<(), Box<dyn Error>> {
    for size in [0, 64, 1024, 65_536] {
        println!("{size:>6} bytes: {:>5} ns", cost(size)?);
    }
    Ok(())
}

/// Nanoseconds to send and deliver a message of this size.
fn cost(size: usize) -> Result<u64, Box<dyn Error>> {
    let node = NodeId::new(1).ok_or("a node id is not 0")?;
    let me = MemberId { node, incarnation: Incarnation(1), salt: Salt([7; 16]) };
    let mut services = Services::new(me, time::Duration::from_secs(2));
    let id = ViewId { epoch: Epoch(1), coordinator: me };
    let members = vec![Member { id: me, address: ([127, 0, 0, 1], 5405).into() }];
    let view = View { id, members };
    services.on_view(Instant::ZERO, &ViewInfo { view: &view, transitional: &[node] });
    let group = GroupName::new(b"a group")?;
    for number in 0..64 {
        let group = GroupName::new(format!("group {number}").as_bytes())?;
        services.on_client(
            Instant::ZERO,
            Session(1),
            GroupRequest::Join { group, pid: 1 }.into(),
        )?;
    }
    services.on_client(
        Instant::ZERO,
        Session(1),
        GroupRequest::Join { group: group.clone(), pid: 1 }.into(),
    )?;
    deliver_all(&mut services, me);

    let text = Bytes::from(vec![1; size]);
    let count = if size > 10_000 { 20_000 } else { 1_000_000 };
    let start = processor_time()?;
    for _ in 0..count {
        let (group, payload) = (group.clone(), text.clone());
        services.on_client(
            Instant::ZERO,
            Session(1),
            GroupRequest::Send { group, payload, safe: false }.into(),
        )?;
        let Some(Out::Multicast { payload, .. }) = services.poll() else { continue };
        services.on_deliver(me, payload);
        black_box(services.poll());
    }
    Ok((processor_time()? - start) / count)
}

/// Nanoseconds that this process has run.
fn processor_time() -> Result<u64, Box<dyn Error>> {
    let told = fs::read_to_string("/proc/self/schedstat")?;
    Ok(told.split(' ').next().unwrap_or_default().parse()?)
}

fn deliver_all(services: &mut Services, me: MemberId) {
    while let Some(out) = services.poll() {
        if let Out::Multicast { payload, .. } = out {
            services.on_deliver(me, payload);
        }
    }
}
