//! What a message costs in the services, without network and engine: one sender, and a receiver
//! that delivers it to one client. Prints nanoseconds by the clock on the wall: measure on a
//! machine that does nothing else.
//!
//! `cargo run --release -p cman-services --example message_cost`

use bytes::Bytes;
use cman_services::{GroupName, GroupRequest, Out, Services, Session, ViewInfo};
use cman_types::{Epoch, Incarnation, Instant, Member, MemberId, NodeId, Salt, View, ViewId};
use std::{error::Error, hint::black_box, time};

fn main() -> Result<(), Box<dyn Error>> {
    for size in [0, 64, 1024, 65_536] {
        let (send, deliver) = cost(size)?;
        println!("{size:>6} bytes: send {send:>5} ns, deliver {deliver:>5} ns");
    }
    Ok(())
}

/// Nanoseconds to send and to deliver a message of this size.
fn cost(size: usize) -> Result<(u128, u128), Box<dyn Error>> {
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
        services.on_client(Session(1), GroupRequest::Join { group, pid: 1 })?;
    }
    services.on_client(Session(1), GroupRequest::Join { group: group.clone(), pid: 1 })?;
    deliver_all(&mut services, me);

    let text = Bytes::from(vec![1; size]);
    let (batches, batch) = if size > 10_000 { (2_000, 10) } else { (1_000, 1_000) };
    let (mut send, mut deliver) = (time::Duration::ZERO, time::Duration::ZERO);
    let mut sent = Vec::with_capacity(batch);
    for _ in 0..batches {
        let start = time::Instant::now();
        for _ in 0..batch {
            let (group, payload) = (group.clone(), text.clone());
            services.on_client(Session(1), GroupRequest::Send { group, payload, safe: false })?;
            let Some(Out::Multicast { payload, .. }) = services.poll() else { continue };
            sent.push(payload);
        }
        send += start.elapsed();
        let start = time::Instant::now();
        for payload in sent.drain(..) {
            services.on_deliver(me, payload);
            black_box(services.poll());
        }
        deliver += start.elapsed();
    }
    let count = u128::try_from(batches * batch)?;
    Ok((send.as_nanos() / count, deliver.as_nanos() / count))
}

fn deliver_all(services: &mut Services, me: MemberId) {
    while let Some(out) = services.poll() {
        if let Out::Multicast { payload, .. } = out {
            services.on_deliver(me, payload);
        }
    }
}
