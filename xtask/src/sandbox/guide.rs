//! How to talk to a node, and how to hurt it.

use anyhow::Result;
use cman_e2e::{cluster::Cluster, command::run_with_input, lab::Lab};

/// An empty chain for the user's own faults, apart from those that tests make.
const CHAIN: &str = "add table bridge hurt
add chain bridge hurt c { type filter hook forward priority 1; policy accept; }
";

/// Prepares the bridge so that one short command each hurts and heals.
pub(crate) fn prepare(lab: &Lab) -> Result<()> {
    run_with_input("ip", &["netns", "exec", &lab.bridge(), "nft", "-f", "-"], CHAIN).map(drop)
}

/// The guide for this cluster. Node 1 is the example.
pub(crate) fn text(cluster: &Cluster) -> Result<String> {
    let node = cluster.node(1)?;
    let tool = node.tool_command();
    let words = std::iter::once(tool.get_program()).chain(tool.get_args());
    let tool: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    Ok(format!(
        "Talk to node 1 (or 2, 3, ...):\n  {tool} status\n  tail -f {log}\n\
         Kill its daemon, which is started again after {restart} s:\n  kill -9 {pid}\n\
         Cut node 1 off, lose 30 % of all frames, heal:\n  \
         H='ip netns exec {bridge} nft'\n  \
         $H add rule bridge hurt c iifname v1 drop; $H add rule bridge hurt c oifname v1 drop\n  \
         $H add rule bridge hurt c numgen random mod 100 '<' 30 drop\n  \
         $H flush chain bridge hurt c\n\
         Ctrl-C ends the sandbox and leaves nothing behind.",
        tool = tool.join(" "),
        log = node.log_file().display(),
        restart = super::watched::RESTART_AFTER.as_secs(),
        pid = node.pid().unwrap_or(0),
        bridge = cluster.lab().bridge(),
    ))
}
