//! How to talk to a node, and how to hurt it.

use anyhow::Result;
use cman_e2e::cluster::Cluster;

/// The guide for this cluster. Node 1 is the example.
pub(crate) fn text(cluster: &Cluster) -> Result<String> {
    let node = cluster.node(1)?;
    let tool = node.tool_command();
    let words = std::iter::once(tool.get_program()).chain(tool.get_args());
    let tool: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    let tool = tool.join(" ");
    let pid = node.pid().unwrap_or(0);
    let log = node.log_file();
    let nft = format!("ip netns exec {} nft", cluster.lab().bridge());
    let chain = "add chain bridge hurt c { type filter hook forward priority 1; }";
    let hurt = |rule: &str| {
        format!("{nft} 'add table bridge hurt; {chain}; add rule bridge hurt c {rule} drop'")
    };
    Ok(format!(
        "Talk to node 1 (nodeN for the others):\n  {tool} status\n  tail -f {log}\n\
         Hurt it (a dead daemon is started again after {restart} s):\n  kill -9 {pid}\n\
         Cut node 1 off, lose 30 % of all frames, heal:\n  {cut}\n  {lose}\n  \
         {nft} delete table bridge hurt\n\
         Ctrl-C ends the sandbox and leaves nothing behind.",
        log = log.display(),
        restart = super::watched::RESTART_AFTER.as_secs(),
        cut = format_args!("{}; {}", hurt("iifname v1"), hurt("oifname v1")),
        lose = hurt("numgen random mod 100 < 30"),
    ))
}
