//! What is different between two configurations, and needs a restart: all but the version and the
//! time that clients have to object to a shutdown.

use cman_config::{Config, NodeConfig, Transport};
use core::fmt::Display;
use std::collections::BTreeMap;

/// One clause for each difference.
pub(super) fn differences(old: &Config, new: &Config) -> Vec<String> {
    let Config {
        cluster_name,
        config_version: _,
        cluster_id,
        nodes,
        expected_votes,
        two_node,
        wait_for_all,
        port,
        keyfile,
        multicast,
        transport,
        encryption,
        token,
        device_poll,
        shutdown_timeout: _,
    } = old;
    let path =
        |path: &Option<_>| shown(path.as_ref().map(|path: &std::path::PathBuf| path.display()));
    let ms = |time: &std::time::Duration| format!("{} ms", time.as_millis());
    let values = [
        value("the name of the cluster", cluster_name, &new.cluster_name),
        value("cluster_id", cluster_id, &new.cluster_id),
        value("expected_votes", expected_votes, &new.expected_votes),
        value("two_node", &switch(*two_node), &switch(new.two_node)),
        value("wait_for_all", &switch(*wait_for_all), &switch(new.wait_for_all)),
        value("port", port, &new.port),
        value("keyfile", &path(keyfile), &path(&new.keyfile)),
        value("the multicast address", &shown(*multicast), &shown(new.multicast)),
        value("transport", &word(*transport), &word(new.transport)),
        value("encryption", &on_off(*encryption), &on_off(new.encryption)),
        value("token", &ms(token), &ms(&new.token)),
        value("quorum_dev_poll", &ms(device_poll), &ms(&new.device_poll)),
    ];
    let mut all = node_differences(nodes, &new.nodes);
    all.extend(values.into_iter().flatten());
    all
}

fn node_differences(old: &[NodeConfig], new: &[NodeConfig]) -> Vec<String> {
    let by_id = |nodes: &[NodeConfig]| -> BTreeMap<_, _> {
        nodes.iter().map(|node| (node.id, node.clone())).collect()
    };
    let (old, new) = (by_id(old), by_id(new));
    let mut all = Vec::new();
    for (id, node) in &new {
        let Some(before) = old.get(id) else {
            all.push(format!("node {id} ({}) is new", node.name));
            continue;
        };
        all.extend(value(&format!("the name of node {id}"), &before.name, &node.name));
        all.extend(value(&format!("the number of votes of node {id}"), &before.votes, &node.votes));
    }
    let gone = old.iter().filter(|(id, _)| !new.contains_key(id));
    all.extend(gone.map(|(id, node)| format!("node {id} ({}) is gone", node.name)));
    all
}

fn value<T: Display + PartialEq>(what: &str, old: &T, new: &T) -> Option<String> {
    (old != new).then(|| format!("{what} is {new}, was {old}"))
}

fn shown(value: Option<impl Display>) -> String {
    value.map_or_else(|| "the default".to_owned(), |value| value.to_string())
}

const fn switch(on: bool) -> u8 {
    if on { 1 } else { 0 }
}

const fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

const fn word(transport: Transport) -> &'static str {
    match transport {
        Transport::Multicast => "udp",
        Transport::Unicast => "udpu",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(cluster: &str, inside: &str, nodes: &[(u32, &str, u32)]) -> Config {
        let nodes: String = nodes
            .iter()
            .map(|(id, name, votes)| {
                format!("<clusternode nodeid=\"{id}\" name=\"{name}\" votes=\"{votes}\"/>")
            })
            .collect();
        let text = format!(
            "<cluster name=\"alpha\" {cluster}>{inside}<clusternodes>{nodes}</clusternodes>\
             </cluster>"
        );
        cman_config::parse("cluster.conf", text.as_bytes()).unwrap().config
    }

    const THREE: [(u32, &str, u32); 3] = [(1, "n1", 1), (2, "n2", 1), (3, "n3", 1)];

    #[test]
    fn version_and_time_to_object_need_no_restart() {
        let old = config("config_version=\"1\"", "", &THREE);
        let new = config("config_version=\"2\"", "<cman shutdown_timeout=\"9\"/>", &THREE);
        assert_eq!(differences(&old, &new), [""; 0]);
    }

    #[test]
    fn nodes_that_come_go_and_change_are_named() {
        let old = config("config_version=\"1\"", "", &THREE);
        let new = [(1, "n1", 1), (2, "m2", 3), (4, "n4", 1)];
        let new = config("config_version=\"2\"", "", &new);
        let told = [
            "the name of node 2 is m2, was n2",
            "the number of votes of node 2 is 3, was 1",
            "node 4 (n4) is new",
            "node 3 (n3) is gone",
            "expected_votes is 5, was 3",
        ];
        assert_eq!(differences(&old, &new), told);
    }

    #[test]
    fn every_other_value_is_compared() {
        let old = config("config_version=\"1\"", "", &THREE);
        let inside = "<cman cluster_id=\"7\" port=\"6809\" keyfile=\"/k\" transport=\"udpu\" \
                      encryption=\"off\" wait_for_all=\"1\" quorum_dev_poll=\"700\"/>\
                      <totem token=\"700\"/>";
        let told = differences(&old, &config("config_version=\"1\"", inside, &THREE));
        assert_eq!(
            told.join("; "),
            "cluster_id is 7, was 3169; wait_for_all is 1, was 0; port is 6809, was 5405; keyfile \
             is /k, was the default; transport is udpu, was udp; encryption is off, was on; token \
             is 700 ms, was 2000 ms; quorum_dev_poll is 700 ms, was 10000 ms"
        );
    }
}
