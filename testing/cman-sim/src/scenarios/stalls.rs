//! Daemons that process nothing for a while.

use cman_types::Prng;
use core::time::Duration;

use super::{
    Scenario,
    stage::{
        coordinator, deputy, expect, few_views, heal, member, nothing_changed, settle, token,
        until, wait_together,
    },
};
use crate::{
    clock::{ERROR_MAX, PERFECT},
    cluster::Cluster,
    permanent::{self, Lasting},
    swarm::stay_quiet,
    violation::Check,
    world::World,
};

type Pick = fn(&World) -> usize;

pub(super) fn all() -> Vec<Scenario> {
    let who: [(&str, Pick); 3] =
        [("member", member), ("coordinator", coordinator), ("deputy", deputy)];
    let mut all = Vec::new();
    for (name, pick) in who {
        all.push(Scenario::new(
            //
            format!("stall-0.5T-{name}"),
            "a daemon is stopped for half a token: nothing happens",
            Cluster::plain(5),
            move |world, _| short_stall(world, pick),
        ));
        for tokens in [1, 2, 4] {
            all.push(Scenario::new(
                //
                format!("stall-{tokens}T-{name}"),
                "a daemon is stopped: put out once, accuses nobody, rejoins once",
                Cluster::plain(5),
                move |world, _| long_stall(world, pick, tokens),
            ));
        }
    }
    // R-81h, R-91.
    all.push(Scenario::new(
        "sleepy-coordinator-big-view",
        "the coordinator stalls 1.9 T in each 2.8 T: views are rare",
        Cluster::plain(5),
        |world, prng| lasting(world, prng, Lasting::Sleeping),
    ));
    // R-81h, R-92.
    all.push(Scenario::new(
        "sleepy-coordinator-recapture",
        "the coordinator stalls 1.2 T in each 1.8 T: views are rare",
        Cluster::plain(4),
        |world, prng| lasting(world, prng, Lasting::Stalling),
    ));
    //
    all.push(Scenario::new(
        "clock-drift-extremes",
        "every other clock is as fast as allowed, the rest as slow",
        Cluster::plain(5),
        |world, _| drift(world),
    ));
    all
}

fn lasting(world: &mut World, prng: &mut Prng, fault: Lasting) -> Check {
    permanent::form(world)?;
    let victim = coordinator(world);
    permanent::watch(world, prng, fault, victim)?;
    heal(world)
}

fn short_stall(world: &mut World, pick: Pick) -> Check {
    settle(world)?;
    let host = pick(world);
    let half = token(world) / 2;
    world.stall(host, half);
    world.run_for(half * 6)?;
    nothing_changed(world)
}

fn long_stall(world: &mut World, pick: Pick, tokens: u32) -> Check {
    settle(world)?;
    let host = pick(world);
    let span = token(world) * tokens;
    world.stall(host, span);
    let rest = super::stage::others(world, &[host]);
    if tokens > 1 {
        let within = token(world) * 3 / 2;
        wait_together(world, within, &rest)?;
        let lost: Vec<usize> = world.lost_quorum.iter().map(|(_, who)| *who).collect();
        expect(world, lost.is_empty(), format!("a stall cost others quorum: hosts {lost:?}"))?;
    }
    let within = span + token(world) * 12;
    until(world, within, "all are in one view again", |world| {
        world.now >= world.hosts[host].stalled_until && crate::swarm::is_whole(world)
    })?;
    few_views(world, 3)?;
    let span = token(world) * 4;
    stay_quiet(world, span)
}

fn drift(world: &mut World) -> Check {
    for host in 0..world.hosts.len() {
        let rate = if host % 2 == 0 { PERFECT - ERROR_MAX } else { PERFECT + ERROR_MAX };
        world.set_rate(host, rate);
    }
    settle(world)?;
    stay_quiet(world, Duration::from_secs(60))?;
    for _ in 0..6 {
        let host = coordinator(world);
        let paths = world.paths_of(host, true, true);
        world.cut_for(token(world) * 3, paths);
        let span = token(world) * 8;
        world.run_for(span)?;
    }
    heal(world)
}
