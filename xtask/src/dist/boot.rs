//! Boots a fresh system in which the package is installed and enabled.
//!
//! A virtual machine with systemd: what the unit promises (start at boot, restart after a death,
//! an end in good order) is only true where systemd runs it. No acceleration is assumed, so it
//! takes some minutes.

use super::{fresh, text_of};
use crate::packages;
use anyhow::{Context, Result, bail, ensure};
use cman_e2e::{
    command::{run as run_command, system_command},
    lab::Lab,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

/// What happens inside, once it has booted.
const SCRIPT: &str = include_str!("boot.sh");

/// What runs the script and ends the machine, whatever the script's end.
const UNIT: &str = "\
[Unit]
Description=Check of the package
After=multi-user.target

[Service]
Type=oneshot
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
ExecStart=/bin/sh -c 'sh /check.sh && echo PACKAGE-WORKS; systemctl poweroff'

[Install]
WantedBy=multi-user.target
";

/// The only network interface there is, whatever its name.
const NETWORK: &str = "[Match]\nType=ether\n\n[Network]\nAddress=10.77.0.1/24\n";

const CONFIGURATION: &str = r#"<?xml version="1.0"?>
<cluster name="check" config_version="1">
  <clusternodes>
    <clusternode name="n1" nodeid="1"/>
  </clusternodes>
</cluster>
"#;

/// What the system has besides the essential.
const PACKAGES: &[&str] = &["systemd-sysv", "udev", "linux-image-cloud-amd64"];

/// What the machine says when all went well.
const SUCCESS: &str = "PACKAGE-WORKS";

/// Seconds until the machine is given up.
const PATIENCE: &str = "900";

const NEEDS: &[packages::Need] = &[
    ("mmdebstrap", "mmdebstrap"),
    ("mkfs.ext4", "e2fsprogs"),
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("chroot", "coreutils"),
    ("timeout", "coreutils"),
];

/// Boots, checks and ends the machine; fails, with what it said, if anything is not as it must be.
pub(super) fn run(package: &Path) -> Result<()> {
    packages::ensure_root("`cargo xtask dist --boot`", "run it with sudo")?;
    packages::ensure(NEEDS)?;
    // Only its directory is used, which goes away with it.
    let lab = Lab::new(1)?;
    let root = lab.directory().join("root");
    let suite = fresh::make(&root, PACKAGES)?;
    install(&root, package)?;
    let disk = lab.directory().join("disk");
    let (disk, from) = (text_of(&disk)?, text_of(&root)?);
    run_command("mkfs.ext4", &["-q", "-d", from, disk, "2G"])?;
    println!("booting it");
    let said = boot(&root, disk)?;
    if !said.contains(SUCCESS) {
        bail!("the package does not work where systemd runs it:\n{said}");
    }
    println!("booted, restarted after a death, left and stopped in a {suite} system with systemd");
    Ok(())
}

fn install(root: &Path, package: &Path) -> Result<()> {
    fs::copy(package, root.join("cman.deb"))?;
    fs::write(root.join("check.sh"), SCRIPT)?;
    fs::write(root.join("etc/hosts"), "127.0.0.1 localhost\n10.77.0.1 n1\n")?;
    fs::write(root.join("etc/hostname"), "n1\n")?;
    fs::write(root.join("etc/systemd/network/lan.network"), NETWORK)?;
    fs::write(root.join("etc/systemd/system/check.service"), UNIT)?;
    fs::create_dir_all(root.join("etc/cluster"))?;
    fs::write(root.join("etc/cluster/cluster.conf"), CONFIGURATION)?;
    let root = text_of(root)?;
    run_command("chroot", &[root, "dpkg", "--install", "/cman.deb"])?;
    run_command("chroot", &[root, "cman_tool", "keygen"])?;
    let enable = ["systemctl", "enable", "systemd-networkd", "cman", "check"];
    run_command("chroot", &[&[root], &enable[..]].concat())?;
    Ok(())
}

/// Runs the machine to its end; returns what its console showed.
fn boot(root: &Path, disk: &str) -> Result<String> {
    let (kernel, initrd) = (newest(root, "vmlinuz-")?, newest(root, "initrd.img-")?);
    let drive = format!("file={disk},format=raw,if=virtio,cache=unsafe");
    let output = system_command("timeout")
        .args([PATIENCE, "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max"])
        .args(["-m", "1024", "-smp", "2", "-nographic", "-no-reboot", "-monitor", "none"])
        .args(["-kernel", text_of(&kernel)?, "-initrd", text_of(&initrd)?, "-drive", &drive])
        .args(["-append", "root=/dev/vda rw console=ttyS0 quiet"])
        .args(["-nic", "user,restrict=on,model=virtio-net-pci"])
        .stdin(Stdio::null())
        .output()
        .context("cannot run qemu-system-x86_64")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the machine did not end by itself: {complaint}\n{said}");
    Ok(said)
}

/// The newest file in `/boot` whose name begins so.
fn newest(root: &Path, name: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(root.join("boot"))?.collect::<Result<Vec<_>, _>>()?;
    let paths = entries.into_iter().map(|entry| entry.path());
    let found = paths.filter(|path| {
        path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(name))
    });
    found.max().with_context(|| format!("the fresh system has no /boot/{name}..."))
}
