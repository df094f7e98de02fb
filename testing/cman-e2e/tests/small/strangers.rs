//! Others on the same port and multicast address do not disturb a cluster, and are told apart.

use anyhow::{Result, ensure};
use cman_e2e::{
    cases::{
        Scale,
        strangers::{self, ABSENT, Neighbourhood, VERSION},
    },
    conf::Conf,
    figure::check_all,
    turn,
};
use serde_json::{Value, json};
use std::{thread::sleep, time::Duration};

fn scale() -> Scale {
    Scale { fault: Duration::from_secs(4), ..Scale::short() }
}

#[test]
fn who_cannot_be_understood_is_counted() -> Result<()> {
    let _turn = turn::shared()?;
    check_all(&strangers::foreigners(&scale())?)
}

#[test]
fn who_may_not_join_is_refused_and_may_come_when_it_is_put_right() -> Result<()> {
    let _turn = turn::shared()?;
    let mut neighbourhood = Neighbourhood::new(&scale())?;
    check_all(&neighbourhood.same_id()?)?;
    check_all(&neighbourhood.not_configured()?)?;
    check_all(&neighbourhood.other_version(VERSION + 1, "a newer config_version")?)?;
    check_all(&neighbourhood.other_version(VERSION - 1, "an older config_version")?)?;

    let mut right = Conf::new(ABSENT).token(scale().token());
    right.version = VERSION;
    neighbourhood.configure_absent(&right)?;
    neighbourhood.stage.cluster.node_mut(ABSENT)?.start()?;
    neighbourhood.stage.cluster.wait_formed(&[1, 2, 3, ABSENT], Duration::from_secs(60))?;

    // Programs hear of each of them, from whoever refused it.
    sleep(Duration::from_millis(500));
    let mut told = Vec::new();
    for &number in &neighbourhood.stage.all {
        told.extend(neighbourhood.stage.watch.events(number)?);
    }
    let has = |kind: &str, pointer: &str, value: Value| {
        told.iter()
            .any(|event| event.event == kind && event.fields.pointer(pointer) == Some(&value))
    };
    ensure!(has("node", "/reason", json!("duplicate_node")), "nothing of a second node 2");
    for version in [VERSION - 1, VERSION + 1] {
        let other = json!({ "node": ABSENT, "config_version": version });
        ensure!(has("config", "/other", other), "nothing of configuration {version}: {told:?}");
    }
    ensure!(has("node", "/change", json!("joined")), "nothing of its coming");
    Ok(())
}
