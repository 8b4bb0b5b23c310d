//! Compressing layers: on all cores, always with the same result, through files and not memory.
//!
//! | file | what it does |
//! | --- | --- |
//! | `encode` | one member: 128 KiB of a layer (gzip) or a MiB (zstd), compressed on its own |
//! | `pool` | threads and buffers that all layers share |
//! | `packer` | a layer, from a reader into a file, hashed before and after |

mod encode;
mod packer;
mod pool;
#[cfg(test)]
mod tests;

pub(super) use encode::recipe;
pub(super) use packer::{Packed, Packer};
