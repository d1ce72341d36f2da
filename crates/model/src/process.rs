//! Identity of a process: never its number alone.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// One boot of one machine, as the kernel names it (`/proc/sys/kernel/random/boot_id`).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BootId(u128);

impl FromStr for BootId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex: String = text.trim().chars().filter(|c| *c != '-').collect();
        match u128::from_str_radix(&hex, 16) {
            Ok(id) if hex.len() == 32 => Ok(Self(id)),
            _ => Err(format!("`{}` is not a boot id", text.escape_debug())),
        }
    }
}

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", self.0);
        write!(f, "{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

impl fmt::Debug for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for BootId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<BootId> for String {
    fn from(id: BootId) -> Self {
        id.to_string()
    }
}

/// A process that can be told from any later one with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessId {
    /// The boot in which it lives or lived.
    pub boot: BootId,
    /// Its number, in the daemon's pid namespace.
    pub pid: u32,
    /// Field 22 of `/proc/PID/stat`: clock ticks after boot.
    pub start_time: u64,
}

/// What is known of whether something lives. A zombie is dead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Liveness {
    Alive,
    Dead,
    /// Cannot tell: busy, stopped, or not visible from here.
    #[default]
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_ids_read_what_the_kernel_writes() {
        let text = "5b1f0b6e-0e8e-4c55-8a3d-0c6f6d2d9f10";
        assert_eq!(format!("{text}\n").parse::<BootId>().unwrap().to_string(), text);
        for bad in ["", "5b1f", "zz1f0b6e-0e8e-4c55-8a3d-0c6f6d2d9f10"] {
            assert!(bad.parse::<BootId>().is_err(), "{bad}");
        }
    }
}
