//! Blocks of IPv4 addresses.

use std::net::Ipv4Addr;

/// A block: its first address and the length of its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    first: u32,
    length: u32,
}

fn block(text: &str) -> Option<Block> {
    let (address, length) = text.split_once('/')?;
    let address: Ipv4Addr = address.parse().ok()?;
    let length: u32 = length.parse().ok().filter(|length| *length <= 32)?;
    Some(Block { first: u32::from(address) & mask(length), length })
}

fn mask(length: u32) -> u32 {
    u32::MAX.checked_shl(32 - length).unwrap_or(0)
}

/// Whether two blocks have an address in common; not where either cannot be read.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    let (Some(one), Some(other)) = (block(one), block(other)) else { return false };
    let common = mask(one.length.min(other.length));
    one.first & common == other.first & common
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_overlap_where_one_is_in_the_other() {
        assert!(overlap("10.0.0.0/16", "10.0.1.0/24") && overlap("10.0.1.0/24", "10.0.0.0/16"));
        assert!(overlap("0.0.0.0/0", "10.0.1.0/24") && overlap("10.0.1.7/32", "10.0.1.0/24"));
        assert!(!overlap("10.0.2.0/24", "10.0.1.0/24") && !overlap("192.168.0.0/16", "10.0.1.0/24"));
        for unreadable in ["::/0", "10.0.0.0", "10.0.0.0/33", "x/8"] {
            assert!(!overlap(unreadable, "10.0.0.0/8"), "{unreadable}");
        }
    }
}
