//! Others on the same port and multicast address do not disturb a cluster, and are told apart.

use anyhow::Result;
use cman_e2e::{
    cases::{
        Scale,
        strangers::{self, ABSENT, Neighbourhood, VERSION},
    },
    conf::Conf,
    figure::check_all,
    turn,
};
use std::time::Duration;

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
    Ok(())
}
