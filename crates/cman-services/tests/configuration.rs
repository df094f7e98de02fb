//! Which version of the configuration is wanted: known to all members, whenever they came.
#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test fails by panic")]

mod cluster;

use cluster::Cluster;
use cman_services::WantedConfig;

fn want(cluster: &mut Cluster, id: u32, version: u64, like: u64) {
    cluster.want_config(id, WantedConfig { version, like });
    cluster.run();
}

fn wanted(cluster: &mut Cluster, ids: &[u32]) -> Vec<(u64, u64)> {
    let wanted = |id: &u32| {
        let WantedConfig { version, like } = cluster.node(*id).services.wanted_config();
        (version, like)
    };
    ids.iter().map(wanted).collect()
}

/// CF-03
#[test]
fn all_members_know_what_one_of_them_wants() {
    let mut cluster = Cluster::formed(3);
    want(&mut cluster, 2, 7, 7);
    assert_eq!(wanted(&mut cluster, &[1, 2, 3]), [(7, 7); 3]);
    want(&mut cluster, 3, 7, 6);
    want(&mut cluster, 1, 6, 1);
    assert_eq!(wanted(&mut cluster, &[1, 2, 3]), [(7, 6); 3]);
}

/// CF-04
#[test]
fn who_was_not_there_learns_it_on_meeting() {
    let mut cluster = Cluster::formed(3);
    cluster.view(&[1, 2]);
    cluster.view(&[3]);
    cluster.run();
    want(&mut cluster, 1, 7, 5);
    want(&mut cluster, 3, 7, 6);
    cluster.start(4);
    assert_eq!(wanted(&mut cluster, &[1, 2, 3, 4]), [(7, 5), (7, 5), (7, 6), (0, 0)]);
    cluster.view(&[3, 1, 2, 4]);
    cluster.run();
    assert_eq!(wanted(&mut cluster, &[1, 2, 3, 4]), [(7, 5); 4]);
}
