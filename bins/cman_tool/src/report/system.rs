//! Facts about the machine: what the kernel tells, and what a few programs print.

use std::{
    fs::File,
    io::{self, Read},
    process::{Command, Stdio},
};

/// Most bytes of one file or program that are taken.
const BYTES_MAX: u64 = 4 << 20;

/// Files of the kernel and the system. None of them holds a secret.
const FILES: [&str; 14] = [
    "/etc/os-release",
    "/proc/version",
    "/proc/uptime",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/pressure/cpu",
    "/proc/net/dev",
    "/proc/net/igmp",
    "/proc/net/if_inet6",
    "/proc/net/snmp",
    "/proc/net/udp",
    "/proc/net/udp6",
    "/proc/sys/net/core/rmem_max",
    "/sys/devices/system/clocksource/clocksource0/current_clocksource",
];

/// Programs that only look.
const PROGRAMS: [&[&str]; 5] = [
    &["ip", "-details", "-statistics", "address"],
    &["ip", "route", "show", "table", "all"],
    &["ip", "maddress"],
    &["systemctl", "status", "--no-pager", "cman"],
    &["journalctl", "--no-pager", "--lines=5000", "--unit=cman"],
];

/// All of them, one after another. What cannot be had says why.
pub(crate) fn facts() -> String {
    let mut text = String::new();
    for path in FILES {
        push(&mut text, path, read(path));
    }
    for program in PROGRAMS {
        push(&mut text, &format!("$ {}", program.join(" ")), run(program));
    }
    text
}

fn push(text: &mut String, title: &str, content: io::Result<String>) {
    let content = content.unwrap_or_else(|error| format!("(not to be had: {error})"));
    text.push_str(&format!("===== {title}\n{}\n\n", content.trim_end()));
}

fn read(path: &str) -> io::Result<String> {
    take(File::open(path)?)
}

fn run(program: &[&str]) -> io::Result<String> {
    let Some((name, args)) = program.split_first() else { return Ok(String::new()) };
    let mut child = Command::new(name)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let text = child.stdout.take().map_or_else(|| Ok(String::new()), take);
    child.wait()?;
    text
}

fn take(from: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.take(BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_told_and_what_is_not_says_so() {
        let mut text = String::new();
        push(&mut text, "here", read("/proc/version"));
        push(&mut text, "gone", read("/nowhere"));
        push(&mut text, "$ program", run(&["echo", "hello"]));
        assert!(text.contains("===== here\nLinux version"), "{text}");
        assert!(text.contains("===== gone\n(not to be had: "), "{text}");
        assert!(text.contains("===== $ program\nhello\n"), "{text}");
    }
}
