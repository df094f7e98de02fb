//! How the sequence of a view ends: what is delivered, what is not, and that all agree.

use cman_types::Prng;
use core::time::Duration;

use super::{
    Scenario,
    hearing::{
        heard, heard_in_order, moment, none_heard, nothing_installed, paths, say, stats,
        wait_heard, wait_stage,
    },
    stage::{coordinator, expect, heal, others, settle, token, wait_together},
};
use crate::{
    checkers::messages::{Key, Phase},
    clock::nanos,
    cluster::Cluster,
    host::Stage,
    network::Quality,
    reach::Place,
    triggers::{Blow, Point},
    violation::{Check, Violation},
    world::World,
};

/// Within which a message is everywhere where nothing is in its way.
const SOON: Duration = Duration::from_millis(50);

type Play = fn(&mut World) -> Check;

pub(super) fn all() -> Vec<Scenario> {
    let cases: [(&str, &'static str, usize, Play); 7] = [
        // R-25 (c), P3.
        (
            "resend-next-view",
            "a sender that did not hear of the order goes through two views: nothing comes twice",
            5,
            resend_next_view,
        ),
        // P2, P6.
        (
            "two-orders",
            "sides that part without knowing the order end their view in orders of their own",
            5,
            two_orders,
        ),
        // R-25 (b), P5.
        (
            "beyond-the-hole",
            "a message died with its sender and the coordinator: nor do its effects come",
            6,
            beyond_the_hole,
        ),
        //
        (
            "early-recovered",
            "some members cannot get a message: no view before they have it",
            6,
            early_recovered,
        ),
        // R-26, R-53o.
        (
            "early-free",
            "members that delivered a message still have it for one that did not get it",
            5,
            early_free,
        ),
        //
        (
            "deaf-flush",
            "an order record of the dead coordinator comes while the view ends: it is not heard",
            5,
            deaf_flush,
        ),
        //
        (
            "skip-then-meet",
            "a plan with a hole comes to nothing; who can fill the hole is in the next",
            6,
            skip_then_meet,
        ),
    ];
    let make = |(name, text, nodes, play): (&str, &'static str, usize, Play)| {
        Scenario::new(name, text, Cluster::plain(nodes), move |world: &mut World, _: &mut Prng| {
            settle(world)?;
            world.listen();
            play(world)
        })
    };
    cases.into_iter().map(make).collect()
}

/// The coordinator, and the others in the order of their ids.
fn cast(world: &World) -> (usize, Vec<usize>) {
    let first = coordinator(world);
    (first, others(world, &[first]))
}

/// As many of the cast as a scenario names; there are.
fn named<const N: usize>(hosts: &[usize]) -> Result<[usize; N], Violation> {
    let wrong = || Violation::new("scenario", &[], format!("not {N} but {hosts:?}"));
    <[usize; N]>::try_from(hosts).map_err(|_| wrong())
}

/// All paths between these, both ways, are mended.
fn reunite(world: &mut World, a: &[usize], b: &[usize]) {
    world.mend(&paths(a, b));
    world.mend(&paths(b, a));
}

fn resend_next_view(world: &mut World) -> Check {
    let (first, rest) = cast(world);
    let [near, near_too, sender, far] = named(&rest)?;
    let (here, there) = ([first, near, near_too], [sender, far]);
    world.cut(&paths(&here, &there));
    let key = say(world, sender, 100)?;
    wait_heard(world, SOON, &here, key)?;
    none_heard(world, &there, key, "the sender's side does not hear of the order")?;
    world.cut(&paths(&there, &here));
    wait_together(world, token(world) * 4, &there)?;
    let own: Vec<u64> = heard(world, sender, key).map(|heard| heard.number).collect();
    expect(world, own == [0], format!("delivered without an order record: {own:?}"))?;
    world.crash(far);
    wait_together(world, token(world) * 4, &[sender])?;
    reunite(world, &here, &there);
    heal(world)?;
    world.run_for(token(world))?;
    heard_in_order(world, &[first, near, near_too, sender], &[key])
}

fn two_orders(world: &mut World) -> Check {
    let (first, rest) = cast(world);
    let [near, low, middle, high] = named(&rest)?;
    let (here, there) = ([first, near], [low, middle, high]);
    world.cut(&paths(&here, &there));
    let one = say(world, high, 100)?;
    wait_heard(world, SOON, &here, one)?;
    let two = say(world, low, 100)?;
    wait_heard(world, SOON, &here, two)?;
    let safe = world.say(middle, 100, true);
    world.run_for(SOON)?;
    world.cut(&paths(&there, &here));
    wait_together(world, token(world) * 4, &here)?;
    wait_together(world, token(world) * 4, &there)?;
    let Some(safe) = safe else { return expect(world, false, "a safe message is taken") };
    heard_in_order(world, &here, &[one, two, safe])?;
    // By the senders' ids: the safe one's is in between.
    heard_in_order(world, &there, &[two, safe, one])?;
    let late = |key: Key, hosts: &[usize], world: &World| {
        let mut all = hosts.iter().flat_map(|&host| heard(world, host, key));
        all.all(|heard| heard.phase == Phase::Transitional)
    };
    // What may be in another order elsewhere comes after the transitional event where the
    // coordinator was lost; what is safe does so everywhere.
    let after = late(one, &there, world) && late(two, &there, world);
    expect(world, after, "the side without coordinator was told before")?;
    let after = late(safe, &here, world) && late(safe, &there, world);
    expect(world, after, "a safe message that is not stable comes after the event")?;
    reunite(world, &here, &there);
    heal(world)?;
    heard_in_order(world, &here, &[one, two, safe])?;
    heard_in_order(world, &there, &[two, safe, one])
}

fn beyond_the_hole(world: &mut World) -> Check {
    let (first, rest) = cast(world);
    let [sender, reader, a, b, c] = named(&rest)?;
    let (lost, left) = ([first, sender, reader], [a, b, c]);
    world.cut(&paths(&[sender], &left));
    world.cut(&paths(&left, &lost));
    let seven = say(world, sender, 100)?;
    wait_heard(world, SOON, &lost, seven)?;
    world.mend(&paths(&[sender], &left));
    let next = say(world, sender, 100)?;
    let effect = say(world, reader, 100)?;
    wait_heard(world, SOON, &lost, next)?;
    wait_heard(world, SOON, &lost, effect)?;
    let asks = |world: &World| left.iter().all(|&host| stats(world, host).asked_units > 0);
    moment(world, SOON, "the others know what they lack", asks)?;
    let holes = world.reach.count(Place::Holes);
    world.crash_together(&lost);
    let own = say(world, b, 100)?;
    wait_together(world, token(world) * 4, &left)?;
    wait_heard(world, SOON, &left, own)?;
    for key in [seven, next, effect] {
        none_heard(world, &left, key, "what lies in the hole or may rest on it is left out")?;
    }
    let counted = world.reach.count(Place::Holes) - holes;
    expect(world, counted == 1, format!("{counted} holes counted, not one"))?;
    heal(world)
}

fn early_recovered(world: &mut World) -> Check {
    let (first, rest) = cast(world);
    let [sender, a, b, c, d] = named(&rest)?;
    let (have, lack) = ([first, a, b], [c, d]);
    lack.iter().for_each(|&host| world.network.cut_data(host));
    let key = say(world, sender, 100)?;
    wait_heard(world, SOON, &have, key)?;
    world.crash(sender);
    wait_stage(world, token(world) * 2, &[first], Stage::Recover)?;
    world.run_for(token(world) / 2)?;
    nothing_installed(world, "two members lack a message")?;
    // Now only the dead have it.
    world.crash_together(&have);
    lack.iter().for_each(|&host| world.network.mend_data(host));
    wait_together(world, token(world) * 6, &lack)?;
    none_heard(world, &lack, key, "nobody has the message any more")?;
    heal(world)
}

fn early_free(world: &mut World) -> Check {
    let (first, rest) = cast(world);
    let [sender, a, b, late] = named(&rest)?;
    world.network.cut_data(late);
    let key = say(world, sender, 100)?;
    wait_heard(world, SOON, &[first, sender, a, b], key)?;
    // They no longer wait for it with what they send (R-55o).
    world.run_for(SOON * 4)?;
    world.crash_together(&[first, sender]);
    wait_stage(world, token(world) * 3, &[a, b, late], Stage::Recover)?;
    none_heard(world, &[late], key, "its data socket is dead")?;
    world.network.mend_data(late);
    wait_together(world, token(world) * 2, &[a, b, late])?;
    heard_in_order(world, &[a, b, late], &[key])?;
    let end = heard(world, late, key).all(|heard| heard.phase != Phase::Working);
    expect(world, end, "it comes with the end of the view")?;
    heal(world)
}

fn deaf_flush(world: &mut World) -> Check {
    let (first, rest) = cast(world);
    let [a, b, sender, slow] = named(&rest)?;
    let left = [a, b, sender, slow];
    let sent = stats(world, sender).sent_units;
    let key = say(world, sender, 100)?;
    moment(world, SOON, "it is sent", |world| stats(world, sender).sent_units > sent)?;
    // What the coordinator says from here on is on its way for longer than it takes to miss it.
    let away = token(world) * 135 / 100;
    let usual = world.network.quality;
    world.network.quality = Quality { latency: away, ..Quality::QUIET };
    wait_heard(world, SOON, &[first], key)?;
    let said = world.now;
    world.crash(first);
    world.network.quality = usual;
    wait_stage(world, token(world) * 13 / 10, &left, Stage::Flush)?;
    // The others have answered; they wait for one whose answers get lost.
    let lost = paths(&[slow], &[a, b, sender]);
    world.cut(&lost);
    let arrives = said + nanos(away + SOON);
    world.run_until(arrives)?;
    nothing_installed(world, "one member has not answered")?;
    none_heard(world, &left, key, "nothing is delivered while a view ends")?;
    world.mend(&lost);
    wait_together(world, token(world) / 2, &left)?;
    heard_in_order(world, &left, &[key])?;
    let unordered = left.iter().all(|&host| heard(world, host, key).all(|h| h.number == 0));
    expect(world, unordered, "the order record that came too late counts for nothing")?;
    heal(world)
}

fn skip_then_meet(world: &mut World) -> Check {
    let (first, rest) = cast(world);
    let [proposer, quick, slow, holder, sender] = named(&rest)?;
    let (lack, left) = ([proposer, quick, slow], [quick, slow, holder]);
    // They hear of the order, but what they ask for does not come.
    world.cut(&paths(&[sender, holder], &lack));
    world.cut(&paths(&[proposer, slow], &[first]));
    world.network.cut_data(slow);
    let key = say(world, sender, 100)?;
    wait_heard(world, SOON, &[first], key)?;
    let sent = stats(world, quick).sent_units;
    let behind = say(world, quick, 100)?;
    moment(world, SOON, "it is sent", |world| stats(world, quick).sent_units > sent)?;
    world.cut(&[(quick, first)]);
    wait_heard(world, SOON, &[first, holder], behind)?;
    world.crash_together(&[first, sender]);
    // Who could fill the hole is not heard: the next in line plans without it, and dies. One member
    // has all that this plan asks for, one has not.
    world.arm(Point::Recovers, Blow::Crash { back_after: None }, 1);
    let holes = world.reach.count(Place::Holes);
    let dead = |world: &World| !world.hosts[proposer].is_alive();
    moment(world, token(world) * 13 / 10, "a plan is sent", dead)?;
    let counted = world.reach.count(Place::Holes) - holes;
    expect(world, counted == 1, format!("{counted} holes planned for, not one"))?;
    world.mend(&paths(&[holder], &lack));
    wait_stage(world, token(world) * 2, &left, Stage::Recover)?;
    nothing_installed(world, "the proposer is dead")?;
    none_heard(world, &[quick, slow], behind, "nothing is delivered while a view ends")?;
    world.network.mend_data(slow);
    wait_together(world, token(world), &left)?;
    heard_in_order(world, &left, &[key, behind])?;
    heal(world)
}
